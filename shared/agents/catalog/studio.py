"""The studio_consuming agents (A032-A046): they brief Studio for an asset, and a person approves what is published."""

from __future__ import annotations

from shared.agents.catalog.fields import BRIEF, SUMMARY, effects, field
from shared.agents.spec import AgentSpec, FieldType, HumanTouchpoint, Pattern

SEGMENTS = field("segments", FieldType.LIST, "Audience segments to aim at, from audience_mapper.", default=[])
RENDER = HumanTouchpoint(at="Studio", decision="Whether the rendered asset is good enough to go on with.")
ASSETS = field("assets", FieldType.LIST, "Per asset: Studio's id, state, cost, and the file.")
COST = field("studio_cost_usd", FieldType.MONEY_USD, "What Studio's generation cost, charged before it began.")

CONTENT_PRODUCER = AgentSpec(
    name="content_producer",
    display_name="Content Producer",
    purpose="Plans a post in the brand's voice, has Studio make the video, and proposes to publish it.",
    pattern=Pattern.STUDIO_CONSUMING,
    typical_model="sonnet",
    inputs=(
        *BRIEF,
        SEGMENTS,
        field("topic", FieldType.TEXT, "What the post is about; empty: chosen from the brief.", default=""),
        field("product_ids", FieldType.LIST, "Products to show.", default=[]),
    ),
    options=(
        field("posts", FieldType.INTEGER, "How many posts to make.", default=1, unit="posts"),
        field("duration_s", FieldType.INTEGER, "Length of the video.", default=30, unit="seconds"),
    ),
    outputs=(
        field("plan", FieldType.OBJECT, "Per post: hook, shots, caption, hashtags, sound, why."),
        ASSETS,
        COST,
        effects("Posts to publish."),
        field("posts_published", FieldType.LIST, "Post ids, once released and published."),
        SUMMARY,
    ),
    human_touchpoints=(
        RENDER,
        HumanTouchpoint(at="Gate: TikTok publish", decision="Whether the post goes live as shown."),
    ),
    workflows=("campaign_launch",),
)

CATALOG_SYNC = AgentSpec(
    name="catalog_sync",
    display_name="Catalog Sync",
    purpose="Finds SKUs that changed, and has Studio make new product photos where the old ones no longer fit.",
    pattern=Pattern.STUDIO_CONSUMING,
    typical_model="haiku",
    inputs=(*BRIEF[:4], field("sku_ids", FieldType.LIST, "Only these SKUs; empty: those that changed.", default=[])),
    options=(
        field("regenerate_photos", FieldType.BOOLEAN, "Whether Studio may be asked at all.", default=True),
        field("max_assets", FieldType.INTEGER, "At most so many photos.", default=10, unit="photos"),
    ),
    outputs=(
        field("skus_checked", FieldType.INTEGER, "SKUs that were compared.", unit="SKUs"),
        field("changed", FieldType.LIST, "Per SKU: what changed, and whether its photos still fit."),
        ASSETS,
        COST,
        effects("Listing photos to replace."),
        SUMMARY,
    ),
    human_touchpoints=(RENDER, HumanTouchpoint(at="Gate", decision="Which photos replace the old ones.")),
)

LIVE_STREAM_OPS = AgentSpec(
    name="live_stream_ops",
    display_name="Live Stream Ops",
    purpose="Prepares a live shopping stream: run of show, branded thumbnail, b-roll, and what to watch while live.",
    pattern=Pattern.STUDIO_CONSUMING,
    typical_model="sonnet",
    inputs=(
        *BRIEF[:4],
        field("starts_at", FieldType.DATE, "When the stream begins, UTC.", required=True),
        field("product_ids", FieldType.LIST, "Products to show, in order.", default=[]),
    ),
    options=(
        field("duration_min", FieldType.INTEGER, "Planned length.", default=60, unit="minutes"),
        field("thumbnails", FieldType.INTEGER, "How many thumbnails to choose from.", default=3, unit="images"),
    ),
    outputs=(
        field("run_of_show", FieldType.LIST, "Minute, product, talking points, offer."),
        ASSETS,
        COST,
        field("watch_list", FieldType.LIST, "What to watch while live, and what to do about it."),
        effects("The announcement to publish."),
        SUMMARY,
    ),
    human_touchpoints=(RENDER, HumanTouchpoint(at="Gate", decision="Whether the stream is announced as planned.")),
)

AD_CAMPAIGN_DIRECTOR = AgentSpec(
    name="ad_campaign_director",
    display_name="Ad Campaign Director",
    purpose="Plans objective, audience, budget and creatives of an ad campaign, and proposes to launch it.",
    pattern=Pattern.STUDIO_CONSUMING,
    typical_model="sonnet",
    inputs=(
        *BRIEF,
        SEGMENTS,
        field("budget_usd", FieldType.MONEY_USD, "What the campaign may spend in all.", required=True),
        field(
            "objective", FieldType.ENUM, "What it is for.", choices=("reach", "traffic", "conversions", "shop_sales")
        ),
    ),
    options=(
        field("daily_cap_usd", FieldType.MONEY_USD, "What one day may spend; empty: the budget over its days."),
        field("days", FieldType.INTEGER, "How long it runs.", default=7, unit="days"),
        field("creative_variants", FieldType.INTEGER, "How many creatives Studio makes.", default=3, unit="creatives"),
    ),
    outputs=(
        field("plan", FieldType.OBJECT, "Objective, audiences, budget split, schedule, bids, stop rules."),
        ASSETS,
        COST,
        field("planned_spend_usd", FieldType.MONEY_USD, "What the plan spends, TikTok's daily overshoot included."),
        effects("The campaign to launch, with what it may spend."),
        SUMMARY,
    ),
    human_touchpoints=(
        RENDER,
        HumanTouchpoint(at="Gate: ad spend", decision="Whether the money is spent as planned."),
    ),
    workflows=("campaign_launch",),
)

STUDIO = (CONTENT_PRODUCER, CATALOG_SYNC, LIVE_STREAM_OPS, AD_CAMPAIGN_DIRECTOR)
