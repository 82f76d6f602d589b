"""What a gate asks, and who may answer: pure rules. A gate is a step `approval_gate`; its options are these."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.core.canonical import Json, JsonObject, digest_of

ANY_MEMBER = "any_workspace_member"
OWNER = "owner"
ADMIN = "admin"  # sets caps and the hold; at a gate it is a role like others
LONGEST_S = 366 * 86_400
Seconds = Annotated[int, Field(ge=1, le=LONGEST_S)]


class Expiry(StrEnum):
    """What happens to a gate that nobody decided in time."""

    APPROVE = "approve"
    REJECT = "reject"
    BRANCH = "branch"  # as if rejected, but the run goes on
    ESCALATE = "escalate"  # from then on only an owner may decide


class GateOptions(BaseModel):
    """The options of a gate step. By default any member of the workspace decides, alone, and there is no time limit.

    `up_to_usd` is the most money that `role` may release; more needs an owner. `on_reject`: `fail` ends the run;
    `branch` lets it go on, and the steps behind the gate read `output.decision`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quorum: Annotated[int, Field(ge=1, le=20)] = 1
    self_approval: bool = True
    up_to_usd: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=8)] | None = None
    on_reject: Literal["fail", "branch"] = "fail"
    expires_in_s: Seconds | None = None
    on_expiry: Expiry | None = None
    remind_every_s: Seconds | None = None

    @model_validator(mode="after")
    def _expiry_is_whole(self) -> Self:
        if (self.expires_in_s is None) != (self.on_expiry is None):
            raise ValueError("expires_in_s and on_expiry belong together")
        return self


def proposal_of(steps: JsonObject, effects: Sequence[JsonObject]) -> JsonObject:
    """What the approver sees: the outputs of the steps before the gate, and the effects that it would release."""
    return {"steps": steps, "effects": list(effects)}


def digest_of_proposal(proposal: JsonObject) -> str:
    """What a decision binds to."""
    return digest_of(proposal)


def differences(before: Json, after: Json, path: str = "") -> list[JsonObject]:
    """What changed from one document to another: path, before, after; parts that are equal are left out."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted({*before, *after})
        return [d for name in names for d in differences(before.get(name), after.get(name), _below(path, name))]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = zip(before, after, strict=True)
        return [d for at, (old, new) in enumerate(pairs) for d in differences(old, new, f"{path}[{at}]")]
    return [] if before == after else [{"path": path, "before": before, "after": after}]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def may_decide(role: str, roles: Sequence[str]) -> bool:
    return role == ANY_MEMBER or role in roles or OWNER in roles
