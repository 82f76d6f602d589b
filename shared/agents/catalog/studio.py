"""The studio_consuming agents (A032-A046): they brief Studio for an asset, and a person approves what is published."""

from __future__ import annotations

from decimal import Decimal

from shared.agents.catalog.fields import AUDIENCE, AUDIT, BRIEF, CAMPAIGN, SEGMENTS, SUMMARY, effects, field
from shared.agents.spec import AgentSpec, FieldType, HumanTouchpoint, Pattern

RENDER = HumanTouchpoint(at="Studio", decision="Whether the rendered asset is good enough to go on with.")
ASSETS = field("assets", FieldType.LIST, "Per asset: Studio's id, state, cost, and the file.")
FIT = field(
    "fit",
    FieldType.ENUM,
    "How a picture that is not 9:16 fills the frame: on a blurred copy of itself, or cropped.",
    default="blur",
    choices=("blur", "crop"),
)
COST = field("studio_cost_usd", FieldType.MONEY_USD, "What Studio's generation cost, charged before it began.")

CONTENT_PRODUCER = AgentSpec(
    name="content_producer",
    display_name="Content Producer",
    purpose="Plans a post in the brand's voice, has Studio make the video, and proposes to publish it.",
    pattern=Pattern.STUDIO_CONSUMING,
    typical_model="sonnet",
    inputs=(
        *CAMPAIGN,
        SEGMENTS,
        AUDIT,
        field("topic", FieldType.TEXT, "What the posts are about; empty: chosen from the brief.", default=""),
        field("product_ids", FieldType.LIST, "Products of the shop to show.", default=()),
    ),
    options=(
        field("posts", FieldType.INTEGER, "How many posts to make.", default=1, unit="posts"),
        field("duration_s", FieldType.INTEGER, "Length of each video.", default=15, unit="seconds"),
        FIT,
        field(
            "privacy_level",
            FieldType.ENUM,
            "Who may see the posts.",
            default="PUBLIC_TO_EVERYONE",
            choices=("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"),
        ),
        field("max_studio_usd", FieldType.MONEY_USD, "What all renders may cost at most.", default=Decimal(10)),
    ),
    outputs=(
        field("plan", FieldType.OBJECT, "Who wrote it, and per post: hook, shots, caption, hashtags, sound, problems."),
        field("assets", FieldType.LIST, "Per render: Studio's id, who decided what, its cost, and the upright file."),
        field("studio_cost_usd", FieldType.MONEY_USD, "What the renders cost; the price was known before each order."),
        effects("Posts to publish."),
        SUMMARY,
    ),
    human_touchpoints=(
        RENDER,
        HumanTouchpoint(at="Gate: TikTok publish", decision="Whether the post goes live as shown."),
    ),
    workflows=("campaign_launch",),
    proposes=("publish_video",),
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
    proposes=("update_listing",),
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
    proposes=("publish_video",),
)

AD_CAMPAIGN_DIRECTOR = AgentSpec(
    name="ad_campaign_director",
    display_name="Ad Campaign Director",
    purpose="Plans objective, audience, budget and creatives of an ad campaign, and proposes to launch it.",
    pattern=Pattern.STUDIO_CONSUMING,
    typical_model="sonnet",
    inputs=(
        *CAMPAIGN,
        SEGMENTS,
        AUDIT,
        AUDIENCE,
        field("published", FieldType.LIST, "Posts that the gate before released, with their receipts.", default=()),
        field("assets", FieldType.LIST, "Videos that content_producer had Studio make.", default=()),
        field(
            "hold_paid_amplification",
            FieldType.BOOLEAN,
            "True: account_health found a high risk, and no ads are proposed.",
            default=False,
        ),
        field("ad_budget_usd", FieldType.MONEY_USD, "What the ads may spend in all.", required=True),
        field(
            "objective",
            FieldType.ENUM,
            "What the campaign is for.",
            default="reach",
            choices=("reach", "traffic", "video_views", "engagement", "conversions", "shop_sales"),
        ),
        field("landing_url", FieldType.STRING, "Where the ads lead; needed for traffic and conversions."),
        field("advertiser_id", FieldType.STRING, "The ad account that pays; empty: the one that is set.", default=""),
        field("countries", FieldType.LIST, "Where the ads are shown, as two letters.", default=("US",)),
        field("starts_on", FieldType.DATE, "The first day, UTC; empty: when it is launched."),
        field(
            "past_cpm_usd", FieldType.LIST, "What 1,000 views cost in past campaigns, for a reach range.", default=()
        ),
    ),
    options=(
        field("ad_days", FieldType.INTEGER, "How long it runs.", default=7, unit="days"),
        field("daily_cap_usd", FieldType.MONEY_USD, "What one day may spend, overshoot included; empty: no cap."),
        field(
            "campaigns", FieldType.INTEGER, "Campaigns, each for one segment; 1: for all.", default=1, unit="campaigns"
        ),
        field("creative_variants", FieldType.INTEGER, "Texts for each creative.", default=3, unit="texts"),
        field(
            "film_variants",
            FieldType.INTEGER,
            "Different films to show; Studio makes what posts and videos are short of. 0: it is not asked.",
            default=2,
            unit="films",
        ),
        field("duration_s", FieldType.INTEGER, "Length of each film that Studio makes.", default=15, unit="seconds"),
        FIT,
        field("max_films_usd", FieldType.MONEY_USD, "What these films may cost at most.", default=Decimal(10)),
    ),
    outputs=(
        field("status", FieldType.ENUM, "Whether a plan is proposed.", choices=("ok", "not_enough_data", "on_hold")),
        field("reason", FieldType.TEXT, "Why nothing is proposed; empty if something is."),
        field(
            "plan", FieldType.OBJECT, "Objective, audience, budget split, reach, schedule, creatives, ads, stop rules."
        ),
        field("films", FieldType.LIST, "Per film that Studio was to make: hook, shots, sound, problems."),
        field("assets", FieldType.LIST, "Per render: Studio's id, who decided what, its cost, and the upright file."),
        field("studio_cost_usd", FieldType.MONEY_USD, "What the renders cost; the price was known before each order."),
        field("planned_spend_usd", FieldType.MONEY_USD, "The most that the proposed campaigns can spend in all."),
        effects("The campaigns to launch, with what each may spend."),
        SUMMARY,
    ),
    human_touchpoints=(
        RENDER,
        HumanTouchpoint(at="Gate: ad spend", decision="Whether the money is spent as planned."),
    ),
    workflows=("campaign_launch",),
    proposes=("launch_campaign",),
)

STUDIO = (CONTENT_PRODUCER, CATALOG_SYNC, LIVE_STREAM_OPS, AD_CAMPAIGN_DIRECTOR)
