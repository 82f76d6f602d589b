"""A fake of TikTok's posting and reading APIs over HTTP, for real mode without a network: it checks what the documents
say is checked, keeps the bytes' sha-256, and keeps books of what was published.

    python -m local.fakes.tiktok_content --port 8091 [--verified https://assets.example/] [--unaudited]

Back ends: the Content Posting API (`/v2/post/publish/…`, uploads to `/video/`), the Business API's organic posts
(`/open_api/v1.3/business/…`, errors with HTTP 200) and the Display API (`/v2/user/info/`, `/v2/video/list/`; see
`local/fakes/tiktok_display.py`). The token `act.NAME` (Bearer, or Access-Token) is of the account
NAME, whose open_id is `open-NAME`. `POST /_tokens` with {"name": …, "expires_in": …} issues a pair that runs out, as
OAuth does; `/v2/oauth/token/` and `/open_api/v1.3/tt_user/oauth2/refresh_token/` renew it, once
(`local/fakes/tiktok_tokens.py`); `POST /_revoke` with {"name": …} ends all of an account.

`GET /_posts` gives the books. `POST /_faults` says what goes wrong (see `local/fakes/faults.py`) with the calls
creator_info, init, upload, status, user_info, video_list, oauth, business_oauth, business_get, business_publish,
business_status, business_list; and on "post", what the next post that is begun is like:

    fail         it fails for this reason          processing   so many looks find it processing (else one)
    moderation   so many more, without its id      expire       its upload address is good for so many seconds

`POST /_reset` forgets everything.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from local.fakes.serving import FakeVendor, Request, Response, Route
from local.fakes.tiktok_desk import Creator, Desk, Post
from local.fakes.tiktok_display import audience_of, page_of, user_of
from local.fakes.tiktok_rules import (
    CAPS,
    CODES,
    MOST_TITLE,
    Refusal,
    Source,
    check_post_info,
    check_source,
    check_url,
    utf16_units,
)
from local.fakes.tiktok_tokens import ACCESS_S, GrantRefusedError, Pairs
from shared.core.canonical import JsonObject

LIMITS = {"creator_info": 20, "init": 6, "status": 30, "user_info": 600, "video_list": 600}  # a minute and token
BUSINESS_QPS = 10
V2, BUSINESS = "/v2/post/publish/", "/open_api/v1.3/business/"
TT_USER = "/open_api/v1.3/tt_user/oauth2/"


class FakeTikTokContent(FakeVendor):
    """The fake. `creators` are accounts other than the default one; `verified` are beginnings of addresses to pull."""

    made_faults = ("fail", "processing", "moderation", "expire")

    def __init__(
        self,
        port: int = 0,
        *,
        creators: tuple[Creator, ...] = (),
        verified: tuple[str, ...] = ("https://assets.example/",),
        is_audited: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(port)
        self.desk = Desk(creators={one.name: one for one in creators}, clock=clock)
        self.pairs = Pairs(clock)
        self._verified, self._is_audited = verified, is_audited

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/_posts"): ("", self._books),
            ("POST", "/_reset"): ("", self._reset),
            ("POST", "/_tokens"): ("", self._issue),
            ("POST", "/_revoke"): ("", self._revoke),
            ("POST", "/v2/oauth/token/"): ("oauth", self._oauth),
            ("POST", f"{TT_USER}refresh_token/"): ("business_oauth", self._business_oauth),
            ("POST", f"{V2}creator_info/query/"): ("creator_info", self._open(self._creator_info)),
            ("POST", f"{V2}video/init/"): ("init", self._open(self._init)),
            ("POST", f"{V2}status/fetch/"): ("status", self._open(self._status)),
            ("GET", "/v2/user/info/"): ("user_info", self._open(self._user_info)),
            ("POST", "/v2/video/list/"): ("video_list", self._open(self._video_list)),
            ("PUT", "/video/"): ("upload", self._upload),
            ("GET", f"{BUSINESS}get/"): ("business_get", self._business(self._account)),
            ("POST", f"{BUSINESS}video/publish/"): ("business_publish", self._business(self._publish)),
            ("GET", f"{BUSINESS}publish/status/"): ("business_status", self._business(self._publish_status)),
            ("GET", f"{BUSINESS}video/list/"): ("business_list", self._business(self._list)),
        }

    def coded(self, request: Request, code: str) -> Response:
        if request.call == "oauth":
            return Response(400, {"error": code, "error_description": "A fault", "log_id": _log_id(request)})
        if request.call.startswith("business"):
            return _business_error(request, int(code), "A fault from the script")
        return _refused(request, Refusal(code))

    # The Content Posting API.

    def _open(self, answer: Callable[[Request, Creator], JsonObject]) -> Callable[[Request], Response]:
        """The checks that every call has: token, limit, and a body that is a JSON object."""

        def checked(request: Request) -> Response:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            creator = self.desk.creator_of(token)
            try:
                if creator is None or self.pairs.is_over(token):
                    raise Refusal("access_token_invalid")
                if not self.desk.may_ask(token, request.call, LIMITS[request.call]):
                    raise Refusal("rate_limit_exceeded")
                if request.method == "POST" and not isinstance(request.json(), dict):
                    raise Refusal("invalid_param", "the body must be a JSON object")
                return Response(200, {"data": answer(request, creator), "error": _error(request, "ok", "")})
            except Refusal as refusal:
                return _refused(request, refusal)

        return checked

    def _creator_info(self, request: Request, creator: Creator) -> JsonObject:
        self.desk.check_caps(creator)
        return {
            "creator_avatar_url": f"https://p16.example-cdn.test/{creator.name}.webp",
            "creator_username": creator.name,
            "creator_nickname": creator.name.title(),
            "privacy_level_options": list(creator.levels),
            "comment_disabled": creator.comment_disabled,
            "duet_disabled": creator.duet_disabled,
            "stitch_disabled": creator.stitch_disabled,
            "max_video_post_duration_sec": creator.most_seconds,
        }

    def _init(self, request: Request, creator: Creator) -> JsonObject:
        self.desk.check_caps(creator)
        body = request.json()
        info = check_post_info(body.get("post_info"), creator.levels, is_audited=self._is_audited)
        source = check_source(body.get("source_info"), self._verified)
        post = self.desk.make(creator, "content_posting", info, source, request.number, self.script.take_made())
        if source.url:
            return {"publish_id": post.publish_id}
        address = f"{self.base_url}/video/?upload_id={post.number}&upload_token={post.token}"
        return {"publish_id": post.publish_id, "upload_url": address}

    def _upload(self, request: Request) -> Response:
        status, post = self.desk.upload(dict(request.query), dict(request.headers), request.body, request.number)
        if post is None or not post.received:
            return Response(status)
        return Response(status, headers={"content-range": f"bytes 0-{post.received - 1}/{post.source.total}"})

    def _status(self, request: Request, creator: Creator) -> JsonObject:
        post = self.desk.look_at(creator, str(request.json().get("publish_id")))
        found: JsonObject = {"status": post.status}
        if post.fail_reason:
            found["fail_reason"] = post.fail_reason
        if post.status in ("PUBLISH_COMPLETE", "FAILED"):
            found["publicaly_available_post_id"] = [] if post.post_id is None else [post.post_id]
        return {**found, "downloaded_bytes" if post.source.url else "uploaded_bytes": post.received}

    # The Display API.

    def _user_info(self, request: Request, creator: Creator) -> JsonObject:
        return {"user": user_of(creator.name, creator.open_id, _listed_fields(request), creator.scopes)}

    def _video_list(self, request: Request, creator: Creator) -> JsonObject:
        fields, published = _listed_fields(request), self.desk.published(creator)
        return page_of(creator.name, published, fields, request.json(), creator.scopes, self.desk.clock())

    # The Business API.

    def _business(self, answer: Callable[[Request, Creator, JsonObject], JsonObject]) -> Callable[[Request], Response]:
        """The checks that every call has: token, pace, and the account that the token is of."""

        def checked(request: Request) -> Response:
            token = request.headers.get("access-token", "")
            creator = self.desk.creator_of(token)
            asked = dict(request.query) if request.method == "GET" else request.json()
            if not token:
                told = "Access token is null, you should set it in http header with key Access-Token."
                return _business_error(request, 40104, told)
            if creator is None or self.pairs.is_over(token):
                code, told = (40102, "has expired.") if creator else (40105, "is incorrect or has been revoked.")
                return _business_error(request, code, f"Access token {told}")
            if not self.desk.may_ask(token, "business", BUSINESS_QPS, 1.0):
                told = f"App 7000 reaches the QPS limit {BUSINESS_QPS}, current QPS is {BUSINESS_QPS + 1}"
                return _business_error(request, 40100, told)
            if not isinstance(asked, dict) or asked.get("business_id") != creator.open_id:
                return _business_error(request, 40001, "No permission to operate this business_id.")
            try:
                return _business_answer(request, 0, "OK", answer(request, creator, asked))
            except Refusal as refusal:
                return _business_error(request, 40002, refusal.message or refusal.code)

        return checked

    def _account(self, request: Request, creator: Creator, asked: JsonObject) -> JsonObject:
        fields = _fields(asked)
        known = {"username": creator.name, "display_name": creator.name.title(), **audience_of(creator.name)}
        return {name: known[name] for name in fields if name in known}

    def _publish(self, request: Request, creator: Creator, asked: JsonObject) -> JsonObject:
        info = asked.get("post_info")
        if not isinstance(info, dict) or not isinstance(info.get("caption", ""), str):
            raise Refusal("invalid", "post_info: an object with a caption is required")
        if utf16_units(info.get("caption", "")) > MOST_TITLE:
            raise Refusal("invalid", f"post_info.caption: {MOST_TITLE} UTF-16 units at most")
        source = Source(url=check_url(asked.get("video_url"), self._verified))
        post = self.desk.make(creator, "business", info, source, request.number, self.script.take_made())
        return {"share_id": post.publish_id}

    def _publish_status(self, request: Request, creator: Creator, asked: JsonObject) -> JsonObject:
        post = self.desk.look_at(creator, str(asked.get("publish_id")))
        found: JsonObject = {"status": post.status}
        if post.fail_reason:
            found["reason"] = post.fail_reason
        if post.post_id is not None:
            found["post_ids"] = [str(post.post_id)]
        return found

    def _list(self, request: Request, creator: Creator, asked: JsonObject) -> JsonObject:
        if "item_id" not in _fields(asked):
            raise Refusal("invalid", "fields: item_id is required")
        most = int(asked.get("max_count", 20)) if str(asked.get("max_count", 20)).isdigit() else 0
        if not 1 <= most <= 20:
            raise Refusal("invalid", "max_count: 1 to 20")
        found = self.desk.published(creator)
        return {"videos": [_listed(post) for post in found[:most]], "cursor": 0, "has_more": len(found) > most}

    # Tokens.

    def _oauth(self, request: Request) -> Response:
        """Errors are flat here, unlike those of the other calls."""
        try:
            return Response(200, self.pairs.renewed(dict(parse_qsl(request.body.decode())), "client_key"))
        except GrantRefusedError as no:
            told = {"error": no.code, "error_description": no.told, "log_id": _log_id(request)}
            return Response(401 if no.code == "invalid_client" else 400, told)

    def _business_oauth(self, request: Request) -> Response:
        asked = request.json()
        try:
            pair = self.pairs.renewed(asked if isinstance(asked, dict) else {}, "client_id")
        except GrantRefusedError as no:
            code = 40107 if no.code == "invalid_grant" else 40001
            return _business_error(request, code, no.told)
        pair["refresh_token_expires_in"] = pair.pop("refresh_expires_in")
        return _business_answer(request, 0, "OK", pair)

    def _issue(self, request: Request) -> Response:
        asked = request.json() or {}
        return Response(200, self.pairs.issue(str(asked["name"]), int(asked.get("expires_in", ACCESS_S))))

    def _revoke(self, request: Request) -> Response:
        self.pairs.revoke(str((request.json() or {})["name"]))
        return Response(200, {})

    # The books.

    def _books(self, request: Request) -> Response:
        rows = self.desk.books()
        published = sum(row["is_accepted"] for row in rows)
        return Response(200, {"posts": rows, "published": published, "requests": dict(self.counts)})

    def _reset(self, request: Request) -> Response:
        self.desk.posts.clear()
        self.desk.asked.clear()
        self.counts.clear()
        self.script.clear()
        return Response(200, {})


def _listed_fields(request: Request) -> list[str]:
    """The `fields` of a Display call: names with commas between them, in the query."""
    fields = [name for name in request.query.get("fields", "").split(",") if name]
    if not fields:
        raise Refusal("invalid_params", "fields is required")
    return fields


def _fields(asked: JsonObject) -> list[str]:
    """The `fields` of a Business GET: a JSON array in the query."""
    try:
        fields = json.loads(asked.get("fields", "[]"))
    except ValueError:
        fields = None
    if not isinstance(fields, list):
        raise Refusal("invalid", "fields: a JSON array")
    return [str(name) for name in fields]


def _listed(post: Post) -> JsonObject:
    caption = post.info.get("caption", post.info.get("title", ""))
    return {"item_id": str(post.post_id), "caption": caption, "create_time": str(int(post.made_at))}


def _log_id(request: Request) -> str:
    return f"20261118081530{request.number:020X}"


def _error(request: Request, code: str, message: str) -> JsonObject:
    return {"code": code, "message": message, "log_id": _log_id(request)}


def _refused(request: Request, refusal: Refusal) -> Response:
    """The documented error. creator_info tells of caps and bans with HTTP 200."""
    status, message = CODES.get(refusal.code, (400, "A fault from the script"))
    if request.call == "creator_info" and refusal.code in CAPS:
        status = 200
    return Response(status, {"data": {}, "error": _error(request, refusal.code, refusal.message or message)})


def _business_answer(request: Request, code: int, message: str, data: JsonObject) -> Response:
    return Response(200, {"code": code, "message": message, "request_id": _log_id(request), "data": data})


def _business_error(request: Request, code: int, message: str) -> Response:
    return _business_answer(request, code, message, {})


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(description="A fake of TikTok's posting and reading APIs on this machine.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--verified", action="append", help="addresses that videos may be pulled from begin like this")
    parser.add_argument("--unaudited", action="store_true", help="an app that may only post SELF_ONLY")
    given = parser.parse_args()
    verified = tuple(given.verified or ("https://assets.example/",))
    fake = FakeTikTokContent(given.port, verified=verified, is_audited=not given.unaudited)
    print(f"fake TikTok on {fake.base_url}", flush=True)
    fake.serve()


if __name__ == "__main__":
    main()
