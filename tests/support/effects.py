"""Effects with real rows behind them: an order that may hold money, and what its receipt leaves in the tables."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.ids import new_id
from shared.effects.contract import Effect, EffectOrder, Receipt
from shared.engine.resolve_effect import As, Resolution, resolve_effect
from shared.engine.rooms import Rooms
from shared.errors import EffectUnknownError, TransientError
from shared.store.connection import connect_url
from shared.store.documents import as_jsonb
from shared.store.sql import parsed
from shared.store.wire import Row
from tests.support.publishing import DiedError, Notes
from tests.support.runs import events_of, started, step, workflow

STATEMENTS = parsed((Path(__file__).parent / "effects.sql").read_text())


def as_owner(rooms: Rooms, name: str, **values: Any) -> list[Row]:
    """One statement of effects.sql, past the wall."""
    url = rooms.settings.database_owner_url
    assert url is not None
    connection = connect_url(url, "DATABASE_OWNER_URL")
    try:
        return connection.exchange([STATEMENTS[name].with_values(values)])[0]
    finally:
        connection.close()


class Released:
    """A released effect of a run. `order()` is what its next attempt gets: the progress is what was kept last."""

    def __init__(self, rooms: Rooms, workspace: UUID, kind: str, payload: JsonObject, released_usd: str | None) -> None:
        self.rooms, self.workspace, self.payload = rooms, workspace, payload
        self.id, self.key, self.notes = new_id(), f"effect-{new_id()}", Notes()
        self.released_usd = None if released_usd is None else Decimal(released_usd)
        self.run_id = started(workflow(step("a")), workspace, rooms).run_id
        values = {"id": self.id, "kind": kind, "key": kind, "idempotency_key": self.key, "run_id": self.run_id}
        as_owner(rooms, "put_effect", payload=as_jsonb(payload), **values)

    def order(self) -> EffectOrder:
        return EffectOrder(
            id=self.id,
            workspace_id=self.workspace,
            run_id=self.run_id,
            payload=self.payload,
            idempotency_key=self.key,
            released_usd=self.released_usd,
            note=self.notes.note,
            progress=self.notes.last,
        )

    def keep(self, receipt: Receipt) -> None:
        """Writes the receipt's rows, as the engine does."""
        own = {"workspace_id": self.workspace, "run_id": self.run_id, "effect_id": self.id}
        self.rooms.store.move_all(
            self.workspace, [(write.statement, {**write.values, **own}) for write in receipt.writes]
        )


class Doubtful:
    """An effect of a run about which nobody can tell."""

    def __init__(
        self, rooms: Rooms, workspace: UUID, kind: str, payload: JsonObject, progress: JsonObject | None = None
    ) -> None:
        self.rooms, self.workspace, self.kind = rooms, workspace, kind
        self.id, self.key = new_id(), f"effect-{new_id()}"
        self.run_id = started(workflow(step("a")), workspace, rooms).run_id
        as_owner(
            rooms,
            "put_doubtful_effect",
            id=self.id,
            kind=kind,
            idempotency_key=self.key,
            run_id=self.run_id,
            payload=as_jsonb(payload),
            progress=as_jsonb(progress or {}),
            released_usd=Decimal(350) if kind == "launch_campaign" else None,
        )

    def resolve(self, became: As, reference: str | None = None, **receipt: Any) -> JsonObject:
        found = Resolution(self.workspace, self.id, "ada", became, "looked", reference, receipt, ("owner",))
        return resolve_effect(found, self.rooms)

    @property
    def row(self) -> Any:
        (row,) = self.rooms.store.move(self.workspace, "effect_by_id", effect_id=self.id)
        return row

    def told(self) -> list[Any]:
        return [event for event in events_of(self.run_id, self.workspace, self.rooms) if "run." not in event.kind]


def tried(effect: Effect, ours: Released, attempts: int = 5) -> Receipt:
    """Does it as the engine does: each attempt but the first looks at the vendor before it acts."""
    for attempt in range(attempts):
        try:
            found = asyncio.run(effect.find(ours.order())) if attempt else None
            return found or asyncio.run(effect.act(ours.order()))
        except (TransientError, EffectUnknownError, DiedError):
            continue
    raise AssertionError(f"not done in {attempts} attempts")


def a_campaign(**changes: Any) -> JsonObject:
    """The payload of a proposal to launch: $350 over seven days, one post as a Spark ad."""
    ad = {
        "name": "v1",
        "post_id": "7300000000000000001",
        "text": "Glow in 3 steps",
        "landing_url": "https://shop.example.com",
    }
    return {
        "advertiser_id": "7000000000000000001",
        "name": "Glow",
        "objective": "traffic",
        "budget_usd": "350",
        "schedule": {"days": 7},
        "ads": [ad],
        **changes,
    }


def a_message(**changes: Any) -> JsonObject:
    """The payload of a proposal to write to a creator."""
    return {
        "creator_open_id": "uACafQAAAABmUU2q",
        "creator_handle": "glowwithmia",
        "body": "Hi Mia, we would love to send you our serum 🌿",
        **changes,
    }
