"""Time that passes between two deliveries, without waiting for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.store.connection import connect_url
from shared.store.sql import parsed
from shared.store.wire import Row
from tests.support.queues import HeldQueue

STATEMENTS = parsed((Path(__file__).parent / "ageing.sql").read_text())


def as_owner(rooms: Rooms, *steps: tuple[str, dict[str, Any]]) -> list[Row]:
    """Statements of ageing.sql in one transaction, past the wall. The rows of the last one."""
    url = rooms.settings.database_owner_url
    assert url is not None
    connection = connect_url(url, "DATABASE_OWNER_URL")
    try:
        return connection.exchange([STATEMENTS[name].with_values(values) for name, values in steps])[-1]
    finally:
        connection.close()


def pass_time(run_id: UUID, seconds: float, rooms: Rooms, queue: HeldQueue) -> None:
    """So much later the sweep has its turn, and all that it wakes of this run is delivered. Other tests of the same
    database have left things to wake too: they are not this one's."""
    values = {"run_id": run_id, "seconds": seconds}
    as_owner(rooms, *((name, values) for name in ("age_gates", "age_steps", "age_wake_ups", "age_effects")))
    sweep(rooms)
    queue.held = [wake for wake in queue.held if wake.body["run_id"] == str(run_id)]
    queue.deliver_all(rooms)


def alerts_of(run_id: UUID, rooms: Rooms) -> list[Any]:
    return as_owner(rooms, ("alerts", {"run_id": run_id}))
