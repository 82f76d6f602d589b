"""What the doors say when Postgres takes no connection: try again soon, and nothing was done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.config import use_settings
from shared.store.session import current_store
from tests.support.doors import RUNS, STEP_TASK, Doors, Person

TASK = dict.fromkeys(("workspace_id", "run_id", "step_id"), "00000000-0000-4000-8000-000000000000")


@pytest.fixture
def full(doors: Doors, tmp_path: Path) -> Iterator[Doors]:
    """The doors while no connection to their database can be made."""
    nowhere = SecretStr(f"postgresql://army_door@/army?host={tmp_path}")
    use_settings(doors.settings.model_copy(update={"database_url": nowhere, "database_unscoped_url": nowhere}))
    yield doors
    current_store().close()
    use_settings(doors.settings)


@pytest.mark.parametrize("path", [STEP_TASK, "/tasks/sweep"])
def test_a_delivery_is_sent_back(full: Doors, path: str) -> None:
    """503 with Retry-After: the queue slows down and delivers again. 200 would lose the delivery."""
    answer = full.knock("POST", path, full.task_token, json=TASK if path == STEP_TASK else {})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json is not None
    assert answer.json["title"] == "store_busy"


def test_a_person_is_told_to_try_again(full: Doors, person: Person) -> None:
    """The same answer, and no word of where the database is."""
    answer = person.get(RUNS)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "army_door" not in answer.text
