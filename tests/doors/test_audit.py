"""The doors of the audit: a telling by the queue, and the verdict on a run's chain."""

from __future__ import annotations

from uuid import uuid4

from tests.support.doors import RUNS, Doors, Person, refusal, told


def test_a_telling_that_is_off_says_so(doors: Doors, person: Person) -> None:
    """Where audit and mirror are off, a task that is left over is answered, and does nothing."""
    body = {"workspace_id": str(person.workspace), "subject_id": person.run()}

    answer = doors.knock("POST", "/tasks/relay", doors.task_token, json=body)

    assert told(answer) == {"outcome": "off", "published": 0, "mirrored": 0}


def test_a_run_says_whether_its_audit_is_whole(person: Person, stranger: Person) -> None:
    """Nothing is published of it here, which is no proof; to another workspace the run is not there."""
    run_id = person.run()

    found = told(person.get(f"{RUNS}/{run_id}/audit"))

    assert (found["verdict"], found["published"], found["first_broken_seq"]) == ("unpublished", 0, None)
    assert refusal(stranger.get(f"{RUNS}/{run_id}/audit"), 404)["field"] == "run_id"
    assert refusal(person.get(f"{RUNS}/{uuid4()}/audit"), 404)["field"] == "run_id"
