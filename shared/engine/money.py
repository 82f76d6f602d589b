"""When a cap is reached: the step asks for more money at a gate, and goes on or fails as a person says."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.events import EventKind
from shared.core.gates import ADMIN, ANY_MEMBER
from shared.core.money import usd
from shared.engine.attempt import Attempt, Ended
from shared.engine.gates import Question, ask
from shared.engine.members import Member, demand_admin
from shared.engine.read_run import shown_row
from shared.engine.rooms import Rooms
from shared.errors import BudgetReachedError, InvalidInputError

CapName = Literal["day", "ad_day"]
_SCOPES: dict[CapName, str] = {"day": "workspace_day", "ad_day": "ad_day"}


def ask_for_money(attempt: Attempt, wrong: BudgetReachedError, rooms: Rooms) -> Ended | None:
    """Opens a gate for a higher cap; None if a person has refused that for this step before: then it fails.

    The cap of a day is the whole workspace's: who may not set it may not raise it here either.
    """
    if rooms.store.move(attempt.workspace_id, "is_budget_refused", step_id=attempt.step_id):
        return None
    proposal: JsonObject = {
        "step": attempt.key,
        "cap": wrong.cap,
        "cap_id": wrong.cap_id,
        "cap_usd": f"{wrong.cap_usd:f}",
        "used_usd": f"{wrong.cap_usd - wrong.left_usd:f}",
        "needed_usd": f"{wrong.needed_usd:f}",
        "least_cap_usd": f"{usd(wrong.cap_usd - wrong.left_usd + wrong.needed_usd):f}",
    }
    title = f"More money for {attempt.key}: {wrong.message}"
    role = ADMIN if wrong.cap == _SCOPES["day"] else ANY_MEMBER
    question = Question(kind="budget", title=title, proposal=proposal, role=role, told=wrong.message)
    return ask(attempt, question, rooms)


def set_cap(member: Member, name: CapName, cap_usd: Decimal, rooms: Rooms) -> list[JsonObject]:
    """Sets what model calls (`day`) or ads (`ad_day`) may cost on each day (UTC), from today on. All caps, then.

    Raises `ForbiddenError` for who is no admin and no owner: nothing is set.
    """
    workspace_id, by = member.workspace_id, member.name
    if not cap_usd.is_finite() or cap_usd < 0 or cap_usd >= 1_000_000:
        raise InvalidInputError("cap_usd", "an amount in US dollars, from 0 to a million")
    demand_admin(member, EventKind.CAPS_CHANGE_REFUSED, "set caps", rooms)
    if name == "ad_day":
        from shared.effects.spend_cap import set_ad_day_cap

        set_ad_day_cap(rooms.store, workspace_id, cap_usd, by)
        return read_caps(workspace_id, rooms)
    base = {"workspace_id": workspace_id, "scope": _SCOPES[name], "scope_id": "", "cap_usd": usd(cap_usd), "set_by": by}
    today = {"cap_usd": usd(cap_usd), "set_by": by}
    rooms.store.move_all(
        workspace_id,
        [("lock_setting_caps", {"workspace_id": workspace_id}), ("set_cap", base), ("set_today_cap", today)],
    )
    return read_caps(workspace_id, rooms)


def read_caps(workspace_id: UUID, rooms: Rooms) -> list[JsonObject]:
    """The workspace's caps: what each day begins with (empty `scope_id`), and today's with what is used of it."""
    return [shown_row(cap) for cap in rooms.store.move(workspace_id, "caps")]
