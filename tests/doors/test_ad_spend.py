"""What ads spent, through the doors: read on schedule by whoever is the scheduler, and by people of the workspace."""

from __future__ import annotations

import pytest

from tests.support.doors import Doors, Person, refusal, told

TICK = "/schedules/ad-spend"
AD_SPEND = "/api/dashboard/ad-spend"
NOTHING = {"campaigns_read": 0, "days_settled": 0, "campaigns_paused": 0, "campaigns_failed": 0, "is_full": False}


def scheduler(doors: Doors) -> str:
    return doors.signer.task_token(doors.settings.scheduler_email, doors.settings.schedule_audience)


def test_the_scheduler_ticks(doors: Doors) -> None:
    """200 with what was read, with an empty body as with none."""
    for body in (None, b"", b"{}"):
        answer = doors.knock("POST", TICK, scheduler(doors), data=body)
        assert (answer.status_code, set(told(answer))) == (200, set(NOTHING)), answer.text


@pytest.mark.parametrize(
    ("who", "status"), [("person", 401), ("queue", 403), ("scheduler elsewhere", 401), ("nobody", 401)]
)
def test_nobody_else_ticks(doors: Doors, person: Person, who: str, status: int) -> None:
    """People, the queue's account and tokens for another address are turned away; nothing is written."""
    elsewhere = doors.signer.task_token(doors.settings.scheduler_email, "https://elsewhere.example")
    tokens = {"person": person.token, "queue": doors.task_token, "scheduler elsewhere": elsewhere, "nobody": None}

    with person.writes_nothing():
        refusal(doors.knock("POST", TICK, tokens[who]), status)


def test_a_tick_takes_no_fields(doors: Doors) -> None:
    """422 names what is too much."""
    assert refusal(doors.knock("POST", TICK, scheduler(doors), json={"workspace": "x"}), 422)["field"] == "workspace"


def test_people_see_their_own(person: Person, stranger: Person) -> None:
    """An empty list and an empty tick where nothing was launched; a token is needed."""
    assert told(person.get(AD_SPEND)) == {"campaigns": []}
    assert told(person.post(f"{AD_SPEND}/settle")) == NOTHING
    refusal(person.doors.knock("GET", AD_SPEND), 401)
    refusal(person.doors.knock("POST", f"{AD_SPEND}/settle"), 401)
