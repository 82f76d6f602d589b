"""The rules of the Content Posting API as documented: what its calls refuse, and with which code and status."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.core.canonical import Json, JsonObject

LEAST_CHUNK, MOST_CHUNK, MOST_LAST, MOST_COUNT = 5 * 2**20, 64_000_000, 128_000_000, 1000
MOST_VIDEO = 4_000_000_000
MOST_TITLE = 2200  # UTF-16 units
LEVELS = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY")
TYPES = ("video/mp4", "video/quicktime", "video/webm")

# Code to HTTP status (init); creator_info answers 200 with the same codes.
CODES = {
    "invalid_param": (400, "One of the parameters is invalid."),
    "invalid_params": (400, "One or more fields in the request are invalid."),
    "invalid_publish_id": (400, "The publish_id does not exist."),
    "token_not_authorized_for_specified_publish_id": (400, "The access token does not have authorization."),
    "scope_permission_missed": (400, "The app lacks the scope."),
    "access_token_invalid": (401, "The access token is invalid or not found in the request."),
    "scope_not_authorized": (401, "The user did not authorize the scope required for completing this request."),
    "spam_risk_too_many_posts": (403, "The daily post cap from the API is reached for the current user."),
    "spam_risk_user_banned_from_posting": (403, "The user is banned from making new posts."),
    "reached_active_user_cap": (403, "The daily quota for active publishing users from your client is reached."),
    "unaudited_client_can_only_post_to_private_accounts": (403, "Please review our integration guidelines."),
    "url_ownership_unverified": (403, "The ownership of the pulled URL is not verified."),
    "privacy_level_option_mismatch": (403, "The privacy_level is not among the options of the creator."),
    "rate_limit_exceeded": (429, "The API rate limit was exceeded. Please try again later."),
    "internal_error": (500, "Something went wrong. Please try again later."),
}
CAPS = {"spam_risk_too_many_posts", "spam_risk_user_banned_from_posting", "reached_active_user_cap"}
_FLAGS = (
    "disable_comment",
    "disable_duet",
    "disable_stitch",
    "brand_content_toggle",
    "brand_organic_toggle",
    "is_aigc",
)
_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/(\d{1,12})")


class Refusal(Exception):
    """A request that the API does not take: its code, and what is wrong."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes come from: a plan of chunks, or an address."""

    total: int = 0
    chunk: int = 0
    count: int = 0
    url: str = ""


def check_post_info(info: Json, options: tuple[str, ...], *, is_audited: bool) -> JsonObject:
    """The post's facts as they were sent. Raises `Refusal`."""
    if not isinstance(info, dict):
        raise Refusal("invalid_param", "post_info is required")
    level, title = info.get("privacy_level"), info.get("title", "")
    if level not in LEVELS:
        raise Refusal("invalid_param", f"post_info.privacy_level must be one of {', '.join(LEVELS)}")
    if not is_audited and level != "SELF_ONLY":
        raise Refusal("unaudited_client_can_only_post_to_private_accounts")
    if level not in options:
        raise Refusal("privacy_level_option_mismatch")
    if not isinstance(title, str) or utf16_units(title) > MOST_TITLE:
        raise Refusal("invalid_param", f"post_info.title must have {MOST_TITLE} UTF-16 units at most")
    if any(not isinstance(info.get(flag, False), bool) for flag in _FLAGS):
        raise Refusal("invalid_param", f"post_info: {', '.join(_FLAGS)} are booleans")
    if info.get("brand_content_toggle") and level == "SELF_ONLY":
        raise Refusal("invalid_param", "post_info.privacy_level: branded content cannot be SELF_ONLY")
    return info


def check_source(source: Json, verified: tuple[str, ...]) -> Source:
    """The source as it was sent. `verified` are the beginnings of addresses that may be pulled from."""
    if not isinstance(source, dict):
        raise Refusal("invalid_param", "source_info is required")
    if source.get("source") == "PULL_FROM_URL":
        return Source(url=check_url(source.get("video_url"), verified))
    if source.get("source") != "FILE_UPLOAD":
        raise Refusal("invalid_param", "source_info.source must be FILE_UPLOAD or PULL_FROM_URL")
    return _checked_plan(*(_whole(source, name) for name in ("video_size", "chunk_size", "total_chunk_count")))


def _whole(source: JsonObject, name: str) -> int:
    value = source.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal("invalid_param", f"source_info.{name} must be an integer")
    return value


def _checked_plan(total: int, chunk: int, count: int) -> Source:
    if not 1 <= total <= MOST_VIDEO:
        raise Refusal("invalid_param", f"source_info.video_size must be 1 to {MOST_VIDEO}")
    is_whole = chunk == total and total <= MOST_CHUNK
    if not is_whole and not LEAST_CHUNK <= chunk <= MOST_CHUNK:
        raise Refusal("invalid_param", "source_info.chunk_size must be 5 MB to 64 MB, or the whole of a small file")
    if chunk > total or count != total // chunk or not 1 <= count <= MOST_COUNT:
        raise Refusal("invalid_param", "source_info.total_chunk_count must be floor(video_size / chunk_size)")
    if total - (count - 1) * chunk > MOST_LAST:
        raise Refusal("invalid_param", "the last chunk would be larger than 128 MB")
    return Source(total, chunk, count)


def check_url(url: Json, verified: tuple[str, ...]) -> str:
    if not isinstance(url, str) or len(url) > 2_000:
        raise Refusal("invalid_param", "source_info.video_url is required")
    if not url.startswith(verified):
        raise Refusal("url_ownership_unverified")
    return url


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def upload_status(headers: dict[str, str], size: int, source: Source, received: int) -> int:
    """What an upload request deserves: 206 more to come, 201 done, 400 malformed, 416 not the range that is next."""
    stated = _RANGE.fullmatch(headers.get("content-range", ""))
    if stated is None or headers.get("content-type") not in TYPES:
        return 400
    first, last, total = map(int, stated.groups())
    if size == 0 or last - first + 1 != size:
        return 400
    is_last = received // source.chunk == source.count - 1
    end = source.total if is_last else received + source.chunk
    if (first, last + 1, total) != (received, end, source.total):
        return 416
    return 201 if is_last else 206
