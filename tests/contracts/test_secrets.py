"""Where tokens are kept: files and Secret Manager, held to the same contract; the latter over gRPC at a fake."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.fakes.secret_manager import FakeSecretManager
from shared.config import Settings
from shared.errors import NotEnoughSettingsError, NotFoundError, ProviderDownError
from shared.secrets.files import FileSecrets
from shared.secrets.secret_manager import ManagedSecrets
from shared.secrets.store import SecretStore, secret_store

CANARY = "act.canary-7f3a"


@pytest.fixture
def fake() -> Iterator[FakeSecretManager]:
    with FakeSecretManager() as one:
        yield one


@pytest.fixture
def managed(fake: FakeSecretManager) -> ManagedSecrets:
    return ManagedSecrets("p", fake.host, timeout_s=3.0)


@pytest.fixture(params=["files", "managed"])
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStore:
    if request.param == "files":
        return FileSecrets(tmp_path / "secrets")
    found: ManagedSecrets = request.getfixturevalue("managed")
    return found


def test_versions_stay_what_they_are(secrets: SecretStore) -> None:
    """A new value is a new version; the older reference is good until it is forgotten."""
    first = secrets.put("one", CANARY)
    second = secrets.put("one", "später 🌿")

    assert (secrets.get(first), secrets.get(second)) == (CANARY, "später 🌿")
    assert secrets.newest("one") == second
    secrets.forget(first)
    secrets.forget(first)
    with pytest.raises(NotFoundError):
        secrets.get(first)
    assert secrets.get(second) == "später 🌿"


def test_forgotten_is_gone(secrets: SecretStore) -> None:
    """Every version of it, and nothing of another secret; forgetting twice is harmless."""
    ours = [secrets.put("one", CANARY), secrets.put("one", CANARY)]
    other = secrets.put("two", "b")
    secrets.forget_all("one")
    secrets.forget_all("one")

    assert secrets.newest("one") is None
    for reference in ours:
        with pytest.raises(NotFoundError):
            secrets.get(reference)
    assert secrets.get(other) == "b"


def test_writers_at_once_lose_nothing(secrets: SecretStore) -> None:
    """Eight values at once are eight versions."""
    values = [f"value-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        references = list(pool.map(lambda value: secrets.put("one", value), values))

    assert len(set(references)) == 8
    assert [secrets.get(reference) for reference in references] == values


@pytest.mark.parametrize("odd", ["", "file:../x/1", "file:one/../../passwd", "projects/p/secrets/x/versions/latest"])
def test_what_is_no_reference_leads_nowhere(secrets: SecretStore, odd: str) -> None:
    """A reference leads to a version and to nothing else."""
    secrets.put("one", CANARY)

    with pytest.raises(NotFoundError):
        secrets.get(odd)


@pytest.mark.parametrize("odd", ["../one", "One", "a/b", "", "x" * 201])
def test_a_name_is_a_name(secrets: SecretStore, odd: str) -> None:
    """Nothing that leads elsewhere is a secret's name."""
    with pytest.raises(ValueError):
        secrets.put(odd, CANARY)


def test_files_are_their_owners(tmp_path: Path) -> None:
    """Files 0600 in folders 0700, whatever the umask is."""
    FileSecrets(tmp_path / "secrets").put("one", CANARY)
    modes = {
        path.is_dir(): stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "secrets", *(tmp_path / "secrets").rglob("*")]
    }

    assert modes == {True: 0o700, False: 0o600}


def test_an_outage_is_told_without_the_secret(managed: ManagedSecrets, fake: FakeSecretManager) -> None:
    """Down is asked again later, closed is our setting; no error quotes what was to be kept."""
    fake.down = 1
    with pytest.raises(ProviderDownError) as down:
        managed.put("one", CANARY)
    fake.closed = True
    with pytest.raises(NotEnoughSettingsError, match="SECRET_STORE") as closed:
        managed.put("one", CANARY)

    for error in (down.value, closed.value):
        assert CANARY not in str(error)
        assert CANARY not in repr(error.__cause__)


def test_the_setting_decides(tmp_path: Path, fake: FakeSecretManager) -> None:
    """Files below ARMY_HOME, else Secret Manager of GCP_PROJECT."""
    secret_store(Settings(army_home=tmp_path)).put("one", CANARY)
    given = {"secret_store": "secret_manager", "gcp_project": "p", "secret_manager_emulator_host": fake.host}
    reference = secret_store(Settings.model_validate(given)).put("one", CANARY)

    assert (tmp_path / "secrets" / "one").is_dir()
    assert reference == "projects/p/secrets/one/versions/1"
    assert fake.secrets == {"projects/p/secrets/one": [CANARY.encode()]}
