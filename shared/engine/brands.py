"""Brand profiles: how a brand speaks. A brief names one, and agents write for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from shared.agents.records import Brand
from shared.core.ids import new_id
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.errors import ConflictError, NotFoundError


@dataclass(frozen=True, slots=True)
class AddedBrand:
    """A brand that is there now; `is_new` is false where the same request came before."""

    brand_id: UUID
    created_at: datetime
    is_new: bool


def add_brand(brand: Brand, caller: Caller, rooms: Rooms) -> AddedBrand:
    """Writes a brand. An idempotency key makes the id, so asking again under it finds the first answer.

    Raises `ConflictError` for a key that was used with another brand.
    """
    brand_id = _id_of(caller)
    values = brand.model_dump() | {"banned_terms": list(brand.banned_terms)}
    rows = rooms.store.move(
        caller.workspace_id, "create_brand", workspace_id=caller.workspace_id, id=brand_id, **values
    )
    if rows:
        return AddedBrand(brand_id, rows[0].created_at, is_new=True)
    (known,) = rooms.store.move(caller.workspace_id, "load_brand", brand_id=brand_id)
    if any(getattr(known, name) != value for name, value in values.items()):
        raise ConflictError("was used before, with another request", field="Idempotency-Key")
    return AddedBrand(brand_id, known.created_at, is_new=False)


def _id_of(caller: Caller) -> UUID:
    key = caller.idempotency_key
    return new_id() if key is None else uuid5(caller.workspace_id, f"brand {key}")


def read_brand(workspace_id: UUID, brand_id: UUID, rooms: Rooms) -> Any:
    """The row of a brand, or `NotFoundError`."""
    rows = rooms.store.move(workspace_id, "load_brand", brand_id=brand_id)
    if not rows:
        raise NotFoundError(f"there is no brand {brand_id} in this workspace", field="brand_id")
    return rows[0]
