"""What the fake TikTok remembers: accounts, posts, uploads, and how often each token has asked.

A token `act.NAME` is of the account NAME, whatever stands behind a second dot. Processing goes on when somebody looks:
each look at a post, by its status or by the account's list, is one step of it.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.fakes.tiktok_rules import MOST_VIDEO, Refusal, Source, upload_status
from shared.core.canonical import JsonObject

DAY_S, UPLOAD_S = 86_400.0, 3_600.0
DAILY_POSTS = 15
SCOPES = frozenset({"user.info.basic", "user.info.profile", "user.info.stats", "video.list"})
FIRST_ID = 7_440_123_456_789_012_000
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Creator:
    """An account: its name, what it allows, and what its token may read."""

    name: str
    levels: tuple[str, ...] = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
    comment_disabled: bool = False
    duet_disabled: bool = False
    stitch_disabled: bool = True
    most_seconds: int = 300
    scopes: frozenset[str] = SCOPES

    @property
    def open_id(self) -> str:
        return f"open-{self.name}"


@dataclass(slots=True)
class Post:
    """One post, from its first request on. So many `looks` find it processing, and `moderation` more without its id."""

    publish_id: str
    creator: str
    back_end: str
    info: JsonObject
    source: Source
    made_at: float
    made_by: int
    number: int
    looks: int = 1
    moderation: int = 0
    fail_as: str = ""
    good_for_s: float = UPLOAD_S
    token: str = ""
    seen: int = 0
    received: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    head: bytes = b""
    ended_by: int | None = None
    fail_reason: str | None = None

    @property
    def is_public(self) -> bool:
        return bool(self.info.get("privacy_level", "PUBLIC_TO_EVERYONE") == "PUBLIC_TO_EVERYONE")

    @property
    def is_accepted(self) -> bool:
        """All its bytes are here, and nothing was wrong with them: it is published, or about to be."""
        return self.ended_by is not None and self.fail_reason is None

    @property
    def status(self) -> str:
        if self.fail_reason:
            return "FAILED"
        if self.ended_by is not None and self.seen > self.looks:
            return "PUBLISH_COMPLETE"
        return "PROCESSING_DOWNLOAD" if self.source.url else "PROCESSING_UPLOAD"

    @property
    def post_id(self) -> int | None:
        is_known = self.is_accepted and self.is_public and self.seen > self.looks + self.moderation
        return FIRST_ID + self.number if is_known else None

    def take(self, part: bytes) -> None:
        self.digest.update(part)
        self.received += len(part)
        if len(self.head) < 12:
            self.head = (self.head + part)[:12]

    def end(self, request: int) -> None:
        """All bytes have arrived."""
        self.ended_by = request
        if self.head[4:8] != b"ftyp":
            self.fail_reason = "file_format_check_failed"
        elif self.fail_as:
            self.fail_reason = self.fail_as

    def look(self) -> None:
        self.seen += self.is_accepted

    def as_row(self) -> JsonObject:
        return {
            "publish_id": self.publish_id,
            "handle": self.creator,
            "back_end": self.back_end,
            "caption": self.info.get("title", self.info.get("caption", "")),
            "post_info": self.info,
            "status": self.status,
            "fail_reason": self.fail_reason,
            "is_accepted": self.is_accepted,
            "bytes": self.received,
            "sha256": self.digest.hexdigest() if self.ended_by is not None else None,
            "post_id": None if self.post_id is None else str(self.post_id),
            "made_by": self.made_by,
            "ended_by": self.ended_by,
        }


@dataclass
class Desk:
    """Everything the fake remembers. Shared by the server's threads; each method holds the lock."""

    creators: dict[str, Creator] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    lock: threading.RLock = field(default_factory=threading.RLock)
    posts: dict[str, Post] = field(default_factory=dict)
    asked: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    pulling: list[threading.Thread] = field(default_factory=list)

    def creator_of(self, token: str) -> Creator | None:
        """The account of a token; None for what is no token."""
        kind, _, rest = token.partition(".")
        name = rest.partition(".")[0]
        if kind != "act" or not name:
            return None
        return self.creators.get(name) or Creator(name)

    def may_ask(self, token: str, call: str, most: int, window_s: float = 60.0) -> bool:
        """Whether this request is within the token's sliding window; a refused one is not counted."""
        with self.lock:
            times, now = self.asked.setdefault((token, call), deque()), self.clock()
            while times and times[0] <= now - window_s:
                times.popleft()
            if len(times) >= most:
                return False
            times.append(now)
            return True

    def check_caps(self, creator: Creator) -> None:
        """Raises `Refusal` when the account has had its posts of the day."""
        with self.lock:
            since = self.clock() - DAY_S
            mine = [post for post in self.posts.values() if post.creator == creator.name and post.made_at > since]
            if sum(post.is_accepted for post in mine) >= DAILY_POSTS:
                raise Refusal("spam_risk_too_many_posts")

    def make(
        self,
        creator: Creator,
        back_end: str,
        info: JsonObject,
        source: Source,
        request: int,
        shape: dict[str, str | int],
    ) -> Post:
        """A new post. One from an address is fetched at once, in a thread."""
        with self.lock:
            number = len(self.posts) + 1
            prefix = "v_pub_url~v2." if source.url else "v_pub_file~v2-1."
            post = Post(
                f"{prefix}{FIRST_ID + number}", creator.name, back_end, info, source, self.clock(), request, number
            )
            post.looks, post.moderation = int(shape.get("processing", 1)), int(shape.get("moderation", 0))
            post.fail_as, post.good_for_s = str(shape.get("fail", "")), float(shape.get("expire", UPLOAD_S))
            post.token = hashlib.sha256(post.publish_id.encode()).hexdigest()[:24]
            self.posts[post.publish_id] = post
        if source.url:
            thread = threading.Thread(target=self._pull, args=(post,), daemon=True)
            self.pulling.append(thread)
            thread.start()
        return post

    def upload(
        self, query: dict[str, str], headers: dict[str, str], body: bytes, request: int
    ) -> tuple[int, Post | None]:
        """Takes one chunk: the HTTP status that it deserves, and its post."""
        with self.lock:
            number = query.get("upload_id", "")
            found = [post for post in self.posts.values() if str(post.number) == number and not post.source.url]
            if not found or query.get("upload_token") != found[0].token or found[0].ended_by is not None:
                return 404, None
            (post,) = found
            if self.clock() >= post.made_at + post.good_for_s:
                return 403, post
            status = upload_status(headers, len(body), post.source, post.received)
            if status in (201, 206):
                post.take(body)
            if status == 201:
                post.end(request)
            return status, post

    def look_at(self, creator: Creator, publish_id: str) -> Post:
        """One look at a post. Raises `Refusal` for one that is not there, or of another account."""
        with self.lock:
            post = self.posts.get(publish_id)
            if post is None:
                raise Refusal("invalid_publish_id")
            if post.creator != creator.name:
                raise Refusal("token_not_authorized_for_specified_publish_id")
            post.look()
            return post

    def published(self, creator: Creator) -> list[Post]:
        """The account's public posts, newest first; one look at each of its posts."""
        with self.lock:
            mine = [post for post in self.posts.values() if post.creator == creator.name]
            for post in mine:
                post.look()
            return [post for post in reversed(mine) if post.post_id is not None]

    def books(self) -> list[JsonObject]:
        """What was begun and what was published, each with the requests that did it."""
        with self.lock:
            return [post.as_row() for post in self.posts.values()]

    def _pull(self, post: Post) -> None:
        """Fetches the video as TikTok does: no redirect, only a 200."""
        try:
            size = self._fetch(post)
        except (OSError, http.client.HTTPException):
            size = 0
        with self.lock:
            if size:
                post.end(post.made_by)
            else:
                post.fail_reason = "video_pull_failed"

    def _fetch(self, post: Post) -> int:
        url = urlsplit(post.source.url)
        secure = url.scheme == "https"
        line = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(url.netloc, timeout=10)
        try:
            line.request("GET", f"{url.path}?{url.query}" if url.query else url.path)
            response = line.getresponse()
            if response.status != 200:
                return 0
            while part := response.read(_BLOCK):
                with self.lock:
                    post.take(part)
                if post.received > MOST_VIDEO:
                    return 0
            return post.received
        finally:
            line.close()
