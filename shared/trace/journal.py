"""The journal: every call an agent makes goes through here, and a finished call is never made twice.

Outside an agent run nothing is written (A028, C026). Inside, a call is looked up by its content: if an earlier
attempt of the same step already has its answer, that answer comes back and costs nothing. A billable call is
written `started` before it is made; found again without an answer, it is `in_doubt` and made once more (DESIGN 6).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from shared.core.canonical import Json
from shared.core.ids import new_id
from shared.core.money import ZERO
from shared.core.prompts import CallName, PromptChange, change_for
from shared.core.proposals import ProposedEffect
from shared.core.status import CallKind, CallOutcome
from shared.errors import (
    BudgetReachedError,
    FenceLostError,
    OutOfTimeError,
    RunCancelledError,
    SuspendedError,
    TerminalError,
)
from shared.trace.calls import Answer, Call, FailedCall
from shared.trace.changes import Asked, parts_of, told_change
from shared.trace.context import current_agent_run_id, current_workspace_id, next_step_idx

# Makes a call. What it raises has cost nothing; a failure that may have cost something comes back as a FailedCall.
Act = Callable[[], Awaitable[Answer | FailedCall]]


EASE_S = 30.0  # how long a call waits for money that calls under way may give back
EASE_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One trace row on its way to the store. `answer` is None while the call is under way or after it failed."""

    id: UUID
    workspace_id: UUID
    agent_run_id: UUID
    idx: int
    call: Call
    digest: str
    occurrence: int
    outcome: CallOutcome
    answer: Answer | None = None
    error_message: str | None = None
    reused_from: UUID | None = None
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Remembered:
    """A row of an earlier attempt of the same step, or `of_earlier_run`. `answer` is None if it was started and never
    finished."""

    id: UUID
    agent_run_id: UUID
    answer: Answer | None
    asked: Asked | None = None
    of_earlier_run: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """What a step waited for: `payload` as it was sent, or None because the time was over."""

    payload: Json


@dataclass(frozen=True, slots=True)
class Shortage:
    """The money for a call could not be reserved. `may_ease`: calls that are under way may give some back."""

    cap: str
    cap_id: str
    cap_usd: Decimal
    used_usd: Decimal
    may_ease: bool


class JournalStore(Protocol):
    """Where rows go. `begin` reserves the money for a call, or says what it is short of and writes nothing. Each method
    commits before it returns; what `cut_off` does not write is in doubt all the same. A step that is not ours any more
    raises `FenceLostError`, one whose run was cancelled `RunCancelledError`. `doubt` returns the row with its answer,
    if that has come meanwhile."""

    def begin(self, row: Row) -> Shortage | None: ...

    def hold_more(self, row: Row) -> bool: ...

    def finish(self, row: Row) -> None: ...

    def cut_off(self, row: Row) -> None: ...

    def record(self, row: Row) -> None: ...

    def doubt(self, remembered: Remembered) -> Remembered | None: ...

    def spoil(self, asked: tuple[str, int], why: str) -> None: ...

    def signal(self, wake_key: str) -> Signal | None: ...


class Journal:
    """The journal of one agent run. `gained` counts the answers that it has and no earlier attempt had.

    `deadline` and `yield_at` are on this process's monotonic clock. After `yield_at` no billable call is begun by an
    attempt that has gained something: it would be cut off at the deadline, and might be paid for twice.
    """

    def __init__(
        self,
        store: JournalStore,
        remembered: Mapping[tuple[str, int], Remembered] | None = None,
        deadline: float | None = None,
        yield_at: float | None = None,
    ) -> None:
        self._store = store
        self._remembered = dict(remembered or {})
        self._seen: Counter[str] = Counter()
        self._places: Counter[tuple[CallKind, str]] = Counter()
        self._asked = {
            (row.asked.kind, row.asked.label, row.asked.place): row.asked.parts
            for row in self._remembered.values()
            if row.asked is not None
        }
        self._deadline, self._yield_at = deadline, yield_at
        self.gained = 0
        self.model: str | None = None  # asked in place of the one that the agent names
        self.prompts: Mapping[str, PromptChange] = {}
        self.ask_from: CallName | None = None  # from this call on, no earlier run answers
        self._asks_anew = False
        self._under_way: set[asyncio.Task[Any]] = set()
        self.proposed: dict[str, ProposedEffect] = {}

    def seconds_left(self) -> float | None:
        """How long a call may still take before the executor must give the step back; None: no limit."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    async def answer(self, call: Call, act: Act) -> Answer:
        """The answer to this call: from an earlier attempt if there is one, else by making it, written down."""
        digest = call.digest
        occurrence = self._seen[digest]
        self._seen[digest] += 1
        row = self._row(call, digest, occurrence)
        place = self._places[(call.kind, call.label)]
        self._places[(call.kind, call.label)] += 1
        change = self._change(call, place, (digest, occurrence))
        known = self._known(call.label, place, (digest, occurrence))
        if known is not None and known.answer is None:
            known = self._store.doubt(known)
        if known is not None and known.answer is not None:
            reused = replace(known.answer.again(), asked=(digest, occurrence))
            self._store.record(replace(row, outcome=CallOutcome.REUSED, answer=reused, reused_from=known.id))
            return reused
        made = await self._make(row, act if change is None else _noting(act, change))
        return replace(made, asked=(digest, occurrence))

    def prompt_change(self, label: str) -> PromptChange | None:
        """What is to be told otherwise by the model call of this label that is about to be made."""
        return change_for(self.prompts, label, self._places[(CallKind.LLM, label)]) if self.prompts else None

    def _known(self, label: str, place: int, asked: tuple[str, int]) -> Remembered | None:
        """What is remembered of this call; nothing of an earlier run from the call on that is to be made anew."""
        anew = self.ask_from
        self._asks_anew = self._asks_anew or (anew is not None and (anew.label, anew.place) == (label, place))
        known = self._remembered.get(asked)
        return None if known is not None and known.of_earlier_run and self._asks_anew else known

    def _change(self, call: Call, place: int, asked: tuple[str, int]) -> str | None:
        """How this call differs from the one that was made before in its place; None if there is none."""
        before = self._asked.get((call.kind, call.label, place))
        return None if before is None or asked in self._remembered else told_change(before, parts_of(call))

    async def _make(self, row: Row, act: Act) -> Answer:
        own = asyncio.current_task()
        if own is not None:
            self._under_way.add(own)
        try:
            return await self._made(row, act)
        finally:
            if own is not None:
                self._under_way.discard(own)

    async def at_rest(self) -> None:
        """Waits for the calls that other tasks of the agent have under way: they are paid for, and written down."""
        while others := self._under_way - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def _begin(self, row: Row) -> None:
        """Reserves the money. Where calls under way may still give some back, it waits for that: a cap is used up."""
        until = time.monotonic() + min(EASE_S, self.seconds_left() or EASE_S)
        while (short := self._store.begin(row)) is not None:
            if not short.may_ease or time.monotonic() > until:
                needed, left = row.call.ceiling_usd or ZERO, short.cap_usd - short.used_usd
                raise BudgetReachedError(short.cap, short.cap_id, short.cap_usd, left, needed)
            await asyncio.sleep(EASE_PAUSE_S)

    async def _made(self, row: Row, act: Act) -> Answer:
        if row.call.billable:
            self._check_time()
            await self._begin(row)
        _row_under_way.set(row)
        started = time.monotonic()
        write = self._store.finish if row.call.billable else self._store.record
        try:
            outcome = await act()
        except (FenceLostError, RunCancelledError, SuspendedError):
            raise
        except Exception as failed:
            spent_ms = int((time.monotonic() - started) * 1000)
            write(replace(row, outcome=CallOutcome.FAILED, error_message=_told(failed), latency_ms=spent_ms))
            raise
        if isinstance(outcome, FailedCall):
            write(_failed(row, outcome))
            raise outcome.error
        write(replace(row, outcome=CallOutcome.PAID, answer=outcome, latency_ms=outcome.latency_ms))
        self.gained += 1
        return outcome

    def _check_time(self) -> None:
        if self.gained and self._yield_at is not None and time.monotonic() > self._yield_at:
            raise OutOfTimeError("too little time is left in this request to begin another call")

    def hold_more(self, row: Row) -> bool:
        """Reserves the worst case of a call once more. False if it does not fit under a cap."""
        return row.call.ceiling_usd is None or self._store.hold_more(row)

    def spoil(self, answer: Answer, why: str) -> None:
        """Nobody can use this answer: it stays paid for, and the next attempt asks anew instead of reading it again."""
        if answer.asked is not None:
            self._store.spoil(answer.asked, why)

    def note_cut_off(self, row: Row, spent: Answer) -> None:
        """Writes down what a call had taken that is cut off from outside: in doubt, or for nothing if it never went
        out. Nothing is written where nothing is known."""
        if spent.usage is None and not spent.cost_known:
            return
        outcome = CallOutcome.FAILED if spent.cost_known else CallOutcome.IN_DOUBT
        told = "cut off before it was answered"
        self._store.cut_off(
            replace(row, outcome=outcome, answer=spent, error_message=told, latency_ms=spent.latency_ms)
        )

    async def wait_for(self, key: str, timeout_s: float | None) -> Json:
        """What was sent to `key`, now or in an earlier attempt. Raises `SuspendedError` until then."""

        async def received() -> Answer:
            signal = self._store.signal(key)
            if signal is None:
                raise SuspendedError(key, timeout_s)
            return Answer(output=signal.payload)

        call = Call(kind=CallKind.TOOL, label=f"wait_for:{key}", content={"input": {"key": key}})
        return (await self.answer(call, received)).output

    def note(self, call: Call, answer: Answer, latency_ms: int) -> None:
        """Writes a call down that has already happened (`trace_step`)."""
        digest = call.digest
        occurrence = self._seen[digest]
        self._seen[digest] += 1
        row = self._row(call, digest, occurrence)
        self._store.record(replace(row, outcome=CallOutcome.PAID, answer=answer, latency_ms=latency_ms))

    def _row(self, call: Call, digest: str, occurrence: int) -> Row:
        agent_run_id, workspace_id = current_agent_run_id.get(), current_workspace_id.get()
        if agent_run_id is None or workspace_id is None:
            raise LookupError("a journal outside its agent run")
        return Row(
            id=new_id(),
            workspace_id=workspace_id,
            agent_run_id=agent_run_id,
            idx=next_step_idx(),
            call=call,
            digest=digest,
            occurrence=occurrence,
            outcome=CallOutcome.STARTED,
        )


_open: dict[UUID, Journal] = {}
_open_lock = threading.Lock()


def open_journal(agent_run_id: UUID, journal: Journal) -> None:
    """From now on, calls made inside this agent run are written to `journal`."""
    with _open_lock:
        _open[agent_run_id] = journal


def close_journal(agent_run_id: UUID) -> None:
    with _open_lock:
        _open.pop(agent_run_id, None)


def current_journal() -> Journal | None:
    """The journal of the agent run we are inside; None outside of one."""
    agent_run_id = current_agent_run_id.get()
    return None if agent_run_id is None else _open.get(agent_run_id)


_row_under_way: ContextVar[Row | None] = ContextVar("row_under_way", default=None)


def hold_another_try() -> bool:
    """A try of the call that is being made was lost, and may be billed: holds as much money again, for the next one.
    False if a cap leaves too little."""
    journal, row = current_journal(), _row_under_way.get()
    return journal is None or row is None or journal.hold_more(row)


def note_cut_off(spent: Answer) -> None:
    """The call that is being made is cut off from outside: keeps what is known of it."""
    journal, row = current_journal(), _row_under_way.get()
    if journal is not None and row is not None:
        journal.note_cut_off(row, spent)


def spoil(answer: Answer, why: str) -> None:
    """An answer that cannot be used is not given again, by this run or by one that does its step again."""
    journal = current_journal()
    if journal is not None:
        journal.spoil(answer, why)


def _noting(act: Act, change: str) -> Act:
    """The same act, whose answer says what has changed in the call."""

    async def noted() -> Answer | FailedCall:
        outcome = await act()
        if isinstance(outcome, FailedCall):
            return outcome
        return replace(outcome, note="; ".join(told for told in (outcome.note, change) if told))

    return noted


def _failed(row: Row, failed: FailedCall) -> Row:
    spent = failed.spent
    return replace(
        row,
        outcome=CallOutcome.FAILED,
        answer=spent,
        error_message=_told(failed.error),
        latency_ms=spent.latency_ms,
    )


def _told(failed: Exception) -> str:
    return f"{type(failed).__name__}: {failed}"


async def journaled(call: Call, act: Act) -> Answer:
    """Makes a call through the journal of the current agent run; outside one, just makes it."""
    journal = current_journal()
    if journal is not None:
        return await journal.answer(call, act)
    outcome = await act()
    if isinstance(outcome, FailedCall):
        raise outcome.error
    return outcome


async def wait_for(key: str, *, timeout_s: float | None = None) -> Json:
    """`AgentContext.wait_for`. Outside of a run nothing can be waited for."""
    journal = current_journal()
    if journal is None:
        raise TerminalError(f"wait_for({key!r}): only a step of a run can wait")
    return await journal.wait_for(key, timeout_s)


def propose(effect: ProposedEffect) -> None:
    """`AgentContext.propose`. Outside of a run nobody could release it, so nothing is kept."""
    journal = current_journal()
    if journal is not None:
        journal.proposed[effect.key] = effect


async def durable(
    kind: CallKind,
    label: str,
    fn: Callable[[], Awaitable[Json]],
    input: Json = None,
    *,
    billable: bool = False,
    price_usd: Decimal | None = None,
) -> Json:
    """Runs `fn` once per step, whatever crashes: its JSON answer is kept and given back on re-entry.

    `input` names the call: the same label with another input is another call. For a tool, a provider, a skill
    or a notable write. What `fn` returns must be JSON. `billable`: it costs something at the other side, so a call that
    was begun and never answered is in doubt; `price_usd`: what it costs, which counts under the caps.
    """

    async def act() -> Answer:
        started = time.monotonic()
        output = await fn()
        return Answer(output=output, cost_usd=price_usd or ZERO, latency_ms=int((time.monotonic() - started) * 1000))

    call = Call(kind=kind, label=label, content={"input": input}, billable=billable, ceiling_usd=price_usd)
    return (await journaled(call, act)).output


def trace_step(
    kind: CallKind,
    label: str,
    *,
    started_at: datetime,
    completed_at: datetime,
    input_jsonb: Json = None,
    output_jsonb: Json = None,
) -> None:
    """Writes down something that already happened (C030). No-op outside an agent run.

    Prefer `durable()`: what is only noted after the fact is done again after a crash.
    """
    journal = current_journal()
    if journal is None:
        return
    latency_ms = int((completed_at - started_at).total_seconds() * 1000)
    call = Call(kind=kind, label=label, content={"input": input_jsonb})
    journal.note(call, Answer(output=output_jsonb, latency_ms=latency_ms), latency_ms)
