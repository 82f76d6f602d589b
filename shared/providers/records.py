"""What is known of a TikTok account, whatever it was read from. `None` means unknown, never zero."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

SourceName = Literal["mock", "dataset", "tiktok_export", "real"]


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(Record):
    """An account at the time it was read. `handle` has no @ and is lower case."""

    handle: str
    nickname: str | None = None
    bio: str | None = None
    followers: int | None = None
    following: int | None = None
    likes_received: int | None = None
    posts_total: int | None = None
    verified: bool | None = None
    region: str | None = None


class Post(Record):
    """A published post. Counts are as of the account's `as_of`; times are UTC."""

    id: str
    url: str | None = None
    caption: str = ""
    published_at: datetime
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    duration_s: float | None = None  # None for photo posts and where unknown
    hashtags: tuple[str, ...] = ()  # lower case, no #
    mentions: tuple[str, ...] = ()
    music_title: str | None = None
    music_original: bool | None = None
    is_ad: bool | None = None
    language: str | None = None
    for_you_share: float | None = None  # share of views from the For You feed, 0..1
    search_visible: bool | None = None  # found by searching its own hashtags


class Comment(Record):
    id: str
    post_id: str
    author: str | None = None
    text: str
    posted_at: datetime
    likes: int | None = None
    replied_by_owner: bool | None = None
    reply_delay_h: float | None = None


class HealthSignals(Record):
    """What the platform itself says about the account. Only owners and the mock know these."""

    rate_limited_calls: int | None = None
    calls_made: int | None = None
    policy_flags: tuple[str, ...] | None = None


class FollowerDay(Record):
    day: str  # YYYY-MM-DD, UTC
    followers_gained: int


class Audience(Record):
    """Who follows or watches: shares 0..1. Unknown parts are empty."""

    age_shares: dict[str, float] = {}
    gender_shares: dict[str, float] = {}
    region_shares: dict[str, float] = {}
    active_hour_shares: dict[str, float] = {}  # "00".."23", UTC


class AccountData(Record):
    """Everything readable about one account: posts newest first, at most `posts_total_read` of them.

    `as_of` is the time the data speaks of: every window ("last 14 days") is counted back from it, never from the
    clock, so that the same data gives the same numbers on any day. `notes` says what the source cannot know.
    """

    source: SourceName
    source_name: str  # for people: "mock data", or the file's name
    as_of: datetime
    profile: Profile
    posts: tuple[Post, ...]
    comments: tuple[Comment, ...] | None = None
    audience: Audience | None = None
    health: HealthSignals | None = None
    follower_days: tuple[FollowerDay, ...] | None = None
    notes: tuple[str, ...] = ()


class TrendingHashtag(Record):
    """A hashtag in two windows of equal length: the last `window_days`, and those before."""

    name: str
    posts_now: int
    posts_before: int
    views_now: int | None = None
    views_before: int | None = None


class Trends(Record):
    """Hashtags of the last days. `why_none` says why there are none, where the source can know of none at all."""

    source: SourceName
    source_name: str
    as_of: datetime
    region: str | None
    window_days: int
    hashtags: tuple[TrendingHashtag, ...]
    why_none: str | None = None
    notes: tuple[str, ...] = ()


class ListingIssue(Record):
    """What the shop itself finds weak about a listing: `code` such as TITLE_LESS_THAN_40_CHARACTERS."""

    field: str  # TITLE, DESCRIPTION, MAIN_IMAGE, ...
    code: str
    how_to_solve: str | None = None


class Product(Record):
    """A shop listing and how it did in the last `window_days` of `Products`. `description` is plain text."""

    id: str
    title: str
    description: str = ""
    status: str = "ACTIVATE"
    price_usd: Decimal | None = None  # of the cheapest SKU; None where it is sold in another currency
    stock: int | None = None
    views: int | None = None  # how often its page was shown
    clicks: int | None = None
    units_sold: int | None = None
    gmv_usd: Decimal | None = None
    quality_tier: Literal["POOR", "FAIR", "GOOD"] | None = None
    issues: tuple[ListingIssue, ...] = ()
    search_words: tuple[str, ...] = ()  # what the shop suggests to put in: people search for it
    smart_titles: tuple[str, ...] = ()


class Products(Record):
    """The listings of a shop, in the shop's own order."""

    source: SourceName
    source_name: str
    as_of: datetime
    window_days: int
    products: tuple[Product, ...]
    notes: tuple[str, ...] = ()


class Creator(Record):
    """Somebody who sells for others, with what the marketplace tells of the people who follow."""

    open_id: str  # to write to
    handle: str
    nickname: str | None = None
    followers: int | None = None
    region: str | None = None
    categories: tuple[str, ...] = ()
    average_views: int | None = None  # of a video that shows a product
    engagement_rate: float | None = None  # likes, comments and shares per view, 0..1
    units_sold_30d: int | None = None  # the lower end, where a range is told
    gmv_usd_30d: Decimal | None = None
    age_ranges: tuple[str, ...] = ()  # of most followers, most first: "18-24"
    major_gender: Literal["female", "male"] | None = None
    major_gender_share: float | None = None  # 0..1
    languages: tuple[str, ...] = ()


class Creators(Record):
    source: SourceName
    source_name: str
    as_of: datetime
    creators: tuple[Creator, ...]
    notes: tuple[str, ...] = ()
