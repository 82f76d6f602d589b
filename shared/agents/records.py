"""What agents read from and write to the domain tables: brands, accounts, metrics, alerts.

Every write is one statement that may be repeated without harm, and goes through `durable()`, so that a crashed
agent that comes back does not write twice and the trace shows what was written (C018).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.core.canonical import Json, JsonObject, canonical_json
from shared.core.ids import new_id
from shared.core.status import CallKind
from shared.providers.records import AccountData
from shared.trace.context import current_agent_name, current_agent_run_id
from shared.trace.journal import durable

AlertSeverity = Literal["low", "medium", "high"]


class Brand(BaseModel):
    """A brand profile: how it speaks, what it asks for, which terms it does not use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    voice: str = ""
    guidelines: str = ""
    banned_terms: tuple[str, ...] = ()


class Alert(BaseModel):
    """Something a person should look at. One alert for each `dedupe_key` in a workspace, for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    severity: AlertSeverity
    title: str
    evidence: dict[str, Any]
    dedupe_key: str


class Records(Protocol):
    """Where the rows are kept. Each method is one transaction."""

    def load_brand(self, workspace_id: UUID, brand_id: UUID) -> Brand | None: ...

    def write(self, workspace_id: UUID, query: str, values: Mapping[str, Any]) -> list[Any]:
        """Runs one named query of `domain.sql` and returns its rows."""
        ...


class StoredRecords:
    """The rows in Postgres."""

    def load_brand(self, workspace_id: UUID, brand_id: UUID) -> Brand | None:
        from shared.store.session import session_for_workspace

        with session_for_workspace(workspace_id) as session:
            rows = session.fetch("load_brand", brand_id=brand_id)
        if not rows:
            return None
        row = rows[0]
        return Brand(name=row.name, voice=row.voice, guidelines=row.guidelines, banned_terms=tuple(row.banned_terms))

    def write(self, workspace_id: UUID, query: str, values: Mapping[str, Any]) -> list[Any]:
        from shared.store.session import session_for_workspace

        with session_for_workspace(workspace_id) as session:
            return session.fetch(query, workspace_id=workspace_id, id=new_id(), **values)


async def save_account(records: Records, workspace_id: UUID, account: AccountData) -> None:
    """Keeps the profile as it was at `as_of`. An older reading never overwrites a newer one."""
    profile = account.profile.model_dump(exclude={"bio", "region"})
    values = profile | {"source": account.source, "as_of": account.as_of}
    await _written(records, workspace_id, "upsert_account", values)


async def save_metrics(records: Records, workspace_id: UUID, handle: str, as_of: datetime, figures: JsonObject) -> None:
    """Keeps a snapshot of computed figures: one for each account and time of data."""
    values = {"account_handle": handle, "as_of": as_of, "agent_run_id": current_agent_run_id.get(), "values": figures}
    await _written(records, workspace_id, "insert_metrics", values)


async def raise_alert(records: Records, workspace_id: UUID, run_id: UUID, alert: Alert) -> None:
    """Raises an alert, unless one with its key was raised before. The trace does not tell which: it says what holds
    afterwards, so that the same data leaves the same trace."""
    written_by = {
        "run_id": run_id,
        "agent_run_id": current_agent_run_id.get(),
        "agent_name": current_agent_name.get() or "",
    }
    told = alert.model_dump()

    async def act() -> Json:
        values = told | written_by | {"evidence": canonical_json(alert.evidence)}
        records.write(workspace_id, "insert_alert", values)
        return {"dedupe_key": alert.dedupe_key}

    await durable(CallKind.DB_WRITE, "insert_alert", act, told)


async def _written(records: Records, workspace_id: UUID, query: str, values: Mapping[str, Any]) -> JsonObject:
    """One write through the journal. Its identity is what is written, not the attempt that writes it."""

    async def act() -> Json:
        prepared = {name: canonical_json(value) if isinstance(value, dict) else value for name, value in values.items()}
        return {"rows": len(records.write(workspace_id, query, prepared))}

    same = {name: _plain(value) for name, value in values.items() if name != "agent_run_id"}
    written: JsonObject = await durable(CallKind.DB_WRITE, query, act, same)
    return written


def _plain(value: Any) -> Json:
    return str(value) if isinstance(value, UUID | datetime) else value


STORED = StoredRecords()
