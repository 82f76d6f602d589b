"""What a launch may spend, held under the daily cap before anything is created: the same in every mode (B043)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from shared.config import Settings
from shared.core.canonical import text_digest
from shared.effects.contract import EffectOrder
from shared.effects.launch_campaign import LEAST_CAMPAIGN_USD, LEAST_DAY_USD, LaunchCampaign
from shared.effects.spend_cap import AdSpend, charge
from shared.errors import EffectRefusedError
from shared.store.session import current_store


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What is launched: the same in every attempt. `tag` is the idempotency key as the vendor's names carry it."""

    payload: LaunchCampaign
    tag: str
    budget_usd: Decimal
    daily_usd: Decimal
    begins: datetime
    ends: datetime
    workspace_id: UUID

    @property
    def name(self) -> str:
        return f"{self.payload.name} [{self.tag}]"


def plan_of(order: EffectOrder) -> LaunchPlan:
    """The plan of this order. The moment it begins is that of the first attempt, from `order.progress`.

    Raises `EffectRefusedError` if the money that was released is less than TikTok takes.
    """
    payload = LaunchCampaign.model_validate(order.payload)
    budget_usd = payload.within(order.released_usd)
    daily_usd = payload.daily_usd(budget_usd)
    if budget_usd < LEAST_CAMPAIGN_USD or daily_usd < LEAST_DAY_USD:
        raise EffectRefusedError(
            "budget_below_minimum",
            f"${order.released_usd:f} was released, which is a budget of ${budget_usd}; TikTok takes "
            f"${payload.least_usd} or more, and ${LEAST_DAY_USD} or more a day",
        )
    known = order.progress.get("begins")
    begins = payload.begins(datetime.now(UTC)) if known is None else datetime.fromisoformat(known)
    tag = text_digest(order.idempotency_key)[:20]
    return LaunchPlan(payload, tag, budget_usd, daily_usd, begins, payload.ends(begins), order.workspace_id)


async def hold_money(order: EffectOrder, plan: LaunchPlan, settings: Settings) -> None:
    """Reserves the days of the plan under the workspace's daily cap. Raises `EffectRefusedError("ad_day_cap")`.

    If the launch is refused after all, the money is free again with the engine's last move of the effect.
    """
    spend = AdSpend(plan.daily_usd, plan.payload.schedule.days, plan.begins.date())
    await asyncio.to_thread(
        lambda: charge(
            current_store(),
            order.workspace_id,
            spend,
            key=order.idempotency_key,
            default_cap_usd=settings.max_ad_day_usd,
            run_id=order.run_id,
            effect_id=order.id,
        )
    )
