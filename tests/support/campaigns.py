"""Builders of listings, creators and segments, and what a campaign's steps hand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.agents.ad_campaign_director import AdCampaignDirectorAgent
from shared.agents.audience_mapper import AudienceMapperAgent
from shared.agents.creator_outreach import CreatorOutreachAgent
from shared.agents.listing_optimizer import ListingOptimizerAgent
from shared.agents.scores.aimed import AimedSegment
from shared.agents.scores.audience import AudienceFigures
from shared.providers.records import Creator, Product, Products
from tests.support.accounts import AS_OF
from tests.support.audits import MemoryRecords, run_agent

CAMPAIGN = (ListingOptimizerAgent, AdCampaignDirectorAgent, CreatorOutreachAgent)
SENTENCE = "A brow gel in a small tube, with a brush at its end. "
POST = {
    "id": "e1",
    "key": "post:1",
    "kind": "publish_video",
    "title": "Publish the video on brows",
    "status": "done",
    "receipt": {
        "vendor": "tiktok-mock",
        "reference": "71",
        "url": "https://t.example/71",
        "details": {"post_id": "71"},
    },
}


def a_product(product_id: str = "p1", **fields: Any) -> Product:
    """A listing that shows no fault: 1,000 views, 100 clicks, 10 sales, a full title and description."""
    given = {
        "id": product_id,
        "title": "Clear brow gel in a tube, with a brush at its end",
        "description": SENTENCE * 5 + "\n\n#brows #browgel #beauty",
        "views": 1000,
        "clicks": 100,
        "units_sold": 10,
    }
    return Product.model_validate({**given, **fields})


def a_shop(*products: Product) -> Products:
    return Products(source="mock", source_name="a shop", as_of=AS_OF, window_days=28, products=products)


def a_creator(handle: str = "glowmia", **fields: Any) -> Creator:
    """A creator for skincare with 20,000 followers in the US, most of them women of 18 to 24."""
    given = {
        "open_id": f"open-{handle}",
        "handle": handle,
        "nickname": "Mia",
        "followers": 20_000,
        "region": "US",
        "categories": ["Skincare"],
        "engagement_rate": 0.05,
        "units_sold_30d": 12,
        "age_ranges": ["18-24"],
        "major_gender": "female",
        "major_gender_share": 0.8,
    }
    return Creator.model_validate({**given, **fields})


def a_segment(segment_id: str, *hashtags: str, share: float | None = 0.5, **fields: Any) -> AimedSegment:
    given = {"segment_id": segment_id, "hashtags": hashtags, "share_of_engagement": share}
    return AimedSegment.model_validate({**given, **fields})


def an_audience(**fields: Any) -> AudienceFigures:
    """Half in the US, a quarter in Britain; 60 % of 18 to 24; 70 % women."""
    given = {
        "age_shares": {"18-24": 0.6, "25-34": 0.3, "55+": 0.1},
        "gender_shares": {"female": 0.7, "male": 0.3},
        "region_shares": {"US": 0.5, "GB": 0.25},
        "active_hours": (),
        "active_hours_basis": "unknown",
        "comments_counted": 0,
    }
    return AudienceFigures.model_validate({**given, **fields})


def handed_on(handle: str = "lakucosmetics", published: Sequence[dict[str, Any]] = (POST,)) -> dict[str, Any]:
    """The input of the campaign agents: the brief, the mapped audience, and what was published."""
    mapped = run_agent(AudienceMapperAgent(MemoryRecords()), {"handle": handle}).output
    return {
        "handle": handle,
        "segments": mapped["segments"],
        "audience": mapped["audience"],
        "published": list(published),
        "ad_budget_usd": "300",
        "film_variants": 0,
    }
