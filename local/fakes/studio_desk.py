"""What the fake Studio remembers: orders, renders, decisions, its bill, and the faults that are to come."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.core.canonical import JsonObject, digest_of
from shared.providers.studio_wire import FORBIDDEN, LEAST_S, MOST_PROMPT, MOST_S

PER_GENERATION_USD, PER_SECOND_USD = Decimal("0.50"), Decimal("0.03")
DECIDED = ("approved", "rejected", "failed", "expired")


class Problem(Exception):
    """An answer that is none of the good ones: status, code and words, as docs/studio.md lists them."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request: a name, and what stands behind the colon."""

    name: str = "ok"
    option: str = ""

    @classmethod
    def read(cls, text: str) -> Fault:
        return cls(*text.partition(":")[::2])


@dataclass(frozen=True, slots=True)
class Job:
    """One generation. `polls` counts how often its status was asked."""

    id: str
    key: str
    digest: str
    brief: JsonObject
    metadata: JsonObject
    callback_url: str | None
    cost_usd: Decimal
    asset: JsonObject
    status: str = "awaiting_approval"
    decision: JsonObject | None = None
    polls: int = 0

    def shown(self) -> JsonObject:
        """As the wire has it."""
        return {
            "id": self.id,
            "status": self.status,
            "cost_usd": f"{self.cost_usd:f}",
            "decision": self.decision,
            "asset": self.asset,
            "metadata": self.metadata,
        }


@dataclass
class Desk:
    """Shared by the server's threads; each method holds the lock. `film` is what every render comes out as."""

    film: bytes
    film_s: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    jobs: dict[str, Job] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    script: deque[Fault] = field(default_factory=deque)
    counts: Counter[str] = field(default_factory=Counter)
    approve_after_polls: int | None = None

    def add_faults(self, faults: list[str]) -> int:
        with self.lock:
            self.script.extend(Fault.read(text) for text in faults)
            return len(self.script)

    def next_fault(self, call: str) -> Fault:
        """What shall happen to this request; it is counted."""
        with self.lock:
            self.counts["requests"] += 1
            self.counts[call] += 1
            return self.script.popleft() if self.script else Fault()

    def order(self, body: JsonObject, key: str, ending: str | None) -> tuple[Job, bool]:
        """The generation of this key, and whether it is new: only then is it on the bill."""
        digest = digest_of(body)
        with self.lock:
            known = self.by_key.get(key)
            if known is not None:
                if self.jobs[known].digest != digest:
                    raise Problem(409, "idempotency_mismatch", "this key was used for another order")
                return self.jobs[known], False
            job = self._new_job(body, key, digest)
            self.by_key[key] = job.id
            self.jobs[job.id] = job if ending is None else _decided(job, ending, "Studio", "")
            return self.jobs[job.id], True

    def _new_job(self, body: JsonObject, key: str, digest: str) -> Job:
        brief = body["brief"]
        cost = price_of(brief)
        most = Decimal(str(body.get("max_cost_usd")))
        if cost > most:
            raise Problem(402, "cost_above_limit", f"the generation costs ${cost}, more than ${most}")
        asset = {
            "sha256": hashlib.sha256(self.film).hexdigest(),
            "bytes": len(self.film),
            "content_type": "video/mp4",
            "duration_s": self.film_s,
        }
        return Job(
            id=f"gen_{len(self.jobs) + 1:06d}",
            key=key,
            digest=digest,
            brief=brief,
            metadata=body.get("metadata") or {},
            callback_url=body.get("callback_url"),
            cost_usd=cost,
            asset=asset,
        )

    def find(self, generation_id: str, *, is_poll: bool = False) -> Job:
        with self.lock:
            job = self.jobs.get(generation_id)
            if job is None:
                raise Problem(404, "not_found", "there is no such generation")
            if is_poll:
                job = replace(job, polls=job.polls + 1)
                wanted = self.approve_after_polls
                if wanted is not None and job.polls >= wanted and job.status not in DECIDED:
                    job = _decided(job, "approved", "auto", f"after {job.polls} looks")
                self.jobs[job.id] = job
            return job

    def decide(self, generation_id: str, status: str, by: str, note: str) -> Job:
        """A person's decision. The first one counts."""
        if status not in DECIDED:
            raise Problem(400, "invalid_decision", f"status must be one of {', '.join(DECIDED)}")
        with self.lock:
            job = self.jobs.get(generation_id)
            if job is None:
                raise Problem(404, "not_found", "there is no such generation")
            if job.status in DECIDED:
                raise Problem(409, "decided", f"the generation is {job.status}")
            self.jobs[job.id] = _decided(job, status, by, note)
            return self.jobs[job.id]

    def bill(self) -> JsonObject:
        """Exact totals as text, and every generation with its brief as it arrived."""
        with self.lock:
            rows: list[Any] = [{**job.shown(), "key": job.key, "brief": job.brief} for job in self.jobs.values()]
            total = sum((job.cost_usd for job in self.jobs.values()), Decimal(0))
            return {"counts": dict(self.counts), "total_usd": f"{total:f}", "generations": rows}

    def reset(self) -> None:
        with self.lock:
            self.approve_after_polls = None
            for kept in (self.jobs, self.by_key, self.script, self.counts):
                kept.clear()


def _decided(job: Job, status: str, by: str, note: str) -> Job:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(job, status=status, decision={"by": by, "note": note, "at": at})


def price_of(brief: JsonObject) -> Decimal:
    """What a brief costs: a flat part and a part for each second."""
    return PER_GENERATION_USD + PER_SECOND_USD * int(brief["duration_s"])


def check_brief(brief: object, *, is_order: bool) -> JsonObject:
    """The brief, if Studio would take it. An order must forbid logos and on-screen text in so many words."""
    if not isinstance(brief, dict):
        raise Problem(400, "invalid_brief", "brief: must be an object")
    duration = brief.get("duration_s")
    if not isinstance(duration, int) or isinstance(duration, bool) or not LEAST_S <= duration <= MOST_S:
        raise Problem(400, "invalid_brief", f"brief.duration_s: a whole number from {LEAST_S} to {MOST_S}")
    if brief.get("kind") != "video" or brief.get("aspect_ratio") not in ("16:9", "9:16", "1:1"):
        raise Problem(400, "invalid_brief", "brief.kind: video; brief.aspect_ratio: 16:9, 9:16 or 1:1")
    if not is_order:
        return brief
    prompt = brief.get("prompt")
    if not isinstance(prompt, str) or not 0 < len(prompt) <= MOST_PROMPT:
        raise Problem(400, "invalid_brief", f"brief.prompt: a text of 1 to {MOST_PROMPT} characters")
    if not set(FORBIDDEN) <= set(brief.get("forbid") or []):
        raise Problem(422, "house_rules", f"brief.forbid: must hold {', '.join(FORBIDDEN)}")
    return brief
