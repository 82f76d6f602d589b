"""Rows of the TikTok Scraper family (one row per video) as posts and accounts.

Each field is looked for under the names that exporters use: the flat family first, then TikTok's own nested
`stats` and `statistics` shapes. A count that is absent is None, never 0.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from shared.providers.captions import distinct_names, hashtags_in, mentions_in
from shared.providers.dataset.found import Found, FoundAccount, FoundVideo, LeftOut, Why
from shared.providers.dataset.rows import Row, as_text
from shared.providers.dataset.values import at, is_missing, moment, seconds, truth, whole_number
from shared.providers.handles import handle_or_none
from shared.providers.records import Post, Profile
from shared.providers.text import clean_text


def _counted(web: str, mobile: str) -> tuple[str, ...]:
    return (web, f"stats.{web}", f"statsV2.{web}", f"statistics.{web}", f"statistics.{mobile}", mobile)


FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id", "videoId", "aweme_id"),
    "url": ("webVideoUrl", "postPage", "share_url", "url"),
    "caption": ("text", "desc", "caption"),
    "published": ("createTime", "create_time", "createTimeISO"),
    "seen": ("scrapedAt", "scraped_at", "collectedAt", "crawledAt"),
    "views": _counted("playCount", "play_count"),
    "likes": _counted("diggCount", "digg_count"),
    "comments": _counted("commentCount", "comment_count"),
    "shares": _counted("shareCount", "share_count"),
    "saves": _counted("collectCount", "collect_count"),
    "duration": ("videoMeta.duration", "video.duration"),
    "music_title": ("musicMeta.musicName", "music.title"),
    "music_original": ("musicMeta.musicOriginal", "music.original"),
    "is_ad": ("isAd",),
    "is_sponsored": ("isSponsored",),
    "language": ("textLanguage",),
    "region": ("locationCreated", "locationMeta.countryCode"),
    "handle": ("authorMeta.name", "author.uniqueId", "author.unique_id", "author"),
    "nickname": ("authorMeta.nickName", "author.nickname"),
    "bio": ("authorMeta.signature", "author.signature"),
    "followers": ("authorMeta.fans", "authorStats.followerCount"),
    "following": ("authorMeta.following", "authorStats.followingCount"),
    "likes_received": ("authorMeta.heart", "authorStats.heartCount"),
    "posts_total": ("authorMeta.video", "authorStats.videoCount"),
    "verified": ("authorMeta.verified", "author.verified"),
    "account_region": ("authorMeta.region", "author.region"),
}
COUNTS = ("views", "likes", "comments", "shares", "saves")
ACCOUNT_COUNTS = ("followers", "following", "likes_received", "posts_total")

_IN_URL = re.compile(r"/(?:@(?P<handle>[^/?#]{1,64})/)?(?:video|photo)/(?P<id>[0-9]{5,25})")
_TIKTOK = re.compile(r"https://([a-z0-9-]+\.)*tiktokv?\.com/", re.IGNORECASE)
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def found_in(row: Row, now_s: int) -> Iterator[Found]:
    """The account a row speaks of, then its video; or why the row was left out."""
    handle = _handle(row)
    if handle is None:
        yield LeftOut(Why.NO_AUTHOR)
        return
    seen_s = _not_later(moment(first(row, "seen")), now_s)
    published_s = next((s for path in FIELDS["published"] if (s := moment(row.get(path))) is not None), None)
    if published_s is None and not _names_only_an_account(row):
        yield LeftOut(Why.NO_TIME)
    elif published_s is not None and published_s > now_s:
        yield LeftOut(Why.LATER_THAN_NOW)
    else:
        yield _account(row, handle, seen_s)
        if published_s is not None:
            yield _video(row, handle, published_s, seen_s)


def first(row: Row, field: str) -> Any:
    """The first of a field's names that holds something."""
    for path in FIELDS[field]:
        value = row.get(path)
        if not is_missing(value):
            return value
    return None


def made_up_id(*known: str) -> str:
    """An id for a video whose row has none: the same for the same author, time and caption."""
    return "row-" + hashlib.sha256("\n".join(known).encode("utf-8", "replace")).hexdigest()[:16]


def video_id_in(url: str) -> str | None:
    match = _IN_URL.search(url)
    return match["id"] if match else None


def _handle(row: Row) -> str | None:
    named = _words(row, "handle")
    if named:
        return handle_or_none(clean_text(named))
    match = _IN_URL.search(_text(row, "url") or "")
    return handle_or_none(match["handle"]) if match and match["handle"] else None


def _names_only_an_account(row: Row) -> bool:
    return all(first(row, field) is None for field in ("id", "url", "caption", "published"))


def _account(row: Row, handle: str, seen_s: int | None) -> FoundAccount:
    counts, unreadable = _counts(row, ACCOUNT_COUNTS)
    profile = Profile(
        handle=handle,
        nickname=_text(row, "nickname"),
        bio=_text(row, "bio"),
        followers=counts["followers"],
        following=counts["following"],
        likes_received=counts["likes_received"],
        posts_total=counts["posts_total"],
        verified=truth(first(row, "verified")),
        region=_text(row, "account_region"),
    )
    return FoundAccount(profile, seen_s, unreadable)


def _video(row: Row, handle: str, published_s: int, seen_s: int | None) -> FoundVideo:
    counts, unreadable = _counts(row, COUNTS)
    url = _text(row, "url")
    caption = clean_text(_words(row, "caption"))
    post = Post(
        id=_video_id(row, url) or made_up_id(handle, str(published_s), caption),
        url=url if _TIKTOK.match(url or "") else None,  # pages make links of it
        caption=caption,
        published_at=at(published_s),
        views=counts["views"],
        likes=counts["likes"],
        comments=counts["comments"],
        shares=counts["shares"],
        saves=counts["saves"],
        duration_s=seconds(first(row, "duration")),
        hashtags=distinct_names(row.listed("hashtags")) or hashtags_in(caption),
        mentions=distinct_names(row.listed("mentions")) or mentions_in(caption),
        music_title=_text(row, "music_title"),
        music_original=truth(first(row, "music_original")),
        is_ad=_either(truth(first(row, "is_ad")), truth(first(row, "is_sponsored"))),
        language=_text(row, "language"),
    )
    region = _text(row, "region")
    return FoundVideo(handle, post, region.upper() if region else None, seen_s, unreadable)


def _video_id(row: Row, url: str | None) -> str | None:
    """The id in the address if there is one: a spreadsheet may have rounded the id's own column to 6.8E+18."""
    in_url = video_id_in(url or "")
    if in_url:
        return in_url
    given = first(row, "id")
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return given.strip() if isinstance(given, str) and _ID.fullmatch(given.strip()) else None


def _counts(row: Row, fields: tuple[str, ...]) -> tuple[dict[str, int | None], int]:
    """The counts of a row, and how many cells hold something that is no whole number."""
    raw = {field: first(row, field) for field in fields}
    counts = {field: whole_number(value) for field, value in raw.items()}
    return counts, sum(raw[field] is not None and counts[field] is None for field in fields)


def _words(row: Row, field: str) -> str:
    """The first of a text field's names that holds text. "null" is a text here: somebody may be called so."""
    found = (text for path in FIELDS[field] if (text := as_text(row.get(path))).strip())
    return next(found, "")


def _text(row: Row, field: str) -> str | None:
    return clean_text(_words(row, field).strip(), 2_000) or None


def _either(one: bool | None, other: bool | None) -> bool | None:
    return one if other is None else other if one is None else one or other


def _not_later(stamp: int | None, now_s: int) -> int | None:
    return stamp if stamp is not None and stamp <= now_s else None
