"""The retry loop by itself: which failures are tried again, how long it waits, and the deadline it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from shared.errors import ModelBusyError, ModelRequestError, OutOfTimeError
from shared.llm.attempts import (
    Failure,
    Reply,
    RetryPolicy,
    ask_until_answered,
    current_retry_policy,
    use_retry_policy,
)

GOOD = Reply({"type": "message"}, "req_1")
BUSY = Failure("status", status=529, type="overloaded_error")


@dataclass
class Line:
    """A line to a model that answers from a list, and remembers how long each try was given."""

    outcomes: list[Reply | Failure]
    given_s: list[float] = field(default_factory=list)

    async def send(self, timeout_s: float) -> Reply | Failure:
        self.given_s.append(timeout_s)
        return self.outcomes.pop(0)


async def answer(line: Line, left: Callable[[], float | None] = lambda: None) -> Reply:
    """Asks over the line."""
    return await ask_until_answered(line.send, who="tester", timeout_s=60, seconds_left=left, slot=asyncio.Semaphore(1))


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """A policy that does not wait."""
    before = current_retry_policy()
    use_retry_policy(RetryPolicy(base_s=0.0))
    yield
    use_retry_policy(before)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_passing_trouble_is_tried_again(status: int) -> None:
    """What may pass by itself is tried again."""
    line = Line([Failure("status", status=status), GOOD])

    assert asyncio.run(answer(line)) is GOOD
    assert len(line.given_s) == 2


@pytest.mark.parametrize("kind", ["connection", "timeout", "unreadable"])
def test_lost_answers_are_tried_again(kind: str) -> None:
    """A dropped connection, a silence and an unreadable answer may pass too."""
    failure = {"connection": Failure("connection"), "timeout": Failure("timeout")}.get(kind, Failure("unreadable"))

    assert asyncio.run(answer(Line([failure, GOOD]))) is GOOD


@pytest.mark.parametrize(
    "failure",
    [
        *(Failure("status", status=status) for status in (400, 401, 402, 403, 404, 413, 422)),
        Failure("status", status=429, type="rate_limit_error", code="enforced_spend_limit_reached"),
        Failure("status", status=429, code="contract_spend_limit_reached", should_retry=True),
        Failure("status", status=200, type="invalid_request_error"),
    ],
)
def test_hopeless_trouble_is_not(failure: Failure) -> None:
    """A wrong request and a spend limit are errors at once: no second try, no retry of the step."""
    line = Line([failure, GOOD])
    with pytest.raises(ModelRequestError):
        asyncio.run(answer(line))

    assert len(line.given_s) == 1


@pytest.mark.parametrize("kind", ["overloaded_error", "rate_limit_error", "api_error"])
def test_stream_errors_are_known_by_type(kind: str) -> None:
    """An error event inside a stream has status 200; its type says that it may pass."""
    assert asyncio.run(answer(Line([Failure("status", status=200, type=kind), GOOD]))) is GOOD


def test_three_tries_at_most() -> None:
    """After two more tries the step is given back, to be tried later."""
    line = Line([BUSY, BUSY, BUSY, GOOD])
    with pytest.raises(ModelBusyError, match="529 overloaded_error after 3 tries"):
        asyncio.run(answer(line))

    assert len(line.given_s) == 3


@pytest.mark.parametrize(("should_retry", "status", "tries"), [(True, 400, 2), (False, 529, 1)])
def test_the_servers_word_counts(should_retry: bool, status: int, tries: int) -> None:
    """`x-should-retry` is stronger than the status."""
    line = Line([Failure("status", status=status, should_retry=should_retry), GOOD])
    if tries == 1:
        with pytest.raises(ModelBusyError):
            asyncio.run(answer(line))
    else:
        asyncio.run(answer(line))

    assert len(line.given_s) == tries


def test_long_waits_are_not_waited() -> None:
    """A `retry-after` beyond ten seconds goes back to the queue at once, with its number."""
    line = Line([Failure("status", status=429, retry_after_s=300.0), GOOD])
    with pytest.raises(ModelBusyError) as busy:
        asyncio.run(answer(line))

    assert (busy.value.retry_after_s, len(line.given_s)) == (300.0, 1)


def test_no_try_without_time() -> None:
    """With too little time left nothing is sent: it would be cut off, and still be billed."""
    line = Line([GOOD])
    with pytest.raises(OutOfTimeError, match="no time left"):
        asyncio.run(answer(line, lambda: 5.9))

    assert line.given_s == []


def test_a_try_ends_before_the_deadline() -> None:
    """A try gets its own time, or what is left of the step's, less a margin."""
    line = Line([GOOD])
    asyncio.run(answer(line, lambda: 20.0))
    asyncio.run(answer(again := Line([GOOD]), lambda: 500.0))

    assert (line.given_s, again.given_s) == ([19.0], [60])


def test_no_wait_past_the_deadline() -> None:
    """If the pause and another try do not fit before the deadline, the step is given back now."""
    line = Line([Failure("status", status=429, retry_after_s=5.0), GOOD])
    with pytest.raises(ModelBusyError) as busy:
        asyncio.run(answer(line, lambda: 10.0))

    assert (busy.value.retry_after_s, len(line.given_s)) == (5.0, 1)


@pytest.mark.parametrize(
    ("failure", "may_have_cost"),
    [
        (Failure("timeout"), True),
        (Failure("connection"), True),
        (Failure("unreadable"), True),
        (Failure("status", status=200, type="overloaded_error"), True),
        (Failure("connection", is_sent=False), False),
        (Failure("status", status=400), False),
        (Failure("status", status=529), False),
    ],
)
def test_lost_tries_may_have_cost(failure: Failure, may_have_cost: bool) -> None:
    """What went out and was not refused may be billed; what was refused, or never left, is not."""
    assert failure.may_have_cost is may_have_cost


def test_pauses_double_up_to_a_cap() -> None:
    """Pauses are 0.5 s, 1 s, 2 s and so on up to 8 s, with at most a quarter more."""
    policy = RetryPolicy()
    pauses = [policy.pause_s(tries, BUSY) for tries in range(1, 8)]

    for pause, least in zip(pauses, [0.5, 1, 2, 4, 8, 8, 8], strict=True):
        assert least <= pause <= least * 1.25


def test_waiting_for_a_slot_counts() -> None:
    """The time of a try is measured when its slot is free, not when it was asked for."""
    slot, line, left = asyncio.Semaphore(1), Line([GOOD]), [60.0]

    async def late() -> None:
        async with slot:
            asking = asyncio.create_task(
                ask_until_answered(line.send, who="t", timeout_s=60, seconds_left=lambda: left[0], slot=slot)
            )
            await asyncio.sleep(0)
            left[0] = 1.0
        await asking

    with pytest.raises(OutOfTimeError, match="no time left"):
        asyncio.run(late())
