"""The work of one request: a step, and the steps that it makes ready, as long as there is time for whole ones.

    skip, or claim (one statement) → run the agent → settle (one statement) → wake what became ready, or go on with it:
    claimed in the same transaction where its input is known, else loaded in it and claimed in the next

No transaction is open while an agent works. Steps that become ready together are claimed together and work side by
side on one event loop; those that end together are settled together, each in its own statement of one transaction. A
step that goes on here costs no task and no request. Should this process die, the sweep finds its steps like any whose
wake-up was lost, and the leases say when another may take over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.agents.base import AgentResult, AgentRunEnd
from shared.core.canonical import JsonObject
from shared.core.conditions import Skip
from shared.core.definitions import APPROVAL_NODE, SYNTHESIS_NODE, WORKFLOW_NODE
from shared.engine.admission import admit_move, let_in
from shared.engine.ahead import Ahead
from shared.engine.attempt import Attempt, Ended
from shared.engine.claim_steps import Claim, claim_move
from shared.engine.control import end_orphans
from shared.engine.gates import pass_gate
from shared.engine.items import collected, is_whole, spread
from shared.engine.leave_step import skip_steps
from shared.engine.load_steps import load_move
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.run_agent import Found, run_agent
from shared.engine.settle_step import Next, Success, fail_or_retry, succeed_together
from shared.engine.step_input import Ready, decided
from shared.engine.step_log import StepLog
from shared.engine.sub_run import run_sub_workflow
from shared.errors import EngineError, FenceLostError, ItemsFailedError, TerminalError, TransientError
from shared.store.connection import ConstraintError
from shared.store.session import Step

log = logging.getLogger(__name__)

UNRECORDED = (TransientError, ConstraintError)  # the store did not take it; the steps beside it still end


class StepOutcome(StrEnum):
    """What a wake-up came to. All of them are answered 200: none is a reason for the queue to deliver again."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"  # its condition is not met, or the steps before it did not do
    RETRYING = "retrying"
    YIELDED = "yielded"  # its time was over before it was done; a task goes on with it
    CANCELLED = "cancelled"
    WAITING = "waiting"  # suspended: a signal, or the end of its time, wakes it
    PENDING_APPROVAL = "pending_approval"  # a gate is open
    NOT_OURS = "not_ours"  # another attempt was faster, or took over
    NOT_DUE = "not_due"  # leased or held back; a task is due when that ends
    PAUSED = "paused"  # resuming wakes it
    DONE_BEFORE = "done_before"
    UNKNOWN = "unknown"


class Work:
    """The steps of one run that one request does."""

    def __init__(self, workspace_id: UUID, run_id: UUID, rooms: Rooms, began: float) -> None:
        self._workspace_id, self._run_id, self._rooms, self._began = workspace_id, run_id, rooms, began
        self._outcomes: dict[UUID, StepOutcome] = {}
        self._busy: list[Exception] = []
        self._under_way = 0
        self._ended: list[tuple[Any, Success]] = []
        self._group: asyncio.TaskGroup
        self._ahead = Ahead()
        self._has_backlog = False  # as far as this request has seen
        self._has_looked = False  # since the last step ended

    async def steps(self, first: Any) -> dict[UUID, StepOutcome]:
        """Does the loaded step and what follows it. How each ended, by its id.

        If the store could not take a result, the other steps still end; then that error is raised.
        """
        batch = [first]
        while batch:
            async with asyncio.TaskGroup() as self._group:
                self._start(batch)
            batch = [] if self._busy or self._has_looked else self._let_in()
        if self._busy:
            raise self._busy[0]
        return self._outcomes

    def _let_in(self) -> list[Any]:
        """Nothing is at work here any more: lets in what there is room for now. Returns what to go on with."""
        try:
            (rows,) = self._rooms.store.move_all(self._workspace_id, [admit_move(self._rooms)])
            return self._taken(let_in(self._workspace_id, rows))
        except TransientError as busy:
            log.warning("work.not_admitted: the sweep lets in what waits (%s)", busy)
            return []

    def _taken(self, admitted: Sequence[WakeUp]) -> list[Any]:
        """Of what was let in, the steps of this run that there is room for here, loaded. The others get a task."""
        self._has_backlog = bool(admitted)
        own = [wake.step_id for wake in admitted if wake.run_id == self._run_id][: self._room()]
        wake_steps(self._rooms, [wake for wake in admitted if wake.step_id not in own])
        if not own:
            return []
        return self._loaded(own)

    def _loaded(self, step_ids: Sequence[UUID]) -> list[Any]:
        """The steps that can be claimed now, loaded."""
        (rows,) = self._rooms.store.move_all(self._workspace_id, [load_move(self._run_id, step_ids)])
        return [step for step in rows if step.can_claim]

    def _start(self, steps: Sequence[Any]) -> None:
        """Claims the steps that are to be done, skips the others, and goes on with what the skips make ready."""
        while steps:
            verdicts = [(step, self._decided(step)) for step in steps]
            self._claim_all([Claim.of(step, found) for step, found in verdicts if isinstance(found, Ready)])
            skips = [(step, found) for step, found in verdicts if isinstance(found, Skip)]
            steps = self._skipped(skips) if skips else ()

    def _decided(self, step: Any) -> Ready | Skip:
        return decided(step, self._rooms.settings.max_lost_attempts)

    def _skipped(self, skips: Sequence[tuple[Any, Skip]]) -> Sequence[Any]:
        """Skips the steps, all in one transaction. Returns those to go on with."""
        follow = self._to_follow([step for step, _ in skips])
        try:
            left = skip_steps(self._workspace_id, self._run_id, skips, follow, self._rooms)
        except UNRECORDED as busy:
            self._busy.append(busy)
            return ()
        for (step, _), is_done in zip(skips, left.is_done, strict=True):
            self._outcomes[step.id] = StepOutcome.SKIPPED if is_done else StepOutcome.NOT_OURS
        return [*left.following, *self._taken(left.admitted)]

    def _claim_all(self, claims: Sequence[Claim]) -> None:
        """Claims the steps, all in one statement and one network wait, and begins those that were taken."""
        if not claims:
            return
        moves: list[Step] = [("lock_run", {"run_id": self._run_id}), claim_move(claims, self._rooms)]
        to_come = self._ahead.unknown_after([claim.step for claim in claims], self._room())
        moves += [load_move(self._run_id, to_come)] if to_come else []
        try:
            _, rows, *loaded = self._rooms.store.move_all(self._workspace_id, moves)
        except UNRECORDED as busy:
            self._busy.append(busy)
            return
        self._ahead.keep(row for found in loaded for row in found)
        for claim in self._begin(claims, {row.id: row.attempt for row in rows}):
            self._outcomes[claim.step.id] = StepOutcome.NOT_OURS

    def _begin(self, claims: Sequence[Claim], numbers: Mapping[UUID, int]) -> list[Claim]:
        """Begins the steps that were taken. Returns the claims of the others."""
        missed = []
        for claim in claims:
            attempt = claim.attempt(self._workspace_id, numbers)
            if attempt is None:
                missed.append(claim)
            else:
                self._under_way += 1
                self._group.create_task(self._one(claim.step, attempt, claim.ready))
        return missed

    async def _one(self, step: Any, attempt: Attempt, ready: Ready) -> None:
        try:
            await self._worked(step, attempt, ready)
        except UNRECORDED as busy:
            self._busy.append(busy)

    async def _worked(self, step: Any, attempt: Attempt, ready: Ready) -> None:
        found, step_log = (ready.wrong, None) if ready.wrong else await self._done(step, attempt, ready.given)
        end = step_log.end if step_log else None
        if isinstance(found, AgentResult):
            report = found.output.get("report_md") if step.agent_name == SYNTHESIS_NODE else None
            proposed = step_log.proposed if step_log else ()
            self._settle_soon(step, Success(attempt, found, end, report, proposed))
            return
        self._under_way -= 1
        self._has_looked = False
        self._outcomes[step.id] = StepOutcome(self._ended_otherwise(attempt, found, end))

    async def _done(self, step: Any, attempt: Attempt, given: JsonObject) -> tuple[Found | Ended, StepLog | None]:
        """What the step put out, why it failed, or how it ended by itself."""
        if step.agent_name == APPROVAL_NODE:
            return pass_gate(attempt, step, given, self._rooms), None
        if is_whole(step):
            return self._for_each(step, attempt, given), None
        if step.agent_name == WORKFLOW_NODE:
            return run_sub_workflow(attempt, step, given, self._rooms), None
        return await run_agent(attempt, step, given, self._rooms)

    def _for_each(self, step: Any, attempt: Attempt, given: JsonObject) -> Found | Ended:
        try:
            if step.items is not None:
                return collected(step)
            if not given["items"]:
                return AgentResult(output={"items": [], "failed": [], "count": 0})
        except ItemsFailedError as wrong:
            return wrong
        done = spread(attempt, step, given["items"], self._room() + 1, self._rooms)
        if done is None:
            return TerminalError("its run has ended")
        self._start([*done.following, *self._taken(done.admitted)])
        return "waiting"

    def _ended_otherwise(self, attempt: Attempt, found: EngineError | Ended, end: AgentRunEnd | None) -> Ended:
        if not isinstance(found, EngineError):
            return found
        if isinstance(found, FenceLostError):
            log.warning("step.fence_lost: %s attempt %d was taken over", attempt.key, attempt.number)
            return "not_ours"
        ended = fail_or_retry(attempt, found, end, self._rooms)
        if ended == "failed":
            end_orphans(self._workspace_id, self._run_id, self._rooms)
        return ended

    def _settle_soon(self, step: Any, success: Success) -> None:
        """Steps that end in one turn of the loop are settled together."""
        self._ended.append((step, success))
        if len(self._ended) == 1:
            self._group.create_task(self._settle())

    async def _settle(self) -> None:
        ended, self._ended = self._ended, []
        self._under_way -= len(ended)
        try:
            self._settled(ended)
        except UNRECORDED as busy:
            self._busy.append(busy)

    def _settled(self, ended: Sequence[tuple[Any, Success]]) -> None:
        steps = [step for step, _ in ended]
        then = self._next(ended, self._to_follow(steps))
        settled = succeed_together([success for _, success in ended], then, self._rooms)
        for step, outcome in zip(steps, settled.ended, strict=True):
            self._outcomes[step.id] = StepOutcome(outcome)
            if outcome != "succeeded":
                self._ahead.undone(step)
        missed = self._begin(then.claims, settled.claimed)
        self._ahead.keep(step for step in settled.loaded if step.id not in then.follow)
        self._start([step for step in settled.loaded if step.can_claim])
        if missed:  # its run was paused, or ended; or a step before it was taken over
            self._start(self._loaded([claim.step.id for claim in missed]))
        self._has_looked = then.with_more
        if then.with_more:
            self._start(self._taken(settled.admitted))

    def _next(self, ended: Sequence[tuple[Any, Success]], follow: Sequence[UUID]) -> Next:
        """What to do in the transaction that settles these: claim what is known of those that follow, load the rest."""
        for step, success in ended:
            if success.attempt.agent_run_id is not None:
                self._ahead.done(step, success.result.output)
        verdicts = [(step, self._decided(step)) for step in self._ahead.ready(follow)]
        claims = [Claim.of(step, found) for step, found in verdicts if isinstance(found, Ready)]
        known = {claim.step.id for claim in claims}
        to_come = self._ahead.unknown_after([claim.step for claim in claims], self._room()) if claims else []
        load = [step_id for step_id in follow if step_id not in known]
        with_more = self._has_backlog or not follow or any(set(step.successors) - set(follow) for step, _ in ended)
        return Next(follow, claims, [*load, *to_come], with_more)

    def _to_follow(self, steps: Sequence[Any]) -> list[UUID]:
        """The successors to go on with, should the settle make them ready: as many as there is room and time for."""
        room = self._room()
        return list(dict.fromkeys(successor for step in steps for successor in step.successors[:room]))[:room]

    def _room(self) -> int:
        """How many further steps may be begun in this request now."""
        is_over = time.monotonic() - self._began > self._rooms.settings.continue_within_s
        return 0 if is_over else max(self._rooms.settings.continue_with - self._under_way, 0)
