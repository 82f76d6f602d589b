"""Model calls and the journal: a row for whatever happened, and never a second payment for a finished call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from local.fakes.anthropic import FakeAnthropic
from shared.core.status import CallKind, CallOutcome
from shared.errors import (
    EngineError,
    ModelBusyError,
    ModelRefusedError,
    ModelRequestError,
    OutOfTimeError,
    OutputInvalidError,
)
from shared.llm.claude import call_claude_cached
from shared.llm.result import ClaudeResult
from tests.support.model_calls import (
    STABLE,
    MemoryJournalStore,
    Verdict,
    in_run,
    mock_mode,
    real_mode,
    settings_as,
)

LONG = 30_000  # more output than is asked for without streaming


async def ask(**changes: Any) -> ClaudeResult:
    """One call for a verdict, with some arguments changed."""
    given: dict[str, Any] = {"system_stable": STABLE, "user_message": "Judge this.", "output_model": Verdict}
    return await call_claude_cached(**{**given, **changes})


@contextmanager
def mode(name: str) -> Iterator[FakeAnthropic | None]:
    """Mock or real mode; the fake where there is one."""
    room: AbstractContextManager[Any] = real_mode() if name == "real" else mock_mode()
    with room as inside:
        yield inside if isinstance(inside, FakeAnthropic) else None


@pytest.mark.parametrize("name", ["mock", "real"])
def test_the_row_has_everything(name: str) -> None:
    """Prompts, response, all counters, cost, model and price: enough to open the call and to prove what it cost."""
    store = MemoryJournalStore()
    with mode(name):
        result = in_run(ask, store)

    row = store.one()
    assert (row.outcome, row.idx, row.call.kind, row.call.label) == (CallOutcome.PAID, 0, CallKind.LLM, "tester")
    assert (row.call.system_prompt, row.call.user_prompt, row.call.billable) == (STABLE, "Judge this.", True)
    assert row.answer is not None
    assert row.answer.usage is not None
    assert row.answer.output["content"] == result.blocks
    assert row.answer.response_text == result.text
    assert (row.answer.model, row.answer.price_version) == ("claude-haiku-5-5", result.price_version)
    assert (row.answer.cost_usd, row.answer.cost_known) == (result.cost_usd, True)
    assert row.answer.usage.cache_write_tokens == result.cache_write_tokens > 0
    assert (row.latency_ms, row.answer.provider_request_id) == (result.latency_ms, result.request_id)


def test_mock_and_real_results_have_one_shape() -> None:
    """Whoever reads a result cannot tell the modes apart, but for the field that says so (C025)."""
    results = {}
    for name in ("mock", "real"):
        with mode(name):
            results[name] = asyncio.run(ask(output_model=None))

    mock, real = results["mock"], results["real"]
    assert mock.mode != real.mode
    assert {type(getattr(mock, field)) for field in ("blocks", "cost_usd", "text")} == {list, Decimal, str}
    for field in ClaudeResult.__slots__:
        assert type(getattr(mock, field)) is type(getattr(real, field)), field
    same = (
        "model",
        "model_requested",
        "input_tokens",
        "cache_write_tokens",
        "price_version",
        "attempts",
        "stop_reason",
    )
    assert [getattr(mock, field) for field in same] == [getattr(real, field) for field in same]


def test_notes_tell_what_was_changed() -> None:
    """A replaced model and a failed try stand on the row."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        fake.script("529")
        in_run(lambda: ask(model="claude-sonnet-4-20250514"), store)

    answer = store.one().answer
    assert answer is not None
    assert answer.note is not None
    assert answer.note.startswith("claude-sonnet-4-20250514 is retired: used claude-sonnet-5-5; try 1 failed: 529")
    assert answer.attempts == 2


@pytest.mark.parametrize(
    ("faults", "error", "outcomes"),
    [
        (["refusal"], ModelRefusedError, ["paid"]),
        (["truncated"], ModelRefusedError, ["paid"]),
        (["bad_schema", "bad_schema"], OutputInvalidError, ["paid", "paid"]),
        (["bad_schema", "400"], ModelRequestError, ["paid", "failed"]),
        (["400"], ModelRequestError, ["failed"]),
        (["529", "529", "529"], ModelBusyError, ["failed"]),
    ],
)
def test_no_cost_is_lost_to_a_failure(faults: list[str], error: type[EngineError], outcomes: list[str]) -> None:
    """Refused, truncated and misfitting answers are paid, and written down as paid, before the error is raised."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        fake.script(*faults)
        with pytest.raises(error):
            in_run(ask, store)

    rows = store.list_rows()
    assert [row.outcome.value for row in rows] == outcomes
    paid = sum((row.answer.cost_usd for row in rows if row.answer), Decimal(0))
    assert str(paid) == fake.desk.bill()["total_usd"]


@pytest.mark.parametrize(
    ("fault", "max_tokens", "known"),
    [
        ("reset", 1000, False),
        ("garbage", 1000, False),
        ("stream_reset", LONG, False),
        ("stream_error", LONG, False),
        ("529", 1000, True),
        ("429:retry-after=0.001", LONG, True),
    ],
)
def test_lost_tries_leave_the_cost_unknown(fault: str, max_tokens: int, known: bool) -> None:
    """A try that was lost after it went out may be billed, so the row's cost is not known; a refused one is free."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        fake.script(fault)
        result = in_run(lambda: ask(max_tokens=max_tokens), store)

    answer = store.one().answer
    assert answer is not None
    assert (answer.attempts, answer.cost_known, result.cost_known) == (2, known, known)


def test_a_late_try_leaves_the_cost_unknown() -> None:
    """A try that was cut off by its time is billed by the API, and nothing tells how much."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        asyncio.run(ask(user_message="The SDK is imported now."))
        fake.script("timeout:1")
        result = in_run(lambda: ask(timeout_s=0.4), store)

    assert (result.attempts, result.cost_known) == (2, False)


@pytest.mark.parametrize("fault", ["stream_reset", "stream_error"])
def test_what_a_broken_stream_told_is_counted(fault: str) -> None:
    """A stream opens with the tokens of its prompt: they are on the row, priced, though the stream broke off."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        fake.script(fault)
        result = in_run(lambda: ask(max_tokens=LONG), store)
        lost, whole = fake.desk.bill()["rows"]

    answer = store.one().answer
    assert answer is not None
    assert answer.usage is not None
    assert answer.usage.cache_write_tokens == lost["cache_write_tokens"] > 0
    assert answer.usage.cache_read_tokens == whole["cache_read_tokens"] > 0
    assert answer.usage.input_tokens == lost["input_tokens"] + whole["input_tokens"] == result.input_tokens
    assert answer.usage.output_tokens == whole["output_tokens"] + 1  # a stream opens with one token of output
    assert Decimal(whole["usd"]) < answer.cost_usd == result.cost_usd < Decimal(fake.desk.bill()["total_usd"])


def test_a_call_of_broken_streams_is_counted_too() -> None:
    """Where no try brought an answer, the failed row has the tokens that were told, and an unknown cost."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        fake.script("stream_reset", "stream_error", "stream_reset")
        with pytest.raises(ModelBusyError):
            in_run(lambda: ask(max_tokens=LONG), store)

    row = store.one()
    assert row.outcome is CallOutcome.FAILED
    assert row.answer is not None
    assert row.answer.usage is not None
    assert (row.answer.usage.output_tokens, row.answer.attempts, row.answer.cost_known) == (3, 3, False)
    assert Decimal(0) < row.answer.cost_usd < Decimal(fake.desk.bill()["total_usd"])


def test_what_never_left_costs_nothing() -> None:
    """Without a connection nothing goes out: the failed row's cost is known, and zero."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        gone = fake.base_url
    real = settings_as(claude_mode="real", anthropic_api_key=SecretStr("k"), anthropic_base_url=gone)
    with real, pytest.raises(ModelBusyError, match="connection after 3 tries"):
        in_run(ask, store)

    answer = store.one().answer
    assert answer is not None
    assert (answer.attempts, answer.cost_usd, answer.cost_known) == (3, Decimal(0), True)


def test_failed_rows_tell_why() -> None:
    """A call that brought nothing leaves a row with its error."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        fake.script("400")
        with pytest.raises(ModelRequestError):
            in_run(ask, store)

    assert store.one().error_message == (
        "ModelRequestError: tester (claude-haiku-5-5): 400 invalid_request_error (request req_fake_000001) after 1 try"
    )


def test_wrong_arguments_leave_no_row() -> None:
    """What is refused before the call is no call."""
    store = MemoryJournalStore()
    with mock_mode(), pytest.raises(EngineError):
        in_run(lambda: ask(model="unknown"), store)

    assert store.rows == {}


def test_outside_a_run_nothing_is_written() -> None:
    """A call outside an agent run is answered, and traced nowhere (C026)."""
    with mock_mode():
        assert isinstance(asyncio.run(ask()).parsed, Verdict)


@pytest.mark.parametrize("name", ["mock", "real"])
def test_replay_costs_nothing(name: str) -> None:
    """The next attempt gets the same answer, at no cost, without a request on the wire, and says so on its row."""
    first_rows, second_rows = MemoryJournalStore(), MemoryJournalStore()
    with mode(name) as fake:
        first = in_run(ask, first_rows)
        second = in_run(ask, second_rows, after=first_rows)
        requests = fake.desk.bill()["requests"] if fake else 1

    assert requests == 1
    assert second == replace(first, cost_usd=Decimal(0), latency_ms=0, reused=True)
    assert second_rows.one().outcome is CallOutcome.REUSED
    assert second_rows.one().reused_from == first_rows.one().id


def test_replay_outlives_the_mode() -> None:
    """What was answered by the real model is not asked again when a step is entered again in mock mode."""
    rows = MemoryJournalStore()
    with real_mode():
        first = in_run(ask, rows)
    with mock_mode():
        second = in_run(ask, MemoryJournalStore(), after=rows)

    assert (second.text, second.mode, second.reused) == (first.text, "real", True)


@pytest.mark.parametrize("change", [{"user_message": "Judge that."}, {"model": "sonnet"}, {"max_tokens": 99}])
def test_another_request_is_another_call(change: dict[str, Any]) -> None:
    """A changed prompt, model or limit is not answered by the old answer."""
    rows = MemoryJournalStore()
    with real_mode() as fake:
        in_run(ask, rows)
        in_run(lambda: ask(**change), MemoryJournalStore(), after=rows)

    assert fake.desk.bill()["requests"] == 2


def test_twenty_at_once_replay_in_any_order() -> None:
    """Calls are known by content: gathered in another order, each finds its own answer."""
    rows = MemoryJournalStore()

    def judge_all(numbers: list[int]) -> Any:
        async def work() -> dict[int, ClaudeResult]:
            return dict(zip(numbers, await asyncio.gather(*(one(n) for n in numbers)), strict=True))

        return work

    async def one(n: int) -> ClaudeResult:
        return await ask(user_message=f"Judge {n % 15}.", output_model=None)

    with real_mode() as fake:
        first = in_run(judge_all(list(range(20))), rows)
        again = MemoryJournalStore()
        second = in_run(judge_all(list(reversed(range(20)))), again, after=rows)

    assert fake.desk.bill()["requests"] == 20
    assert sorted(row.idx for row in rows.list_rows()) == list(range(20))
    assert all(result.reused for result in second.values())
    assert {row.reused_from for row in again.list_rows()} == {*rows.rows}
    assert [second[n].message_id for n in range(5, 15)] == [first[n].message_id for n in range(5, 15)]


def test_a_call_in_doubt_is_made_again() -> None:
    """A call that was begun and never finished may have been paid: it is marked, and made once more."""
    first_rows, second_rows = MemoryJournalStore(), MemoryJournalStore()
    with real_mode() as fake:
        asyncio.run(ask(user_message="The SDK is imported now."))
        fake.script("timeout:1")
        with pytest.raises(TimeoutError):
            in_run(killed, first_rows)
        result = in_run(ask, second_rows, after=first_rows)

    assert first_rows.one().outcome is CallOutcome.STARTED
    assert second_rows.in_doubt == {*first_rows.rows}
    assert not result.reused
    assert fake.desk.bill()["charged"] == 3


async def killed() -> ClaudeResult:
    """A call whose process ends while it waits."""
    async with asyncio.timeout(0.5):
        return await ask()


def test_what_never_went_out_is_cut_off_for_nothing() -> None:
    """Refused, and cut off in the pause before the next try: nothing can be billed, so nothing is in doubt."""
    store = MemoryJournalStore()
    with real_mode() as fake:
        in_run(ask, MemoryJournalStore())  # the SDK is imported now
        fake.script("429:retry-after=9")
        with pytest.raises(TimeoutError):
            in_run(killed, store)

    row = store.one()
    assert row.answer is not None
    assert (row.outcome, row.answer.cost_usd, row.answer.cost_known) == (CallOutcome.FAILED, Decimal(0), True)
    assert row.error_message == "cut off before it was answered"


def test_a_correction_is_replayed_too() -> None:
    """Answer and correction are two calls with two rows; both are reused."""
    rows = MemoryJournalStore()
    with real_mode() as fake:
        fake.script("bad_schema")
        first = in_run(lambda: ask(label="verdict"), rows)
        second = in_run(lambda: ask(label="verdict"), MemoryJournalStore(), after=rows)

    assert [row.call.label for row in rows.list_rows()] == ["verdict", "verdict.repair"]
    assert fake.desk.bill()["requests"] == 2
    assert (second.parsed, second.reused, second.cost_usd) == (first.parsed, True, Decimal(0))


def test_the_deadline_of_the_step_is_kept() -> None:
    """With the deadline near, nothing is sent; with it ahead, a slow answer is cut off before it."""
    with real_mode() as fake:
        with pytest.raises(OutOfTimeError, match="no time left"):
            in_run(ask, MemoryJournalStore(), seconds=0.01)
        assert fake.desk.bill()["requests"] == 0

        in_run(ask, MemoryJournalStore())  # the SDK is imported now
        fake.script("timeout:2")
        with pytest.raises((ModelBusyError, OutOfTimeError), match=r"timeout after 1 try|no time left"):
            in_run(ask, MemoryJournalStore(), seconds=0.5)

    assert fake.desk.bill()["requests"] == 2


def test_the_vendor_learns_no_workspace() -> None:
    """Only a hash of the workspace goes out, the same for each of its calls."""
    with real_mode() as fake:
        in_run(ask, MemoryJournalStore())
        in_run(lambda: ask(user_message="Judge that."), MemoryJournalStore())
        first, second = (body["metadata"]["user_id"] for body in fake.desk.received)

    assert first == second
    assert len(first) == 32
