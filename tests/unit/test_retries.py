"""When a failed attempt is tried again: the step's policy over the engine's settings."""

from __future__ import annotations

import pytest

from shared.config import Settings
from shared.core.definitions import RetryPolicy
from shared.engine.retries import counts, is_retryable, may_try_again, retry_delay_s
from shared.errors import (
    AgentError,
    EngineError,
    ModelBusyError,
    OutputInvalidError,
    ProviderDownError,
    StepTimedOutError,
    StoreBusyError,
    YieldedError,
    retryable_classes,
)

SETTINGS = Settings()
OWN = RetryPolicy()


def agents(cause: EngineError) -> AgentError:
    """The failure as an agent's `run()` tells it."""
    return AgentError(f"agent: {cause}", cause=cause)


@pytest.mark.parametrize(
    ("wrong", "policy", "expected"),
    [
        (ModelBusyError("busy"), OWN, True),
        (agents(ProviderDownError("away")), OWN, True),
        (agents(OutputInvalidError("odd")), OWN, False),
        (AgentError("broken"), OWN, False),
        (agents(OutputInvalidError("odd")), RetryPolicy(on=("output_invalid",)), True),
        (AgentError("broken"), RetryPolicy(on=("agent_failed",)), True),
        (ModelBusyError("busy"), RetryPolicy(on=("provider_down",)), False),
        (ModelBusyError("busy"), RetryPolicy(on=()), False),
        (StepTimedOutError("late"), RetryPolicy(on=("timed_out",)), False),
    ],
)
def test_classes_decide(wrong: EngineError, policy: RetryPolicy, expected: bool) -> None:
    """Without a list, what may pass by itself; with one, what it names, but never what ends a step for good."""
    assert is_retryable(wrong, policy) == expected


@pytest.mark.parametrize(
    ("policy", "most"), [(OWN, 5), (RetryPolicy(max_attempts=2), 2), (RetryPolicy(max_attempts=1), 1)]
)
def test_tries_are_counted(policy: RetryPolicy, most: int) -> None:
    """The step's own number of attempts wins over the setting."""
    tried = [may_try_again(ModelBusyError("busy"), failures, policy, SETTINGS) for failures in range(most)]

    assert tried == [True] * (most - 1) + [False]


@pytest.mark.parametrize(
    "wrong", [StoreBusyError("no connection"), agents(StoreBusyError("no")), YieldedError("later")]
)
def test_what_is_not_the_steps_fault_takes_no_try(wrong: EngineError) -> None:
    """However many failures came before, and whatever the policy names."""
    assert not counts(wrong)
    assert may_try_again(wrong, 99, RetryPolicy(max_attempts=1, on=()), SETTINGS)


def test_pauses_double_up_to_the_most() -> None:
    """Without jitter they are exact."""
    policy = RetryPolicy(backoff_s=2, backoff_max_s=10, jitter=0)

    assert [retry_delay_s(n, ModelBusyError("busy"), policy, SETTINGS) for n in range(4)] == [2, 4, 8, 10]


def test_jitter_only_adds() -> None:
    """Up to the share that the policy names."""
    policy = RetryPolicy(backoff_s=10, jitter=0.2)
    pauses = [retry_delay_s(0, ModelBusyError("busy"), policy, SETTINGS) for _ in range(200)]

    assert 10 <= min(pauses) < max(pauses) <= 12


def test_the_other_side_is_not_asked_sooner() -> None:
    """`Retry-After` wins over a shorter pause, and over its upper end."""
    wrong = agents(ModelBusyError("busy", retry_after_s=90))

    assert retry_delay_s(0, wrong, RetryPolicy(backoff_s=1, backoff_max_s=5), SETTINGS) == 90


def test_there_is_a_floor() -> None:
    """A policy without a pause does not go round as fast as it can; a huge number of tries is no error."""
    policy = RetryPolicy(backoff_s=0)

    assert retry_delay_s(0, ModelBusyError("busy"), policy, SETTINGS) == SETTINGS.step_retry_floor_s
    assert retry_delay_s(10_000, ModelBusyError("busy"), OWN, SETTINGS) <= 5400


def test_a_yield_goes_on_at_once() -> None:
    """It has got further, so it cannot go round for ever."""
    assert retry_delay_s(3, YieldedError("later"), OWN, SETTINGS) == 0


def test_no_policy_names_what_ends_a_step() -> None:
    """Timeouts, caps, cancels and lost fences are never tried again."""
    assert not retryable_classes() & {"timed_out", "budget_reached", "run_cancelled", "fence_lost", "effect_unknown"}
    assert {"model_busy", "provider_down", "agent_failed", "output_invalid", "out_of_time"} <= retryable_classes()
