"""Where a step's journal is kept: `tiktok_agent_steps`, guarded by the step's fence."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.config import current_settings
from shared.core.canonical import JsonObject, canonical_json, text_digest
from shared.core.ids import new_id
from shared.core.scrub import scrubbed
from shared.core.status import CallKind, CallOutcome
from shared.errors import FenceLostError, RunCancelledError, StoreBusyError
from shared.store.documents import as_jsonb, clean_text
from shared.store.session import Step, Store
from shared.trace.calls import Answer, Usage
from shared.trace.changes import Asked
from shared.trace.journal import Remembered, Row, Shortage, Signal

log = logging.getLogger(__name__)

PAUSE_S = 0.25  # between two tries to write an answer down
ERROR_CHARACTERS = 10_000
UNKNOWN_PRICE = Decimal(1_000_000)  # US dollars: a model whose price is not known fits under no cap
LONG_TEXT = 512  # characters; a longer prompt is stored once, by its sha-256


class StepRecorder:
    """The `JournalStore` of one attempt at one step. Every write also says that the attempt is alive."""

    def __init__(
        self, store: Store, workspace_id: UUID, run_id: UUID, step_id: UUID, attempt: int, *, lease_s: float
    ) -> None:
        self._store, self._workspace_id = store, workspace_id
        self._named: JsonObject = {"run_id": run_id, "step_id": step_id}
        self._fence: JsonObject = {"step_id": step_id, "attempt": attempt}
        self._lease: JsonObject = {"lease_s": lease_s}

    def begin(self, row: Row) -> Shortage | None:
        """Reserves the money and writes `started` before a billable call. Raises if the step is not ours or is
        cancelled; a shortage if it does not fit under a cap. Then nothing was written, and nothing may be paid."""
        ceiling = row.call.ceiling_usd
        if ceiling is None and row.call.kind == CallKind.LLM and (short := self._shortage(UNKNOWN_PRICE)) is not None:
            return replace(short, may_ease=False)
        reservation_id = None if ceiling is None else new_id()
        values = {**_asked(row), **self._fence, **self._lease, "reservation_id": reservation_id}
        reserved = {"ceiling_usd": ceiling, "reservation_id": reservation_id, "agent_run_id": row.agent_run_id}
        moves: list[Step] = []
        if ceiling is not None:  # a day begins with its first call; what follows finds its cap there
            first, *locks = self._locks()
            moves = [first, ("open_day_cap", {}), *locks, ("reserve_call", {**self._fence, **reserved})]
        *_, begun = self._store.move_all(self._workspace_id, [*moves, ("begin_call", values)])
        if begun:
            return None
        short = None if ceiling is None else self._shortage(ceiling)
        if short is None:
            self._expect_one(begun)
        return short

    def hold_more(self, row: Row) -> bool:
        """Reserves the worst case of a call that is under way once more. False if it does not fit under a cap."""
        named = {"agent_run_id": row.agent_run_id, "id": row.id, "ceiling_usd": row.call.ceiling_usd}
        return bool(self._store.move_all(self._workspace_id, [*self._locks(), ("reserve_more", named)])[-1])

    def _locks(self) -> list[Step]:
        """Sent before whatever reserves or settles, in this order."""
        return [
            ("lock_spending", {"workspace_id": self._workspace_id}),
            ("lock_caps", self._named),
        ]

    def _shortage(self, ceiling: Decimal) -> Shortage | None:
        """Which cap leaves too little; None if it was something else."""
        rows = self._store.move(self._workspace_id, "tightest_cap", **self._named, ceiling_usd=ceiling)
        if not rows:
            return None
        (cap,) = rows
        return Shortage(cap.scope, cap.scope_id, cap.cap_usd, cap.used_usd, cap.may_ease)

    def finish(self, row: Row) -> None:
        """Writes the answer and settles the money. It is paid for, so while the database is away it is tried again, for
        a lease at most: what is not written is in doubt, and asked again. Written once more, it says the same."""
        (kept,) = self._insisted(self._ending(row)) or (None,)
        if kept is None or kept.outcome == CallOutcome.WASTED:
            raise FenceLostError(f"call {row.call.label!r} was answered after the step had been taken over")

    def cut_off(self, row: Row) -> None:
        """Writes what is known of a call that was cut off, in one try: the step ends now, and must not be held up. What
        is not written is in doubt all the same."""
        try:
            self._store.move_all(self._workspace_id, self._ending(row))
        except StoreBusyError as busy:
            log.warning("journal.cut_off_lost: %s (%s)", row.call.label, busy)

    def _ending(self, row: Row) -> list[Step]:
        """What ends a call, and settles the money that it held."""
        values = {
            "agent_run_id": row.agent_run_id,
            "idx": row.idx,
            "outcome": row.outcome,
            "attempt": self._fence["attempt"],
            **_answered(row),
        }
        settled = {"agent_run_id": row.agent_run_id, "id": row.id}
        is_held = row.call.ceiling_usd is not None
        return [("finish_call", values), *([*self._locks(), ("settle_call", settled)] if is_held else [])]

    def _insisted(self, moves: list[Step]) -> list[Any]:
        """The rows of the first move."""
        until = time.monotonic() + self._lease["lease_s"]
        while True:
            try:
                return self._store.move_all(self._workspace_id, moves)[0]
            except StoreBusyError:
                if time.monotonic() + PAUSE_S > until:
                    raise
                time.sleep(PAUSE_S)

    def record(self, row: Row) -> None:
        values = {
            **_asked(row),
            **_answered(row),
            **self._fence,
            **self._lease,
            "outcome": row.outcome,
            "reused_from": row.reused_from,
        }
        self._expect_one(self._store.move(self._workspace_id, "record_call", **values))

    def doubt(self, remembered: Remembered) -> Remembered | None:
        """Nobody can tell whether this call was paid for: it counts whole under the caps. Unless its answer has come
        after all, in a write that began before the step was taken over: then that is returned."""
        named = {"id": remembered.id, "agent_run_id": remembered.agent_run_id}
        marking = [("doubt_call", named), *self._locks(), ("settle_call", named)]
        if self._store.move_all(self._workspace_id, marking)[0]:
            return None
        rows = self._store.move(self._workspace_id, "late_answer", **named)
        return _remembered(rows[0]) if rows else None

    def spoil(self, asked: tuple[str, int], why: str) -> None:
        """Marks every row of the call in this step: none of them answers it again."""
        named = {**self._named, "call_digest": asked[0], "occurrence": asked[1]}
        self._store.move(self._workspace_id, "spoil_call", **named, told=_told(why)[:ERROR_CHARACTERS])

    def signal(self, wake_key: str) -> Signal | None:
        """What was sent to this key, or nothing because this step has waited for it long enough; None: not yet."""
        rows = self._store.move(self._workspace_id, "signal_of_key", wake_key=wake_key, step_id=self._fence["step_id"])
        return Signal(rows[0].payload) if rows else None

    def remembered(self, run_id: UUID, earlier_steps: Sequence[UUID] = ()) -> dict[tuple[str, int], Remembered]:
        """What earlier attempts of this step left in the journal, and the steps of earlier runs that it does again.

        Where several answered the same call, the nearest one is taken: this step's own, then `earlier_steps` in order.
        If that one was of no use, none is: the call is made anew.
        """
        found = self._rows("remembered_calls", run_id=run_id, step_id=self._fence["step_id"])
        for step_id in earlier_steps:
            earlier = self._rows("calls_of_earlier_step", step_id=step_id)
            told = {asked: row and replace(row, of_earlier_run=True) for asked, row in earlier.items()}
            found = {**told, **found}
        return {asked: row for asked, row in found.items() if row is not None}

    def _rows(self, query: str, **values: UUID) -> dict[tuple[str, int], Remembered | None]:
        """What is remembered of each call; None if its answer was of no use."""
        rows = self._store.move(self._workspace_id, query, **values)
        return {
            (row.call_digest, row.occurrence): None if row.is_spoiled else _remembered(row, _asked_before(row))
            for row in rows
        }

    def _expect_one(self, rows: list[Any]) -> None:
        if rows:
            return
        ours = self._store.move(self._workspace_id, "why_not_ours", **self._fence)
        if ours and ours[0].is_cancelled:
            raise RunCancelledError("the run was cancelled")
        raise FenceLostError("another attempt owns this step now")


def _asked(row: Row) -> JsonObject:
    call = row.call
    system, system_sha = _stored_text(call.system_prompt)
    user, user_sha = _stored_text(call.user_prompt)
    long_texts = [
        {"sha256": sha, "body": clean_text(text)}
        for sha, text in ((system_sha, call.system_prompt), (user_sha, call.user_prompt))
        if sha is not None and text is not None
    ]
    is_llm = call.system_prompt is not None or call.user_prompt is not None
    return {
        "agent_run_id": row.agent_run_id,
        "idx": row.idx,
        "id": row.id,
        "kind": call.kind,
        "label": clean_text(call.label),
        "call_digest": row.digest,
        "occurrence": row.occurrence,
        "model": call.model,
        "system_prompt": system,
        "system_prompt_sha256": system_sha,
        "user_prompt": user,
        "user_prompt_sha256": user_sha,
        "input_jsonb": None if is_llm else as_jsonb(call.content.get("input", call.content)),
        "texts": as_jsonb(long_texts),
    }


def _stored_text(text: str | None) -> tuple[str | None, str | None]:
    """A short text itself, or the sha-256 of a long one."""
    if text is None:
        return None, None
    text = clean_text(text)
    return (text, None) if len(text) <= LONG_TEXT else (None, text_digest(text))


def _answered(row: Row) -> JsonObject:
    answer = row.answer or Answer(output=None)
    usage = answer.usage
    return {
        "model": answer.model or row.call.model,
        "response_text": None if answer.response_text is None else clean_text(answer.response_text),
        "output_jsonb": as_jsonb(answer.output),
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cache_read_tokens": usage.cache_read_tokens if usage else None,
        "cache_write_tokens": usage.cache_write_tokens if usage else None,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens if usage else None,
        "thinking_tokens": usage.thinking_tokens if usage else None,
        "cost_usd": answer.cost_usd,
        "cost_known": answer.cost_known,
        "price_version": answer.price_version,
        "provider_request_id": answer.provider_request_id,
        "attempts": answer.attempts,
        "note": None if answer.note is None else _told(answer.note),
        "latency_ms": row.latency_ms,
        "error_message": None if row.error_message is None else _told(row.error_message)[:ERROR_CHARACTERS],
    }


def _told(text: str) -> str:
    """What went wrong, in the words of whoever failed: these may quote a key or a connection string."""
    return clean_text(scrubbed(text, current_settings().secrets))


def _remembered(row: Any, asked: Asked | None = None) -> Remembered:
    if row.outcome == CallOutcome.STARTED:
        return Remembered(id=row.id, agent_run_id=row.agent_run_id, answer=None, asked=asked)
    usage = None
    if row.input_tokens is not None:
        usage = Usage(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cache_read_tokens=row.cache_read_tokens,
            cache_write_tokens=row.cache_write_tokens,
            cache_write_1h_tokens=row.cache_write_1h_tokens,
            thinking_tokens=row.thinking_tokens,
        )
    answer = Answer(
        output=row.output_jsonb,
        response_text=row.response_text,
        model=row.model,
        usage=usage,
        cost_known=row.cost_known,
        price_version=row.price_version,
        provider_request_id=row.provider_request_id,
        attempts=row.attempts,
        note=row.note,
    )
    return Remembered(id=row.id, agent_run_id=row.agent_run_id, answer=answer, asked=asked)


def _asked_before(row: Any) -> Asked:
    kind = CallKind(row.kind)
    if kind is not CallKind.LLM:
        return Asked(kind, row.label, row.place, {"input": canonical_json(row.input_jsonb)})
    found = {"model": row.model, "system prompt": row.system_prompt, "user prompt": row.user_prompt}
    return Asked(kind, row.label, row.place, {name: text for name, text in found.items() if text is not None})
