"""Who asks for something in a workspace, and whether their role allows it. A refusal is told, for the audit."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.core.events import EventKind
from shared.core.gates import ADMIN, OWNER, may_decide
from shared.engine.rooms import Rooms
from shared.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a workspace: their name, and the roles that their token gives them there."""

    workspace_id: UUID
    name: str
    roles: tuple[str, ...] = ()


def demand_admin(member: Member, told_as: EventKind, what: str, rooms: Rooms) -> None:
    """Raises `ForbiddenError` for who is neither admin nor owner. `what` completes "only … may". The workspace's events
    then say who wanted it."""
    if may_decide(ADMIN, member.roles):
        return
    message = f"only the role {ADMIN} or {OWNER} may {what}"
    values = {"workspace_id": member.workspace_id, "by": member.name, "asked": what, "reason": message}
    lock = ("lock_pauses", {"workspace_id": member.workspace_id})
    rooms.store.move_all(member.workspace_id, [lock, ("tell_refused_member", {**values, "kind": told_as})])
    raise ForbiddenError(message)
