"""What the fake TikTok tells of an account: the mock account of that name, as if read today, and before it what was
published here. By the Display API its profile and videos, by the Business API its audience.

Dates are moved by whole days, so that the account is as fresh on any day; the same clock gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local.fakes.tiktok_desk import Post
from local.fakes.tiktok_rules import Refusal
from shared.core.canonical import Json, JsonObject
from shared.providers.mock.account import mock_account
from shared.providers.records import AccountData
from shared.providers.records import Post as KnownPost

MOST_POSTS = 10_000
MOST_TEXT, MOST_A_PAGE, USUAL_PAGE = 150, 20, 10
USER_FIELDS = {
    "user.info.basic": ("open_id", "display_name"),
    "user.info.profile": ("username", "bio_description", "is_verified", "profile_deep_link"),
    "user.info.stats": ("follower_count", "following_count", "likes_count", "video_count"),
}
VIDEO_FIELDS = frozenset(
    {
        *("id", "create_time", "share_url", "video_description", "title", "duration", "height", "width"),
        *("like_count", "comment_count", "share_count", "view_count"),
    }
)


def user_of(name: str, open_id: str, fields: Sequence[str], scopes: frozenset[str]) -> JsonObject:
    """The fields that were asked for, each of a scope that was granted. Raises `Refusal`."""
    known = _user(name, open_id)
    for field in fields:
        scope = next((scope for scope, held in USER_FIELDS.items() if field in held), None)
        if scope is None:
            raise Refusal("invalid_params", f"fields: unknown field {field}")
        if scope not in scopes:
            raise Refusal("scope_not_authorized")
    return {field: known[field] for field in fields}


def page_of(
    name: str, published: Sequence[Post], fields: Sequence[str], asked: Json, scopes: frozenset[str], now_s: float
) -> JsonObject:
    """One page of the public videos, newest first, from before the cursor. Raises `Refusal`."""
    if "video.list" not in scopes:
        raise Refusal("scope_not_authorized")
    if unknown := set(fields) - VIDEO_FIELDS:
        raise Refusal("invalid_params", f"fields: unknown field {min(unknown)}")
    size, before_ms = _whole(asked, "max_count", USUAL_PAGE), _whole(asked, "cursor", int(now_s * 1000) + 1)
    if not 1 <= size <= MOST_A_PAGE:
        raise Refusal("invalid_params", f"max_count: 1 to {MOST_A_PAGE}")
    left = [video for video in _videos(name, published, now_s) if video["create_time"] * 1000 < before_ms]
    page = left[:size]
    return {
        "videos": [{field: video[field] for field in fields} for video in page],
        "cursor": page[-1]["create_time"] * 1000 if page else before_ms,
        "has_more": len(left) > size,
    }


def audience_of(name: str) -> JsonObject:
    """The audience as the Business API tells it; nothing of a small account."""
    known = mock_account(name, 1).audience
    if known is None:
        return {}
    return {
        "audience_ages": [{"age": group, "percentage": share} for group, share in known.age_shares.items()],
        "audience_genders": [
            {"gender": group.title(), "percentage": share} for group, share in known.gender_shares.items()
        ],
        "audience_countries": [
            {"country": "Others" if group == "other" else group, "percentage": share}
            for group, share in known.region_shares.items()
        ],
    }


def _whole(asked: Json, name: str, default: int) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal("invalid_params", f"{name} must be an integer")
    return value


def _user(name: str, open_id: str) -> JsonObject:
    profile = mock_account(name, MOST_POSTS).profile
    return {
        "open_id": open_id,
        "display_name": profile.nickname,
        "username": name,
        "bio_description": profile.bio,
        "is_verified": profile.verified,
        "profile_deep_link": f"https://vm.tiktok.example/{name}",
        "follower_count": profile.followers,
        "following_count": profile.following,
        "likes_count": profile.likes_received,
        "video_count": profile.posts_total,
    }


def _videos(name: str, published: Sequence[Post], now_s: float) -> list[dict[str, Any]]:
    account = mock_account(name, MOST_POSTS)
    known = _known(account, datetime.fromtimestamp(now_s, UTC))
    found = [*(_new(name, post) for post in published if post.post_id is not None), *known]
    shown = [video for video in found if video["create_time"] <= now_s]
    return sorted(shown, key=lambda video: (-video["create_time"], video["id"]))


def _known(account: AccountData, now: datetime) -> Iterator[dict[str, Any]]:
    """The account's videos without its photo posts, moved to now."""
    moved = timedelta(days=(now - account.as_of).days)
    return (_old(account.profile.handle, post, moved) for post in account.posts if post.duration_s is not None)


def _old(name: str, post: KnownPost, moved: timedelta) -> dict[str, Any]:
    at = int((post.published_at + moved).timestamp())
    video_id = at << 32 | int(post.id) & 0xFFFF_FFFF  # TikTok's ids begin with the time
    counts = (post.likes, post.comments, post.shares, post.views)
    return _video(name, video_id, at, post.caption, int(post.duration_s or 0), counts)


def _new(name: str, post: Post) -> dict[str, Any]:
    caption = str(post.info.get("title", post.info.get("caption", "")))
    return _video(name, post.post_id or 0, int(post.made_at), caption, 0, (0, 0, 0, 0))


def _video(
    name: str, video_id: int, at: int, caption: str, duration: int, counts: tuple[int | None, ...]
) -> dict[str, Any]:
    likes, comments, shares, views = counts
    return {
        "id": str(video_id),
        "create_time": at,
        "share_url": f"https://www.tiktok.com/@{name}/video/{video_id}",
        "video_description": caption[:MOST_TEXT],
        "title": caption[:MOST_TEXT],
        "duration": duration,
        "height": 1920,
        "width": 1080,
        "like_count": likes,
        "comment_count": comments,
        "share_count": shares,
        "view_count": views,
    }
