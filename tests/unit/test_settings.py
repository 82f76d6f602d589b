"""The one reader of the environment."""

from __future__ import annotations

import pytest

from shared.config import Settings
from shared.errors import NotEnoughSettingsError


def test_nothing_set_is_mock_everywhere() -> None:
    """A fresh clone needs no key and no account."""
    settings = Settings.from_env({})

    assert (settings.claude_mode, settings.tiktok_provider_mode) == ("mock", "mock")


def test_modes_are_independent() -> None:
    """Real models over mock accounts, and the other way round."""
    settings = Settings.from_env({"CLAUDE_MODE": "real", "ANTHROPIC_API_KEY": "k"})

    assert (settings.claude_mode, settings.tiktok_provider_mode) == ("real", "mock")


def test_everything_missing_is_named_at_once() -> None:
    """One message names all that is missing, with the mode that wants it."""
    environ = {"CLAUDE_MODE": "real", "TIKTOK_PROVIDER_MODE": "dataset", "CLOUD_SQL_INSTANCE": "p:r:i"}

    with pytest.raises(NotEnoughSettingsError) as refused:
        Settings.from_env(environ)

    for name in ("ANTHROPIC_API_KEY", "TIKTOK_DATASET", "CLOUD_SQL_USER"):
        assert name in refused.value.message


def test_everything_wrong_is_named_at_once() -> None:
    """Two wrong values: both names, what is allowed, and neither value."""
    with pytest.raises(NotEnoughSettingsError) as refused:
        Settings.from_env({"CLAUDE_MODE": "maybe-secret", "STEP_LEASE_S": "soon-secret"})

    assert "CLAUDE_MODE: Input should be 'mock' or 'real'" in refused.value.message
    assert "STEP_LEASE_S" in refused.value.message
    assert "secret" not in refused.value.message


def test_empty_is_unset() -> None:
    """A variable set to nothing keeps its default, as shells and Terraform leave them."""
    assert Settings.from_env({"CLAUDE_MODE": "", "DATABASE_URL": ""}).database_url is None


def test_secrets_do_not_print() -> None:
    """Neither a key nor a password stands in what a log would show."""
    settings = Settings.from_env({"ANTHROPIC_API_KEY": "sk-ant-hidden", "DATABASE_URL": "postgresql://u:hidden@h/d"})

    assert "hidden" not in repr(settings)
    assert "hidden" not in settings.model_dump_json()
    assert "sk-ant-hidden" in settings.secrets
