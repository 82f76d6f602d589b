"""content_producer: plans posts in the brand's voice, has Studio make the films, and proposes to publish them.

A033-A039: the brand's profile, a plan by a cached model call, a price that is known before, a brief that forbids logos
and on-screen text, a person's approval of the render, the file, 9:16. What A040-A042 do (post, row, event) is the
effect's, behind the gate: the agent itself never posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, system_prompt
from shared.agents.audit import brand_of
from shared.agents.base import AgentContext, AgentOutput, AgentResult, BaseAgent
from shared.agents.campaign import (
    AuditedInput,
    ProposalShown,
    audit_blocks,
    banned_of,
    brand_facts,
    offered,
    request_block,
    segments_block,
)
from shared.agents.footage import Footage, finished_footage, order_footage
from shared.agents.post_plans import (
    CAPTION_MOST,
    HASHTAGS_MOST,
    SHOTS_MOST,
    PlanDraft,
    PlannedPost,
    brief_of,
    checked_posts,
    publish_effect,
)
from shared.agents.quoting import excerpt
from shared.agents.records import STORED, Brand, Records
from shared.core.canonical import Json
from shared.core.money import ZERO
from shared.effects.publish_video import PrivacyLevel
from shared.errors import InvalidInputError, OutputInvalidError, ProviderRefusedError
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult
from shared.media.vertical import Fit
from shared.providers.handles import normal_handle
from shared.providers.records import Product
from shared.providers.shop import read_products

NAME = "content_producer"
PLAN = "Plan the posts."
PLAN_AGAIN = "Plan the posts again: the checks found problems in your last plan, listed in the block `problems`."
MOCK_MODEL = "a mock model"


class ProducerInput(AuditedInput):
    """`topic`: what the posts are about; none: chosen from the brief. `max_studio_usd` is what all renders may cost."""

    topic: str = Field("", max_length=2_000)
    product_ids: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field((), max_length=20)
    posts: int = Field(1, ge=1, le=5)
    duration_s: int = Field(15, ge=5, le=60)
    fit: Fit = "blur"
    privacy_level: PrivacyLevel = "PUBLIC_TO_EVERYONE"
    max_studio_usd: Decimal = Field(Decimal(10), gt=0, le=1_000, decimal_places=2)


class ContentPlan(BaseModel):
    """The posts, and who wrote them: a model's id, or that it was a mock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    written_by: str
    posts: tuple[PlannedPost, ...]


class ProducerOutput(AgentOutput):
    """The plan, what became of each render, and what is proposed. A post with a problem was not ordered."""

    plan: ContentPlan
    assets: tuple[Footage, ...]
    studio_cost_usd: Decimal
    proposed_effects: tuple[ProposalShown, ...]
    summary: str


class ContentProducerAgent(BaseAgent):
    """Two Sonnet calls at most; checks, orders, files and proposals in Python."""

    name = NAME
    Input = ProducerInput
    Output = ProducerOutput

    def __init__(self, records: Records = STORED) -> None:
        self._records = records

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(ProducerInput, ctx.input)
        handle = normal_handle(given.handle)
        brand = brand_of(self._records, ctx.workspace_id, given.brand_id or ctx.brand_id)
        planner = _Planner(given, brand, await _products(given))
        posts, summary = await planner.planned()
        good = {post.place: post for post in posts if not post.problems}
        briefs = {place: brief_of(post, given.duration_s) for place, post in good.items()}
        generations, paid = await order_footage(ctx, briefs, most_usd=given.max_studio_usd)
        footage = await finished_footage(ctx, generations, given.fit)
        ready = [one for one in footage if one.sha256 is not None]
        if not ready:
            raise ProviderRefusedError(
                "not_approved", f"no render was approved: {footage[0].place} was {footage[0].told}"
            )
        shown = offered(
            ctx,
            [publish_effect(good[one.place], one, handle=handle, privacy_level=given.privacy_level) for one in ready],
        )
        output = ProducerOutput(
            plan=ContentPlan(written_by=planner.written_by, posts=posts),
            assets=tuple(footage),
            studio_cost_usd=sum((one.cost_usd for one in footage), ZERO),
            proposed_effects=shown,
            summary=summary,
        )
        cost_usd = paid + sum((answer.cost_usd for answer in planner.answers), ZERO)
        return AgentResult(output.model_dump(mode="json"), cost_usd=cost_usd, model_used=planner.answers[-1].model)


async def _products(given: ProducerInput) -> tuple[Product, ...]:
    """The products to show. One that the shop does not have is an error, not left out in silence."""
    if not given.product_ids:
        return ()
    found = (await read_products(given.handle, product_ids=given.product_ids)).products
    missing = set(given.product_ids) - {product.id for product in found}
    if missing:
        raise InvalidInputError("product_ids", f"the shop has no {', '.join(sorted(missing))}")
    return found


class _Planner:
    """Asks for the plan, has it checked, and asks once more where the checks found something."""

    def __init__(self, given: ProducerInput, brand: Brand | None, products: Sequence[Product]) -> None:
        self._given, self._brand, self._products = given, brand, products
        self.answers: list[ClaudeResult] = []

    @property
    def written_by(self) -> str:
        last = self.answers[-1]
        return MOCK_MODEL if last.mode == "mock" else last.model

    async def planned(self) -> tuple[tuple[PlannedPost, ...], str]:
        """The posts and the summary. A post that has problems even then stays without a film; if all have, it is
        `OutputInvalidError`: nothing was ordered."""
        posts, summary = await self._asked(PLAN, "content plan", [])
        if any(post.problems for post in posts):
            told = data_block("problems", [_told(post) for post in posts if post.problems], untrusted=True)
            posts, summary = await self._asked(PLAN_AGAIN, "content plan again", [told])
        if not any(not post.problems for post in posts):
            why = "; ".join(posts[0].problems[:3]) if posts else "it holds no post"
            raise OutputInvalidError(f"{NAME}: no post of the plan can be used: {why}")
        return posts, summary

    async def _asked(self, task: str, label: str, more: Sequence[str]) -> tuple[tuple[PlannedPost, ...], str]:
        draft, answer = await ask(
            PlanDraft,
            system=system_prompt(NAME, self._brand),
            task=task,
            blocks=[*self._blocks(), *more],
            model="sonnet",
            label=label,
            max_tokens=8192,
        )
        self.answers.append(answer)
        posts = checked_posts(
            draft.posts[: self._given.posts],
            duration_s=self._given.duration_s,
            source=self._source(),
            banned_terms=banned_of(self._brand),
        )
        return posts, draft.summary

    def _blocks(self) -> list[str]:
        given = self._given
        limits = {"posts": given.posts, "duration_s": given.duration_s, "caption_most": CAPTION_MOST}
        return [
            request_block(given, topic=given.topic),
            data_block("limits", limits | {"hashtags_most": HASHTAGS_MOST, "shots_most": SHOTS_MOST}),
            data_block("products", [_shown(product) for product in self._products], untrusted=True),
            segments_block(given.segments[:6]),
            *audit_blocks(given),
        ]

    def _source(self) -> Json:
        """All that a caption may say: the request, the brand's profile, the products. Segments say whom to speak to."""
        asked = {"topic": self._given.topic, "notes": self._given.notes}
        return [asked, brand_facts(self._brand), [_shown(product) for product in self._products]]


def _shown(product: Product) -> dict[str, Json]:
    return {
        "product_id": product.id,
        "title": excerpt(product.title, 300),
        "description": excerpt(product.description, 1500),
        "price_usd": None if product.price_usd is None else str(product.price_usd),
    }


def _told(post: PlannedPost) -> dict[str, Json]:
    return {
        "place": post.place,
        "caption": post.caption,
        "hashtags": list(post.hashtags),
        "problems": list(post.problems),
    }
