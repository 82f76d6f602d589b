"""Real mode through the vendor's SDK over HTTP, against the fake: every answer and failure that the API documents."""

from __future__ import annotations

import asyncio
import logging
import time
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from shared.errors import EngineError, ModelBusyError, ModelRefusedError, ModelRequestError, OutputInvalidError
from shared.llm.claude import call_claude_cached
from shared.llm.request import Tool
from shared.llm.result import ClaudeResult
from tests.support.model_calls import STABLE, Verdict, real_mode, settings_as

LONG = 30_000  # more output than the SDK allows without streaming
LOOK = Tool("look", "Looks at a post", {"type": "object", "properties": {"post_id": {"type": "string"}}})


async def ask(**changes: Any) -> ClaudeResult:
    """One call for a verdict, with some arguments changed."""
    given: dict[str, Any] = {"system_stable": STABLE, "user_message": "Judge this.", "output_model": Verdict}
    return await call_claude_cached(**{**given, **changes})


def asked(**changes: Any) -> ClaudeResult:
    """The same, in an event loop of its own."""
    return asyncio.run(ask(**changes))


@pytest.mark.parametrize("max_tokens", [1000, LONG])
def test_answers_are_the_same_streamed_or_not(max_tokens: int) -> None:
    """A long answer is streamed; what comes back has the same parts."""
    with real_mode() as fake:
        result = asked(max_tokens=max_tokens)
        sent = fake.desk.received[0]

    assert isinstance(result.parsed, Verdict)
    assert (result.mode, result.model, result.stop_reason) == ("real", "claude-haiku-5-5", "end_turn")
    assert (result.request_id, result.message_id) == ("req_fake_000001", "msg_fake_000001")
    assert (result.attempts, result.reused, result.cost_known) == (1, False, True)
    assert result.cache_write_tokens > 512
    assert str(result.cost_usd) == fake.desk.bill()["total_usd"]
    assert sent.get("stream", False) is (max_tokens == LONG)


def test_the_second_call_reads_the_cache() -> None:
    """Two calls send the same system bytes; the second pays a tenth for them."""
    with real_mode() as fake:

        async def twice() -> tuple[ClaudeResult, ClaudeResult]:
            return await ask(), await ask(user_message="Judge that.")

        first, second = asyncio.run(twice())
        systems = [body["system"] for body in fake.desk.received]

    assert systems[0] == systems[1]
    assert first.cache_write_tokens == second.cache_read_tokens > 0
    assert second.cache_write_tokens == 0
    assert second.cost_usd < first.cost_usd / 2


def test_an_hour_is_asked_and_paid() -> None:
    """`cache_ttl` reaches the API, and the dearer write is priced as such."""
    with real_mode() as fake:
        result = asked(cache_ttl="1h", model="sonnet", output_model=None)
        marker = fake.desk.received[0]["system"][0]["cache_control"]

    assert marker == {"type": "ephemeral", "ttl": "1h"}
    assert result.cache_write_1h_tokens > 0
    assert str(result.cost_usd) == fake.desk.bill()["total_usd"]


@pytest.mark.parametrize("fault", ["529", "500", "503", "504", "429:retry-after=0.01", "reset", "garbage"])
def test_passing_faults_pass(fault: str) -> None:
    """One more try, and the answer says that it took two."""
    with real_mode() as fake:
        fake.script(fault)
        result = asked()

    assert isinstance(result.parsed, Verdict)
    assert result.attempts == 2


@pytest.mark.parametrize("fault", ["stream_error", "stream_reset"])
def test_broken_streams_are_asked_again(fault: str) -> None:
    """An error inside a stream, or its sudden end, is a failed try."""
    with real_mode() as fake:
        fake.script(fault)
        result = asked(max_tokens=LONG)

    assert result.attempts == 2


def test_a_late_answer_is_a_failed_try() -> None:
    """A try ends after its time, though the API will bill it; the next one answers."""
    with real_mode() as fake:
        asked()
        fake.script("timeout:1")
        result = asked(timeout_s=0.4)

    assert result.attempts == 2
    assert fake.desk.bill()["charged"] == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", ModelRequestError),
        ("401", ModelRequestError),
        ("402", ModelRequestError),
        ("403", ModelRequestError),
        ("404", ModelRequestError),
        ("413", ModelRequestError),
        ("429:spend-limit", ModelRequestError),
        ("429:should-retry=false", ModelBusyError),
        ("429:retry-after=300", ModelBusyError),
        ("refusal", ModelRefusedError),
        ("truncated", ModelRefusedError),
    ],
)
def test_hopeless_faults_are_errors_at_once(fault: str, error: type[EngineError]) -> None:
    """One request goes out, and the error says what to do next. It never holds the prompt."""
    with real_mode() as fake:
        fake.script(fault)
        with pytest.raises(error) as failed:
            asked()

    assert fake.desk.bill()["requests"] == 1
    assert "Judge this" not in str(failed.value)


def test_retry_after_comes_through() -> None:
    """The queue learns when to try again."""
    with real_mode() as fake:
        fake.script("429:retry-after=300")
        with pytest.raises(ModelBusyError) as busy:
            asked()

    assert busy.value.retry_after_s == 300.0


def test_overload_gives_up_after_three() -> None:
    """Three tries, then the step is tried later."""
    with real_mode() as fake:
        fake.script("529", "529", "529", "ok")
        with pytest.raises(ModelBusyError, match=r"529 overloaded_error .* after 3 tries"):
            asked()

    assert fake.desk.bill()["requests"] == 3


def test_a_wrong_key_is_told() -> None:
    """A key that the API does not know is a terminal error that does not show the key."""
    with real_mode(anthropic_api_key=SecretStr("sk-very-secret")) as fake:
        fake.desk.keys = frozenset({"another"})
        with pytest.raises(ModelRequestError, match="401 authentication_error") as failed:
            asked()

    assert "sk-very-secret" not in str(failed.value)


def test_nobody_there_is_busy() -> None:
    """A refused connection is tried three times and then left for later."""
    with real_mode() as fake:
        gone = fake.base_url
    real = settings_as(claude_mode="real", anthropic_api_key=SecretStr("k"), anthropic_base_url=gone)
    with real, pytest.raises(ModelBusyError, match="connection after 3 tries"):
        asked()


@pytest.mark.parametrize("fault", ["fenced", "thinking", "no_usage"])
def test_odd_answers_are_read(fault: str) -> None:
    """JSON in a fence, a thinking block first, and missing usage do not stop a call."""
    with real_mode() as fake:
        fake.script(fault)
        result = asked()

    assert isinstance(result.parsed, Verdict)
    assert result.cost_known is (fault != "no_usage")
    assert (result.thinking_tokens > 0) is (fault == "thinking")


def test_a_misfit_is_corrected_once() -> None:
    """An answer that misses its schema is sent back with the reasons, and both calls are counted."""
    with real_mode() as fake:
        fake.script("bad_schema")
        result = asked()
        first, second = fake.desk.received

    assert isinstance(result.parsed, Verdict)
    assert second["messages"][0] == first["messages"][0]
    assert second["messages"][1]["role"] == "assistant"
    assert "verdict: is required" in second["messages"][2]["content"]
    assert str(result.cost_usd) == fake.desk.bill()["total_usd"]
    assert result.attempts == 2


def test_a_second_misfit_is_an_error() -> None:
    """There is one correction, not a loop."""
    with real_mode() as fake:
        fake.script("bad_schema", "bad_schema")
        with pytest.raises(OutputInvalidError, match="does not fit Verdict: verdict: is required"):
            asked()

    assert fake.desk.bill()["requests"] == 2


def test_cut_off_text_is_given_back() -> None:
    """Where no object was asked for, a cut-off text comes back with its reason."""
    with real_mode() as fake:
        fake.script("truncated")
        result = asked(output_model=None)

    assert result.stop_reason == "max_tokens"
    assert result.text


@pytest.mark.parametrize("max_tokens", [1000, LONG])
def test_tool_calls_survive(max_tokens: int) -> None:
    """Tool calls come back in `blocks`, as they came, and nothing is read as the answer."""
    with real_mode() as fake:
        fake.script("tool_use")
        result = asked(tools=(LOOK,), max_tokens=max_tokens)

    assert (result.stop_reason, result.parsed) == ("tool_use", None)
    assert result.blocks[0]["name"] == "look"
    assert result.blocks[0]["input"].keys() == {"post_id"}


def test_a_tool_conversation_goes_on() -> None:
    """The blocks of one turn can be sent back as they are, and the next turn reads the turns before it."""

    async def two_turns() -> ClaudeResult:
        opening = {"role": "user", "content": "Judge this."}
        first = await ask(user_message=[opening], tools=(LOOK,), output_model=None)
        done = [{"type": "tool_result", "tool_use_id": first.blocks[0]["id"], "content": "a cat"}]
        turns = [opening, {"role": "assistant", "content": first.blocks}, {"role": "user", "content": done}]
        return await ask(user_message=turns, tools=(LOOK,), output_model=None)

    with real_mode() as fake:
        fake.script("tool_use")
        second = asyncio.run(two_turns())

    assert second.stop_reason == "end_turn"
    assert second.cache_read_tokens > 512


def test_retired_models_are_replaced() -> None:
    """The API would answer 404; the current model is asked instead."""
    with real_mode() as fake:
        result = asked(model="claude-sonnet-4-20250514")

    assert (result.model_requested, result.model) == ("claude-sonnet-4-20250514", "claude-sonnet-5-5")
    assert fake.desk.received[0]["model"] == "claude-sonnet-5-5"


@pytest.mark.parametrize(("served_by", "known"), [("claude-opus-5-5", True), ("claude-brand-new", False)])
def test_the_model_that_answered_is_priced(served_by: str, known: bool) -> None:
    """The cost is that of the model in the response; where its price is unknown, so is the cost."""
    with real_mode() as fake:
        fake.script(f"other_model:{served_by}")
        result = asked()

    assert (result.model_requested, result.model, result.cost_known) == ("haiku", served_by, known)
    assert result.cost_usd == Decimal(fake.desk.bill()["total_usd"])


def test_every_loop_has_its_client() -> None:
    """A second event loop, and a second key in one loop, work: no client outlives its loop."""
    with real_mode() as fake:
        asked()
        asked()

        async def two_keys() -> None:
            await ask()
            with settings_as(anthropic_api_key=SecretStr("another")):
                await ask()

        asyncio.run(two_keys())

    assert fake.desk.bill()["charged"] == 4


def test_many_at_once() -> None:
    """Fifty calls at once are answered, and never more than the setting allows are on the wire."""
    with real_mode(max_concurrent_model_calls=4) as fake:

        async def many() -> list[ClaudeResult]:
            return await asyncio.gather(*(ask(user_message=f"Judge {n}.") for n in range(50)))

        results = asyncio.run(many())

    assert len({result.message_id for result in results}) == 50
    assert fake.desk.most_at_once <= 4


def test_cancelled_calls_end() -> None:
    """Cancelling a call ends it at once and leaves nothing open."""

    async def give_up() -> float:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask()
        return time.monotonic() - started

    with real_mode() as fake:
        asked()
        fake.script("timeout:2")

        assert asyncio.run(give_up()) < 1


def test_the_log_has_numbers_only(caplog: pytest.LogCaptureFixture) -> None:
    """`claude.call` and `claude.try_failed` tell mode, tokens, cost and cause; no prompt, no answer, no key (C028)."""
    with real_mode() as fake, caplog.at_level(logging.INFO, logger="claude"):
        fake.script("529")
        result = asked()

    told = {record.getMessage(): record.__dict__ for record in caplog.records}
    call = told["claude.call"]
    assert (call["mode"], call["attempts"], call["cost_usd"]) == ("real", 2, str(result.cost_usd))
    assert call["input_tokens"] == result.input_tokens
    assert "529 overloaded_error" in told["claude.try_failed"]["failure"]
    everything = str(told)
    assert not any(secret in everything for secret in ("Judge this", "You judge", "test-key", result.text))
