"""Every error of the system. The class already says what happens next.

    EngineError
    ├── RefusedError                the caller is wrong; nothing was written            4xx
    │   ├── InvalidInputError       a field is wrong: named, with what is allowed       422
    │   ├── MalformedBodyError      the body could not be read at all                   400
    │   ├── BodyTooLargeError       the body is over the limit                          413
    │   ├── UnauthenticatedError    no token, or one that does not verify               401
    │   ├── ForbiddenError          a good token that may not do this                   403
    │   ├── NotFoundError           no such thing in this workspace                     404
    │   ├── MethodNotAllowedError   the path exists, but not with this method           405
    │   ├── ConflictError           the state, or an idempotency key, says otherwise    409
    │   │   └── ChangedProposalError  a decision on what is not proposed any more       409
    │   └── InvalidDefinitionError  a workflow definition is wrong: step and field      422
    ├── TerminalError               trying again cannot help; the step fails            200 to the queue
    │   ├── AgentError              an agent failed
    │   ├── InputUnresolvedError    an input_map path leads nowhere
    │   ├── OutputInvalidError      an agent's or a model's output misses its schema
    │   ├── ModelRefusedError       the model declined, or was cut off
    │   ├── ModelRequestError       the request itself was refused (code bug, capability, key)
    │   ├── LostTooOftenError       a step whose executor dies each time
    │   ├── StepTimedOutError       a step took longer than its definition allows
    │   ├── SubWorkflowFailedError  the run that a step has started failed, or could not be started
    │   ├── ItemsFailedError        items of a for_each step failed, and its join does not allow that
    │   ├── NotEnoughSettingsError  a mode needs a setting that is missing
    │   ├── ApprovalRejectedError   a person said no at a gate
    │   ├── BudgetReachedError      a cap would be exceeded: a person decides           the step waits
    │   ├── EffectRefusedError      the vendor said no to an effect: nothing happened
    │   │   └── AccountUnusableError  an account's tokens cannot be used: the vendor was not asked
    │   ├── EffectUnknownError      nobody can tell whether an effect happened          a person decides
    │   ├── ProviderRefusedError    an outside party said no to a call
    │   ├── SuspendedError          the agent waits for something outside               the step waits
    │   ├── RunCancelledError       the run was cancelled: begin nothing more
    │   └── FenceLostError          another attempt owns the step now; change nothing
    └── TransientError              trying again may help; the step is queued again     200 to the queue
        ├── ModelBusyError          rate limited, overloaded, timed out
        ├── ProviderDownError       an outside party did not answer
        ├── EffectPendingError      an effect was begun, and the vendor has not ended it
        ├── OutOfTimeError          the request's time is over, and the step got no further
        ├── YieldedError            the request's time is over, but the step got further: nothing is counted
        └── StoreBusyError          Postgres did not answer, or could not serialise

The web edge (shared/web) is the only place that turns one into a status.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any


class EngineError(Exception):
    """The root of every error raised on purpose. `code` is stable and safe to show."""

    code = "engine_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RefusedError(EngineError):
    """The caller is wrong. Nothing was written. `field` is the one field of the request that is to blame, if it is one.

    `problem` is the message without the field's name in front.
    """

    code = "refused"
    status = 400

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message if field is None else f"{field}: {message}")
        self.field, self.problem = field, message


class InvalidInputError(RefusedError):
    """A field of the request is wrong. `field` is its dotted path; the message says what is allowed."""

    code = "invalid_input"
    status = 422

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field=field)


class MalformedBodyError(RefusedError):
    """The body could not be read as the JSON object it should be."""

    code = "malformed_body"
    status = 400


class BodyTooLargeError(RefusedError):
    """The body is over the limit."""

    code = "body_too_large"
    status = 413


class UnauthenticatedError(RefusedError):
    """No token, or one that does not verify."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(RefusedError):
    """The token is good, but not for this."""

    code = "forbidden"
    status = 403


class NotFoundError(RefusedError):
    """There is no such thing in this workspace."""

    code = "not_found"
    status = 404


class MethodNotAllowedError(RefusedError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    status = 405


class ConflictError(RefusedError):
    """The thing is not in a state that allows this."""

    code = "conflict"
    status = 409


class ChangedProposalError(ConflictError):
    """A decision named another proposal than the one that stands. Says what has changed since."""

    code = "proposal_changed"

    def __init__(self, message: str, *, differences: list[dict[str, Any]], digest: str) -> None:
        super().__init__(message, field="digest")
        self.differences, self.digest = differences, digest


class InvalidDefinitionError(RefusedError):
    """A workflow definition is wrong. Names the step and the field."""

    code = "invalid_definition"
    status = 422

    def __init__(self, step: str | None, field: str, message: str) -> None:
        where = f"steps.{step}.{field}" if step else field
        super().__init__(message, field=where)
        self.step = step


class TerminalError(EngineError):
    """Trying again cannot help: the step fails, and the queue is told 200."""

    code = "terminal"


class AgentError(TerminalError):
    """An agent failed. `reason` is the code of what went wrong inside; a transient cause makes it `retryable`."""

    code = "agent_failed"

    def __init__(self, message: str, *, cause: BaseException | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        cause = None if cause is None else telling_cause(cause)
        self.reason = cause.code if isinstance(cause, EngineError) else self.code
        self.retryable = retryable or isinstance(cause, TransientError)
        self.retry_after_s = cause.retry_after_s if isinstance(cause, TransientError) else None


def telling_cause(cause: BaseException) -> BaseException:
    """The error itself. Of a group of them (`asyncio.TaskGroup`) the one that decides: what cannot pass before what
    may, and of those the one that asks for the longest pause."""
    if not isinstance(cause, BaseExceptionGroup):
        return cause
    found = [telling_cause(one) for one in cause.exceptions]
    lasting = [one for one in found if not isinstance(one, TransientError)]
    passing = [one for one in found if isinstance(one, TransientError)]
    return lasting[0] if lasting else max(passing, key=lambda one: one.retry_after_s or 0.0)


class DefinitionUnknownError(TerminalError):
    """A run was started with a definition that this version of the engine does not know: an agent that it has not, or a
    field. Another version does; what is redriven there costs nothing twice."""

    code = "definition_unknown"


class InputUnresolvedError(TerminalError):
    """An `input_map` path leads nowhere. Names step, field and path."""

    code = "input_unresolved"

    def __init__(self, step: str, field: str, path: str, why: str) -> None:
        super().__init__(f"step {step!r}, field {field!r}: path {path!r} {why}")
        self.step, self.field, self.path = step, field, path


class OutputInvalidError(TerminalError):
    """What came out does not match the schema it was promised with."""

    code = "output_invalid"


class ModelRefusedError(TerminalError):
    """The model declined to answer, or its answer was cut off."""

    code = "model_refused"


class ModelRequestError(TerminalError):
    """The model's API refused the request itself: our bug, a capability gate, or a key."""

    code = "model_request"


class LostTooOftenError(TerminalError):
    """The executor died each time it did this step: whatever kills it would go on, and go on costing."""

    code = "lost_too_often"


class StepTimedOutError(TerminalError):
    """The step is not done `timeout_s` after it first began: its definition allows no more."""

    code = "timed_out"


class SubWorkflowFailedError(TerminalError):
    """The run that a step has started did not succeed, or could not be started."""

    code = "sub_workflow_failed"


class ItemsFailedError(TerminalError):
    """Items of a `for_each` step failed, and its `join` does not allow that."""

    code = "items_failed"


class NotEnoughSettingsError(TerminalError):
    """A mode was chosen whose settings are missing. Names them all."""

    code = "settings_missing"


class ApprovalRejectedError(TerminalError):
    """A person said no at a gate: the step fails, and with it the run."""

    code = "rejected"


class BudgetReachedError(TerminalError):
    """A call could cost more than a cap leaves. Nothing was asked. `cap` names the cap; amounts are US dollars."""

    code = "budget_reached"

    def __init__(self, cap: str, cap_id: str, cap_usd: Decimal, left_usd: Decimal, needed_usd: Decimal) -> None:
        super().__init__(
            f"the {cap} cap of ${cap_usd:.4f} is reached: "
            f"${left_usd:.4f} is left, and the call may cost ${needed_usd:.4f}"
        )
        self.cap, self.cap_id = cap, cap_id
        self.cap_usd, self.left_usd, self.needed_usd = cap_usd, left_usd, needed_usd


class EffectRefusedError(TerminalError):
    """The vendor refused an effect: nothing happened, and asking again will not help. `reason` is the vendor's code."""

    code = "effect_refused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AccountUnusableError(EffectRefusedError):
    """No account is connected for this, or its tokens work no more: nothing was done with them. `reason` is
    account_missing, account_ambiguous, account_of_another_brand, account_disconnected, account_expired,
    account_needs_reconnect, or what the app lacks."""

    code = "account_unusable"


class ProviderRefusedError(TerminalError):
    """An outside party refused a call: asking again with the same will not help. `reason` is its own code."""

    code = "provider_refused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class EffectUnknownError(TerminalError):
    """Nobody can tell whether an effect happened: it is parked for a person, and never blindly repeated."""

    code = "effect_unknown"


class SuspendedError(TerminalError):
    """The agent waits for `wake_key`, at most until `timeout_s` from now: the step holds no compute until then."""

    code = "suspended"

    def __init__(self, wake_key: str, timeout_s: float | None) -> None:
        super().__init__(f"waits for {wake_key}")
        self.wake_key, self.timeout_s = wake_key, timeout_s


class RunCancelledError(TerminalError):
    """The run was cancelled while this step was at work. Nothing more is begun or paid for it."""

    code = "run_cancelled"


class FenceLostError(TerminalError):
    """Another attempt owns this step now. Whoever sees this changes nothing."""

    code = "fence_lost"


class TransientError(EngineError):
    """Trying again may help. `retry_after_s` is the other side's word on when."""

    code = "transient"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelBusyError(TransientError):
    """The model is rate limited, overloaded, or did not answer in time."""

    code = "model_busy"


class ProviderDownError(TransientError):
    """An outside party did not answer."""

    code = "provider_down"


class EffectPendingError(TransientError):
    """An effect was begun at the vendor, and its end is not known yet. Given up on, it is unknown."""

    code = "effect_pending"


class StoreBusyError(TransientError):
    """Postgres did not answer, or could not serialise this with others."""

    code = "store_busy"


class OutOfTimeError(TransientError):
    """The time that one request may spend on a step is over."""

    code = "out_of_time"


class YieldedError(TransientError):
    """The time of the request is over, and the journal has answers that it had not before: the step goes on in a task
    of its own, and this counts as no failure."""

    code = "yielded"


def _classes(of: type[EngineError]) -> set[str]:
    return {of.code}.union(*(_classes(kind) for kind in of.__subclasses__()))


def retryable_classes() -> frozenset[str]:
    """The classes of failure that a retry policy may name: what an agent or its input may come to, but not what ends a
    step for good, or counts as no failure."""
    settled = (
        *(TerminalError, TransientError, StepTimedOutError, LostTooOftenError, RunCancelledError, FenceLostError),
        *(SuspendedError, BudgetReachedError, EffectUnknownError, EffectPendingError, ItemsFailedError),
        *(YieldedError, StoreBusyError),
        DefinitionUnknownError,
    )
    known = _classes(TerminalError) | _classes(TransientError) | {InvalidInputError.code, NotFoundError.code}
    return frozenset(known - {kind.code for kind in settled})
