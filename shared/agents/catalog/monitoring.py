"""The data_monitoring agents (A061-A069): figures in Python, a few words by Haiku, or none."""

from __future__ import annotations

from shared.agents.catalog.fields import BRAND_ID, BRIEF, READ, SUMMARY, field, window_days
from shared.agents.spec import AgentSpec, FieldType, HumanTouchpoint, Pattern

ACCOUNT_HEALTH = AgentSpec(
    name="account_health",
    display_name="Account Health",
    purpose="Scores an account from 0 to 100 against its own past, and watches four canaries of a shadowban.",
    pattern=Pattern.DATA_MONITORING,
    typical_model="haiku",
    inputs=BRIEF,
    outputs=(
        *READ,
        field("followers", FieldType.INTEGER, "Followers at the time of the data.", unit="followers"),
        field("followers_gained_14d", FieldType.INTEGER, "Gained in the last 14 days.", unit="followers"),
        field("followers_gained_30d_before", FieldType.INTEGER, "Gained in the 30 days before.", unit="followers"),
        field("overall_score", FieldType.INTEGER, "Weighted mean of the known scores.", unit="0-100"),
        field("scores", FieldType.OBJECT, "Cadence, engagement, reach, consistency, replies: value, basis, inputs."),
        field(
            "shadowban_risk",
            FieldType.ENUM,
            "Low: no known canary fires; medium: one; high: several.",
            choices=("low", "medium", "high", "unknown"),
        ),
        field("shadowban_risk_basis", FieldType.OBJECT, "On how many canaries the risk stands."),
        field("canaries", FieldType.LIST, "View velocity, comment surface, rate limiting, policy flags."),
        field("hold_paid_amplification", FieldType.BOOLEAN, "True at high risk: do not pay for reach now."),
        field("diagnosis", FieldType.TEXT, "What stands out, in one sentence."),
        field("recommended_actions", FieldType.LIST, "What to do first."),
    ),
    workflows=("profile_audit", "post_launch_loop"),
)

PERFORMANCE_FEEDBACK = AgentSpec(
    name="performance_feedback",
    display_name="Performance Feedback",
    purpose="Finds which posts, lengths, hours, weekdays and hashtags beat the account's own median.",
    pattern=Pattern.DATA_MONITORING,
    typical_model="haiku",
    inputs=BRIEF,
    options=(
        window_days(90),
        field("top_n", FieldType.INTEGER, "How many best and worst posts to show.", default=5, unit="posts"),
    ),
    outputs=(
        *READ,
        field("metric", FieldType.ENUM, "What posts were compared by.", choices=("views", "likes")),
        field("posts_analysed", FieldType.INTEGER, "Posts of the window that are 48 hours old.", unit="posts"),
        field("median_metric", FieldType.NUMBER, "The account's median of the metric."),
        field("median_engagement_rate", FieldType.NUMBER, "Engagements per view, the median.", unit="share"),
        field("top_posts", FieldType.LIST, "The best posts, with their lift over the median."),
        field("bottom_posts", FieldType.LIST, "The worst posts, the worst first."),
        field("durations", FieldType.LIST, "Groups by length."),
        field("hours", FieldType.LIST, "Groups by hour of publishing, UTC."),
        field("weekdays", FieldType.LIST, "Groups by weekday, UTC."),
        field("hashtags", FieldType.LIST, "Groups by hashtag, three posts or more."),
        SUMMARY,
        field("recommendations", FieldType.LIST, "What to do, each resting on one finding."),
    ),
    workflows=("profile_audit", "post_launch_loop"),
)

INVENTORY_SYNC = AgentSpec(
    name="inventory_sync",
    display_name="Inventory Sync",
    purpose="Compares the stock of TikTok Shop with that of Shopify, and finds what would oversell or lies idle.",
    pattern=Pattern.DATA_MONITORING,
    typical_model="haiku",
    inputs=(*BRIEF[:4], field("sku_ids", FieldType.LIST, "Only these SKUs; empty: all.", default=[])),
    options=(
        field("safety_stock", FieldType.INTEGER, "Units that must stay in stock.", default=5, unit="units"),
        field("cover_days", FieldType.INTEGER, "Days of sales that stock should cover.", default=14, unit="days"),
    ),
    outputs=(
        field("skus_checked", FieldType.INTEGER, "SKUs known to both sides.", unit="SKUs"),
        field("mismatches", FieldType.LIST, "SKUs whose counts differ: both counts and the difference."),
        field("at_risk", FieldType.LIST, "SKUs that run out within the cover, at the present rate of sale."),
        field("unmatched", FieldType.LIST, "SKUs that only one side knows."),
        field("proposed_updates", FieldType.LIST, "Stock counts to set. Recommended only: nothing is changed."),
        SUMMARY,
    ),
    workflows=("post_launch_loop",),
)

LDR_COMPLIANCE = AgentSpec(
    name="ldr_compliance",
    display_name="Late Dispatch Watch",
    purpose="Follows TikTok Shop's rolling late dispatch rate, and names the orders that would raise it. No model.",
    pattern=Pattern.DATA_MONITORING,
    typical_model=None,
    inputs=(BRAND_ID, field("shop_id", FieldType.STRING, "The shop; empty: the workspace's only one.", default="")),
    options=(
        field("warn_at", FieldType.NUMBER, "Rate from which on to warn.", default=0.03, unit="share"),
        field("alert_at", FieldType.NUMBER, "Rate from which on to raise an alert.", default=0.04, unit="share"),
        field("at_risk_hours", FieldType.INTEGER, "Orders due within so many hours.", default=12, unit="hours"),
    ),
    outputs=(
        field("late_dispatch_rate", FieldType.NUMBER, "The rolling rate as the shop shows it.", unit="share"),
        field("orders_in_window", FieldType.INTEGER, "Orders that the rate stands on.", unit="orders"),
        field("at_risk_orders", FieldType.LIST, "Orders not dispatched yet, the next due first."),
        field("projected_rate", FieldType.NUMBER, "The rate if all of these are late.", unit="share"),
        field("alerts_raised", FieldType.INTEGER, "New alerts; known ones are not raised again.", unit="alerts"),
    ),
    human_touchpoints=(
        HumanTouchpoint(at="Alerts", decision="Dispatch the named orders, or accept that the rate rises."),
    ),
    workflows=("post_launch_loop",),
)

MONITORING = (ACCOUNT_HEALTH, PERFORMANCE_FEEDBACK, INVENTORY_SYNC, LDR_COMPLIANCE)
