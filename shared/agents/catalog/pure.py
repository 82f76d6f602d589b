"""The llm_pure agents (A047-A060): context in, a cached model call, checked answers out. No Studio."""

from __future__ import annotations

from shared.agents.catalog.fields import (
    ALERT_KEY,
    AUDIENCE,
    BRIEF,
    CAMPAIGN,
    PRODUCT_IDS,
    READ,
    SEGMENTS,
    SOURCE,
    SUMMARY,
    effects,
    field,
    window_days,
)
from shared.agents.spec import AgentSpec, FieldType, HumanTouchpoint, Pattern

COMMENT_TRIAGE = AgentSpec(
    name="comment_triage",
    display_name="Comment Triage",
    purpose="Sorts new comments by what they need, and drafts replies. It recommends; it does not reply.",
    pattern=Pattern.LLM_PURE,
    typical_model="haiku",
    inputs=(*BRIEF, field("post_ids", FieldType.LIST, "Only comments on these posts; empty: all.", default=[])),
    options=(
        field("since_hours", FieldType.INTEGER, "Only comments that are younger.", default=72, unit="hours"),
        field("max_comments", FieldType.INTEGER, "At most so many, the newest first.", default=200, unit="comments"),
    ),
    outputs=(
        field("comments_read", FieldType.INTEGER, "Comments that were classified.", unit="comments"),
        field("classified", FieldType.LIST, "Per comment: intent, sentiment, urgency, whether to reply, a draft."),
        field("counts_by_intent", FieldType.OBJECT, "How many of each intent."),
        field("urgent", FieldType.LIST, "Comments that should not wait: complaints, safety, legal."),
        field("spam", FieldType.LIST, "Comments that look like spam, recommended to be hidden."),
        SUMMARY,
    ),
    human_touchpoints=(HumanTouchpoint(at="Step output", decision="Which drafted replies to post, and what to hide."),),
    workflows=("post_launch_loop",),
)

LISTING_OPTIMIZER = AgentSpec(
    name="listing_optimizer",
    display_name="Listing Optimizer",
    purpose="Rewrites title, description and hashtags of shop listings that sell below their views.",
    pattern=Pattern.LLM_PURE,
    typical_model="sonnet",
    inputs=(*CAMPAIGN, PRODUCT_IDS, SEGMENTS),
    options=(
        field("max_listings", FieldType.INTEGER, "At most so many listings.", default=10, unit="listings"),
        field("variants", FieldType.INTEGER, "Versions of each rewrite.", default=2, unit="versions"),
    ),
    outputs=(
        *SOURCE,
        field("listings_checked", FieldType.INTEGER, "Listings on sale that were compared.", unit="listings"),
        field("listings_not_on_sale", FieldType.INTEGER, "Listings that were passed over.", unit="listings"),
        field("underperforming", FieldType.INTEGER, "Listings far below the shop's median.", unit="listings"),
        field("median_click_rate", FieldType.NUMBER, "The shop's median of clicks per view.", unit="share"),
        field("median_conversion", FieldType.NUMBER, "The shop's median of sales per click.", unit="share"),
        field("listings", FieldType.LIST, "Per listing: its rates against the median, what is weak, its text's score."),
        field("rewrites", FieldType.LIST, "Per listing: weakness, present text, versions with problems and score."),
        effects("Listing changes to make."),
        SUMMARY,
    ),
    human_touchpoints=(
        HumanTouchpoint(at="Gate: listing rewrites", decision="Which rewrites go live. Reject takes feedback."),
    ),
    workflows=("campaign_launch",),
    proposes=("update_listing",),
)

AUDIENCE_MAPPER = AgentSpec(
    name="audience_mapper",
    display_name="Audience Mapper",
    purpose="Clusters an account's posts into the interests its audience gathers around, with shares and scores.",
    pattern=Pattern.LLM_PURE,
    typical_model="sonnet",
    inputs=BRIEF,
    options=(
        window_days(180),
        field("max_segments", FieldType.INTEGER, "At most so many segments.", default=6, unit="segments"),
    ),
    outputs=(
        *READ,
        field("posts_analysed", FieldType.INTEGER, "Posts of the window that are 48 hours old.", unit="posts"),
        field(
            "engagement_basis",
            FieldType.ENUM,
            "What counts as engagement.",
            choices=("likes_comments_shares", "likes"),
        ),
        field("segments", FieldType.LIST, "Name, hashtags, posts, shares, score 0-100, active hours, content angle."),
        field("unclustered_posts", FieldType.INTEGER, "Posts that belong to no segment.", unit="posts"),
        field("common_hashtags", FieldType.LIST, "Hashtags on more than 80 % of the posts: they tell no groups apart."),
        field("audience", FieldType.OBJECT, "Age, gender and region shares where known; active hours, UTC."),
        SUMMARY,
    ),
    workflows=("profile_audit", "campaign_launch"),
)

CREATOR_OUTREACH = AgentSpec(
    name="creator_outreach",
    display_name="Creator Outreach",
    purpose="Finds creators whose audience overlaps with the segments, and drafts a message to each.",
    pattern=Pattern.LLM_PURE,
    typical_model="sonnet",
    inputs=(
        *CAMPAIGN,
        SEGMENTS,
        AUDIENCE,
        field("offer", FieldType.TEXT, "What creators are offered: samples, commission, a fee.", default=""),
        PRODUCT_IDS,
        field("commission_percent", FieldType.NUMBER, "Commission on the sales of the products.", unit="per cent"),
    ),
    options=(
        field("max_creators", FieldType.INTEGER, "At most so many creators.", default=5, unit="creators"),
        field("min_followers", FieldType.INTEGER, "Smaller accounts are left out.", default=5000, unit="followers"),
        field("max_followers", FieldType.INTEGER, "Larger accounts are left out.", default=250_000, unit="followers"),
    ),
    outputs=(
        *SOURCE,
        field("creators_found", FieldType.INTEGER, "Creators that the search found.", unit="creators"),
        field("creators_left_out", FieldType.INTEGER, "Of these, with too few or too many followers.", unit="creators"),
        field("creators", FieldType.LIST, "Per creator: overlap with its parts, risks, followers, engagement, sales."),
        field("messages", FieldType.LIST, "The drafted message to each of the first, and what the checks found."),
        effects("Messages to send."),
        SUMMARY,
    ),
    human_touchpoints=(HumanTouchpoint(at="Gate: outreach DMs", decision="Which messages are sent, and to whom."),),
    workflows=("campaign_launch",),
    proposes=("send_message",),
)

COMPLIANCE = AgentSpec(
    name="compliance",
    display_name="Compliance",
    purpose="Reads captions for hidden advertising, forbidden claims and goods, and offers other words.",
    pattern=Pattern.LLM_PURE,
    typical_model="sonnet",
    inputs=BRIEF,
    options=(
        window_days(365),
        field("max_judged", FieldType.INTEGER, "Findings that go to the model.", default=30, unit="findings"),
    ),
    outputs=(
        *READ,
        field("posts_checked", FieldType.INTEGER, "Posts of the window.", unit="posts"),
        field("posts_with_caption", FieldType.INTEGER, "Of these, with a caption.", unit="posts"),
        field("banned_terms_checked", FieldType.INTEGER, "Terms that the brand bans.", unit="terms"),
        field("findings", FieldType.LIST, "Rule, severity, quote, post, verdict with its reason, rewrite."),
        field("open_high", FieldType.INTEGER, "High findings that were not dismissed.", unit="findings"),
        field("open_medium", FieldType.INTEGER, "Medium findings that were not dismissed.", unit="findings"),
        field("open_low", FieldType.INTEGER, "Low findings that were not dismissed.", unit="findings"),
        field("dismissed", FieldType.INTEGER, "Findings that the model dismissed.", unit="findings"),
        ALERT_KEY,
        SUMMARY,
    ),
    human_touchpoints=(
        HumanTouchpoint(at="Alerts", decision="What happens to posts with a finding of high severity."),
    ),
    workflows=("profile_audit",),
)

TREND_WATCHER = AgentSpec(
    name="trend_watcher",
    display_name="Trend Watcher",
    purpose="Finds hashtags that rise now, says which fit the account, and gives an idea for each.",
    pattern=Pattern.LLM_PURE,
    typical_model="haiku",
    inputs=BRIEF,
    options=(
        field("region", FieldType.STRING, "The country, as two letters.", default="US"),
        field("freshness_hours", FieldType.INTEGER, "Length of each window compared.", default=168, unit="hours"),
        field("limit", FieldType.INTEGER, "At most so many hashtags.", default=10, unit="hashtags"),
    ),
    outputs=(
        *READ,
        field("region", FieldType.STRING, "The country that the counts are of; empty if unknown."),
        field("window_days", FieldType.INTEGER, "Length of each window.", unit="days"),
        field("trends_as_of", FieldType.DATE, "The end of the newer window."),
        field("trend_notes", FieldType.LIST, "What the source of trends cannot know."),
        field("rising_hashtags", FieldType.LIST, "Counts, growth, whether it is used already, fit, why, idea."),
        SUMMARY,
    ),
    workflows=("profile_audit",),
)

SHADOWBAN_SENTINEL = AgentSpec(
    name="shadowban_sentinel",
    display_name="Shadowban Sentinel",
    purpose="Computes four independent signals of suppressed reach, and raises an alert when two of them trip.",
    pattern=Pattern.LLM_PURE,
    typical_model="haiku",
    inputs=BRIEF,
    options=(
        field(
            "confidence_threshold",
            FieldType.NUMBER,
            "Combined confidence from which on a model sums up the evidence.",
            default=0.5,
            unit="0-1",
        ),
    ),
    outputs=(
        *READ,
        field(
            "verdict",
            FieldType.ENUM,
            "Two signals or more: suppression_likely; one: watch; none: clear.",
            choices=("suppression_likely", "watch", "clear", "unknown"),
        ),
        field("combined_confidence", FieldType.NUMBER, "How strongly all signals speak for suppression.", unit="0-1"),
        field("signals_known", FieldType.INTEGER, "Signals that can be computed.", unit="signals"),
        field("signals_tripped", FieldType.INTEGER, "Of these, tripped.", unit="signals"),
        field("reading", FieldType.TEXT, "How views and engagement moved together."),
        field("signals", FieldType.LIST, "View collapse, For You share, search visibility, engagement z-score."),
        ALERT_KEY,
        field("model_asked", FieldType.BOOLEAN, "Whether the summary is a model's."),
        SUMMARY,
        field("next_checks", FieldType.LIST, "What a person can check today."),
    ),
    human_touchpoints=(HumanTouchpoint(at="Alerts", decision="Whether to pause posting and paid promotion."),),
    workflows=("profile_audit", "post_launch_loop"),
)

PURE = (
    COMMENT_TRIAGE,
    LISTING_OPTIMIZER,
    AUDIENCE_MAPPER,
    CREATOR_OUTREACH,
    COMPLIANCE,
    TREND_WATCHER,
    SHADOWBAN_SENTINEL,
)
