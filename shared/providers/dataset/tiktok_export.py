"""TikTok's own "Download your data" export (JSON), in its new and its old names.

Only the parts named in `WANTED` are kept: posts, the dates of followers, how many comments the owner wrote, and the
public side of the profile. Everything else (direct messages, log-ins, addresses, purchases, e-mail, birth date, the
names of followers) passes by in the stream and is never held. Views are not in the export: they stay unknown.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from shared.providers.captions import hashtags_in, mentions_in
from shared.providers.dataset.found import (
    BrokeOff,
    Found,
    FoundAccount,
    FoundFollowers,
    FoundVideo,
    LeftOut,
    Remark,
    Why,
)
from shared.providers.dataset.scraped import made_up_id, video_id_in
from shared.providers.dataset.streams import READ_FAULTS, Utf8
from shared.providers.dataset.values import at, is_missing, moment, truth, whole_number
from shared.providers.handles import handle_or_none
from shared.providers.records import Post, Profile
from shared.providers.text import clean_text, many

_ACTIVITY = ("Your Activity", "Activity", "Profile And Settings")
_PATHS: dict[str, str] = {
    "Post.Posts.VideoList.item": "post",
    "Video.Videos.VideoList.item": "post",
    "Comment.Comments.CommentsList.item": "comment",
    "Comment.CommentsList.item": "comment",
    **{f"{section}.Follower.FansList.item": "follower" for section in _ACTIVITY},
    **{f"{section}.Follower List.FansList.item": "follower" for section in _ACTIVITY},
    **{
        f"{section}.{part}.ProfileMap": "profile"
        for section in ("Profile", "Profile And Settings")
        for part in ("Profile Information", "Profile Info")
    },
}
WANTED = {tuple(path.split(".")): kind for path, kind in _PATHS.items()}
# The fields that are kept, lower case: the old export writes some of them with a capital.
KEPT: dict[str, frozenset[str]] = {
    "post": frozenset({"date", "link", "likes", "title", "sound", "whocanview", "contentdisclosure"}),
    "comment": frozenset({"date"}),
    "follower": frozenset({"date"}),
    "profile": frozenset(
        {"username", "displayname", "biodescription", "likesreceived", "followercount", "followingcount"}
        | {"accountregion"}
    ),
}
_OPENING, _CLOSING = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
_SCALARS = frozenset({"string", "number", "boolean"})
_MAX_DEPTH = 100  # a real export is nine deep
_PRIVATE = frozenset({"onlyme", "private", "selfonly", "friends", "friendsonly", "followers", "mutualfollowfriends"})
_DISCLOSED = re.compile(r"paid|partnership|branded|promot|sponsor", re.IGNORECASE)

MAX_POSTS = 200_000  # of one account; they are held until its handle is known

Part = dict[str, Any]


def read_export(text: io.TextIOBase, file_name: str, now_s: int) -> Iterator[Found]:
    """One account: its profile, posts and follower days. Posts come last, since the handle may stand behind them."""
    gathered = _Gathered(now_s)
    try:
        for kind, part in _parts(text):
            gathered.take(kind, part)
    except _faults() as wrong:
        yield BrokeOff(type(wrong).__name__)
    yield from gathered.told(file_name)


def _faults() -> tuple[type[Exception], ...]:
    import ijson

    return (ijson.JSONError, ValueError, *READ_FAULTS)


def _parts(text: io.TextIOBase) -> Iterator[tuple[str, Part]]:
    """The wanted objects of the export, each with its kept fields only."""
    import ijson

    path: list[str] = []  # of the value at hand; "item" for the members of a list
    kind, inside = "", 0
    part: Part = {}
    for event, value in ijson.basic_parse(Utf8(text)):
        if event == "map_key":
            path[-1] = value
        elif event in _OPENING:
            if event == "start_map" and not kind and (kind := WANTED.get(tuple(path), "")):
                inside, part = len(path), {}
            path.append("item")
            if len(path) > _MAX_DEPTH:
                raise ValueError("nested too deep")
        elif event in _CLOSING:
            path.pop()
            if kind and len(path) == inside:
                yield kind, part
                kind = ""
        elif kind and event in _SCALARS and len(path) == inside + 1:
            _keep(kind, part, path[-1].lower(), value)


def _keep(kind: str, part: Part, name: str, value: Any) -> None:
    if name in KEPT[kind] and not (isinstance(value, str) and is_missing(value)):
        part[name] = value


class _Gathered:
    """What the export says, gathered until its end. Small: an account has thousands of posts, not millions."""

    def __init__(self, now_s: int) -> None:
        self._now_s = now_s
        self._newest_s = 0
        self._profile: Part = {}
        self._posts: list[Post] = []
        self._left_out: list[LeftOut] = []
        self._followers: Counter[str] = Counter()
        self._unreadable = 0
        self._comments = 0

    def take(self, kind: str, part: Part) -> None:
        if kind == "profile":
            self._profile |= part
            return
        stamp = moment(part.get("date"))
        if stamp is None or stamp > self._now_s:
            if kind == "post":
                self._left_out.append(LeftOut(Why.NO_TIME if stamp is None else Why.LATER_THAN_NOW))
            return
        self._newest_s = max(self._newest_s, stamp)
        if kind == "follower":
            self._followers[at(stamp).date().isoformat()] += 1
        elif kind == "comment":
            self._comments += 1
        elif _is_private(part):
            self._left_out.append(LeftOut(Why.NOT_PUBLIC))
        elif len(self._posts) < MAX_POSTS:
            self._posts.append(self._post(part, stamp))
        else:
            self._left_out.append(LeftOut(Why.TOO_MANY))

    def _post(self, part: Part, stamp: int) -> Post:
        caption, link = clean_text(_said(part, "title")), _said(part, "link")
        in_link = video_id_in(link)
        likes = whole_number(part.get("likes"))
        self._unreadable += "likes" in part and likes is None
        return Post(
            id=in_link or made_up_id(str(stamp), caption, _said(part, "sound")),
            url=clean_text(link, 2_000) if in_link else None,  # else a signed download address that expires
            caption=caption,
            published_at=at(stamp),
            likes=likes,
            hashtags=hashtags_in(caption),
            mentions=mentions_in(caption),
            music_title=clean_text(_said(part, "sound"), 2_000) or None,
            is_ad=_is_disclosed(_said(part, "contentdisclosure")),
        )

    def told(self, file_name: str) -> Iterator[Found]:
        handle = handle_or_none(_said(self._profile, "username"))
        if handle is None and (self._posts or self._followers):
            handle = _handle_from(file_name)
            yield Remark(f"The export does not name its account; {handle!r} is taken from the name of the file.")
        if handle is not None:
            yield from self._account(handle)
        yield from self._left_out

    def _account(self, handle: str) -> Iterator[Found]:
        yield FoundAccount(self._public_profile(handle), self._newest_s or None, self._unreadable)
        yield from (FoundFollowers(handle, day, count) for day, count in sorted(self._followers.items()))
        yield from (FoundVideo(handle, post) for post in self._posts)
        yield from (Remark(text) for text in self._remarks())

    def _public_profile(self, handle: str) -> Profile:
        told = self._profile
        listed = sum(self._followers.values()) or None
        stated = whole_number(told.get("followercount"))
        return Profile(
            handle=handle,
            nickname=clean_text(_said(told, "displayname"), 2_000) or None,
            bio=clean_text(_said(told, "biodescription"), 2_000) or None,
            followers=listed if stated is None else stated,
            following=whole_number(told.get("followingcount")),
            likes_received=whole_number(told.get("likesreceived")),
            region=clean_text(_said(told, "accountregion"), 100) or None,
        )

    def _remarks(self) -> Iterator[str]:
        yield "TikTok's own export holds no views, comment counts, shares or saves: they are unknown, not zero."
        if self._followers:
            yield "Follower days count followers who are still there; those who left are not in the export."
        if self._comments:
            yield f"The owner wrote {many(self._comments, 'comment')}; the export does not say under which posts."


def _said(part: Part, name: str) -> str:
    value = part.get(name)
    return value.strip() if isinstance(value, str) else ""


def _is_private(part: Part) -> bool:
    return re.sub(r"[^a-z]", "", _said(part, "whocanview").lower()) in _PRIVATE


def _is_disclosed(told: str) -> bool | None:
    return True if _DISCLOSED.search(told) else truth(told)


def _handle_from(file_name: str) -> str:
    stem = re.sub(r"[^\w.-]+", "_", file_name.rpartition(".")[0] or file_name)[:64]
    return handle_or_none(stem) or "tiktok_export"
