"""Whether a failed attempt is tried again, and when: the step's own policy over the engine's settings."""

from __future__ import annotations

import random

from shared.config import Settings
from shared.core.definitions import RetryPolicy
from shared.errors import AgentError, EngineError, StoreBusyError, TransientError, YieldedError, retryable_classes

MOST_DOUBLINGS = 30


def class_of(wrong: EngineError) -> str:
    """What a failure is called: of an agent's, what was wrong inside."""
    return wrong.reason if isinstance(wrong, AgentError) else wrong.code


def counts(wrong: EngineError) -> bool:
    """Whether it is a failure of the step. A yield is none, nor is a database of our own that did not answer."""
    return not isinstance(wrong, YieldedError) and class_of(wrong) != StoreBusyError.code


def is_retryable(wrong: EngineError, policy: RetryPolicy) -> bool:
    """Whether trying again may help, or the step's definition says so."""
    if policy.on is not None:
        return class_of(wrong) in policy.on and class_of(wrong) in retryable_classes()
    return isinstance(wrong, TransientError) or (isinstance(wrong, AgentError) and wrong.retryable)


def may_try_again(wrong: EngineError, failures: int, policy: RetryPolicy, settings: Settings) -> bool:
    """Whether there is another try. `failures` came before this one; what does not count leaves every try it had."""
    most = policy.max_attempts or settings.max_step_attempts
    return not counts(wrong) or (is_retryable(wrong, policy) and failures + 1 < most)


def retry_delay_s(tries: int, wrong: EngineError, policy: RetryPolicy, settings: Settings) -> float:
    """Doubling from the base after each of the `tries` before; not sooner than the other side asked, or the floor.

    A yield goes on at once: it got further, so it cannot go round for ever.
    """
    if isinstance(wrong, YieldedError):
        return 0.0
    base = settings.step_retry_base_s if policy.backoff_s is None else policy.backoff_s
    backoff = min(base * 2.0 ** min(tries, MOST_DOUBLINGS), policy.backoff_max_s)
    asked = getattr(wrong, "retry_after_s", None) or 0.0
    spread = 1 + policy.jitter * random.random()  # noqa: S311  # spreads retries; no secret
    return float(max(backoff * spread, asked, settings.step_retry_floor_s))
