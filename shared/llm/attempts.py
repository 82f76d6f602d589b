"""The one retry loop: at most two more tries, only where trying again may help, never past the step's deadline.

The SDK's own retries are off. They would wait for as long as a `retry-after` says, and know nothing of deadlines.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from shared.core.canonical import JsonObject
from shared.errors import EngineError, ModelBusyError, ModelRequestError, OutOfTimeError

_PASSING_STATUS = {408, 409, 429}
_PASSING_TYPES = {"rate_limit_error", "overloaded_error", "api_error", "timeout_error"}
_SPEND_LIMITS = {"enforced_spend_limit_reached", "contract_spend_limit_reached"}
_JITTER = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the messages API. `simulated_ms` is the latency of an answer that never was on a wire."""

    body: JsonObject
    request_id: str | None
    simulated_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that brought no response. `detail` is the API's own message: for the log, never for end users.

    `is_sent` is false only where it is certain that nothing went out. `heard` is what a stream had told of its message
    (`model`, `usage`) before it broke off. `cut_off`: we closed it, because the run was cancelled or its time was over.
    """

    kind: Literal["status", "connection", "timeout", "unreadable", "cut_off"]
    status: int | None = None
    type: str | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after_s: float | None = None
    should_retry: bool | None = None
    detail: str = ""
    is_sent: bool = True
    heard: JsonObject | None = None

    @property
    def may_have_cost(self) -> bool:
        """Whether this try may be billed, and nobody told how much: it went out, and no refusal came back."""
        return self.is_sent and (self.kind != "status" or (self.status or 0) < 400)

    @property
    def is_spend_limit(self) -> bool:
        return self.code in _SPEND_LIMITS

    @property
    def is_passing(self) -> bool:
        """Whether the trouble may pass by itself. An error inside a 200 stream is known by its type alone."""
        if self.is_spend_limit:
            return False
        if self.kind != "status":
            return True
        status = self.status or 0
        return status in _PASSING_STATUS or status >= 500 or (status < 400 and self.type in _PASSING_TYPES)

    @property
    def may_retry(self) -> bool:
        """Whether another try may help now. Where the server says so in `x-should-retry`, its word counts."""
        if self.is_spend_limit or self.should_retry is None:
            return self.is_passing
        return self.should_retry

    def told(self) -> str:
        what = " ".join(str(part) for part in (self.status, self.type, self.code) if part) or self.kind
        return f"{what} (request {self.request_id})" if self.request_id else what


Send = Callable[[float], Awaitable[Reply | Failure]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. Times in seconds; `margin_s` is kept free before the step's deadline.

    A try is not begun with less than `least_s` left: it would most likely be cut off, and still be billed.
    """

    extra_tries: int = 2
    base_s: float = 0.5
    cap_s: float = 8.0
    longest_retry_after_s: float = 10.0
    margin_s: float = 1.0
    least_s: float = 5.0

    def pause_s(self, tries: int, failure: Failure) -> float:
        """How long to wait after that many tries: as the server says, else doubling, with up to a quarter more."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        return min(self.cap_s, self.base_s * 2.0 ** (tries - 1)) * _JITTER.uniform(1.0, 1.25)


_policy = [RetryPolicy()]


def use_retry_policy(policy: RetryPolicy) -> None:
    """Sets this process's policy: for tests, which do not wait."""
    _policy[:] = [policy]


def current_retry_policy() -> RetryPolicy:
    return _policy[0]


async def ask_until_answered(
    send: Send,
    *,
    who: str,
    timeout_s: float,
    seconds_left: Callable[[], float | None],
    slot: asyncio.Semaphore,
    hold_more: Callable[[], bool] = lambda: True,
) -> Reply:
    """The reply. Each try takes a `slot`, a pause between two holds none.

    `timeout_s` is for each try, `seconds_left` the step's time (None: no end). After a try that may be billed, another
    one is made only if `hold_more` has reserved the money for it. Raises ModelBusyError when trying again later may
    help (at once, if the wait would pass the deadline or is longer than we wait in process), OutOfTimeError when there
    is no time left to ask, ModelRequestError when asking again cannot help.
    """
    policy = current_retry_policy()
    tries = 0
    while True:
        async with slot:
            outcome = await send(_time_for_a_try(who, timeout_s, policy, seconds_left()))
        if isinstance(outcome, Reply):
            return outcome
        tries += 1
        pause_s = policy.pause_s(tries, outcome)
        if not _is_worth_another(outcome, tries, pause_s, policy, seconds_left()):
            raise _error(who, outcome, tries)
        if outcome.may_have_cost and not hold_more():
            raise _error(who, outcome, tries)
        await asyncio.sleep(pause_s)


def _time_for_a_try(who: str, timeout_s: float, policy: RetryPolicy, left: float | None) -> float:
    if left is None:
        return timeout_s
    usable = left - policy.margin_s
    if usable < min(policy.least_s, timeout_s):
        raise OutOfTimeError(f"{who}: no time left in this request to ask the model")
    return min(timeout_s, usable)


def _is_worth_another(failure: Failure, tries: int, pause_s: float, policy: RetryPolicy, left: float | None) -> bool:
    if not failure.may_retry or tries > policy.extra_tries or pause_s > policy.longest_retry_after_s:
        return False
    return left is None or pause_s + policy.least_s <= left - policy.margin_s


def _error(who: str, failure: Failure, tries: int) -> EngineError:
    told = f"{who}: {failure.told()} after {tries} {'try' if tries == 1 else 'tries'}"
    if failure.is_passing or (failure.should_retry and not failure.is_spend_limit):
        return ModelBusyError(told, retry_after_s=failure.retry_after_s)
    return ModelRequestError(told)
