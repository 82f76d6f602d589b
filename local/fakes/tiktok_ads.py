"""A fake of TikTok's Ads API (Business API v1.3) over HTTP, for real mode without an account and without spending.

    python -m local.fakes.tiktok_ads --port 8093

HTTP 200 throughout, with the result in `code`; a path without its last slash is a 404. It keeps the documented rules:
token, advertiser, budgets with their minimum, names, ages, one create for one request id. Nothing that was created
paused is shown before all of campaign, ad group and ad are switched on.

`GET /_campaigns` is its record: each campaign with its ad groups, ads, and whether it runs. `POST /_spend` with
{"campaign_id": …, "at": "2026-11-19T05:00:00Z", "usd": "41.20", "late": 2} says what that hour cost; the next two
reports do not have it yet, and a second figure of an hour replaces the first, be it lower. `POST /_account` with
{"timezone": "America/Los_Angeles", "currency": "USD"} says in which days its reports count. `POST /_faults` is that of
`local.fakes.faults`; the calls are named campaign/create, adgroup/get, ad/status/update and so on; `code` is the API's,
such as "40100" (rate limit), "40105" (token) or "50002" (the service failed).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from datetime import date
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from local.fakes.serving import FakeVendor, Request, Response, Route
from local.fakes.tiktok_ads_desk import LEVELS, AdsDesk, Level, Refusal
from shared.core.canonical import Json, JsonObject

BASE = "/open_api/v1.3/"
_MESSAGES = {
    40100: "App 7000 reaches the QPS limit 10, current QPS is 11",
    40105: "Access token is incorrect or has been revoked.",
    50002: "Service error: please try again later.",
}


class FakeTikTokAds(FakeVendor):
    """`with FakeTikTokAds() as fake:`, then `fake.base_url` and `fake.desk`."""

    def __init__(
        self,
        port: int = 0,
        *,
        tokens: frozenset[str] | None = None,
        advertisers: frozenset[str] | None = None,
        qps: int = 0,
    ) -> None:
        super().__init__(port)
        self.desk = AdsDesk(tokens=tokens, advertisers=advertisers, qps=qps)

    def routes(self) -> dict[tuple[str, str], Route]:
        desk = self.desk
        found: dict[tuple[str, str], Route] = {
            ("GET", "/_campaigns"): ("", lambda _: Response(200, self.campaigns())),
            ("POST", "/_spend"): ("", self._set_spend),
            ("POST", "/_account"): ("", self._set_account),
            **self._gets("advertiser/info", self._account),
            **self._posts("campaign/create", desk.create_campaign),
            **self._posts("adgroup/create", desk.create_adgroup),
            **self._posts("ad/create", desk.create_ads),
            **self._gets("report/integrated/get", self._report),
            **self._gets("file/video/ad/search", self._videos),
            **self._gets("file/video/suggestcover", self._covers),
            ("POST", f"{BASE}file/video/ad/upload/"): ("file/video/ad/upload", self._upload),
        }
        for level in LEVELS:
            found |= self._posts(f"{level}/status/update", _of(desk.set_status, level))
            found |= self._gets(f"{level}/get", _of(self._list, level))
        return found

    def coded(self, request: Request, code: str) -> Response:
        return _refused(request, int(code), _MESSAGES.get(int(code), "A fault from the script"))

    def campaigns(self) -> list[JsonObject]:
        """Every campaign that was ever made, oldest first, with what stands below it."""
        desk = self.desk
        with desk.lock:
            return [
                {
                    **campaign,
                    "runs": desk.runs(campaign),
                    "adgroups": [{**group, "ads": desk.below(group)} for group in desk.below(campaign)],
                }
                for campaign in desk.things["campaign"].values()
            ]

    def _posts(self, call: str, act: Callable[[JsonObject], Json]) -> dict[tuple[str, str], Route]:
        def answer(request: Request) -> Response:
            body = request.json()
            if not isinstance(body, dict):
                return _refused(request, 40002, "The request body is not a JSON object.")
            return self._answered(request, body.get("advertiser_id"), lambda: act(body))

        return {("POST", f"{BASE}{call}/"): (call, answer)}

    def _gets(self, call: str, act: Callable[[Request], Json]) -> dict[tuple[str, str], Route]:
        def answer(request: Request) -> Response:
            return self._answered(request, request.query.get("advertiser_id"), lambda: act(request))

        return {("GET", f"{BASE}{call}/"): (call, answer)}

    def _answered(self, request: Request, advertiser_id: object, act: Callable[[], Json]) -> Response:
        try:
            with self.desk.lock:
                self.desk.let_in(request.headers.get("access-token"), advertiser_id, time.monotonic())
                data = act()
        except Refusal as no:
            return _refused(request, no.code, no.message)
        return Response(200, {"code": 0, "message": "OK", "request_id": _request_id(request), "data": data})

    def _list(self, level: Level, request: Request) -> JsonObject:
        filtering = _query(request, "filtering") or {}
        return _page(request, self.desk.listed(level, request.query["advertiser_id"], filtering))

    def _videos(self, request: Request) -> JsonObject:
        own = [video for video in self.desk.videos.values() if video["advertiser_id"] == request.query["advertiser_id"]]
        return _page(request, own)

    def _covers(self, request: Request) -> JsonObject:
        video_id = request.query.get("video_id", "")
        if video_id not in self.desk.videos:
            raise Refusal(40002, f"video_id: Video {video_id} does not exist.")
        return {"list": [{"id": f"ad-site-i18n-sg/{video_id}", "width": 1080, "height": 1920}]}

    def _report(self, request: Request) -> JsonObject:
        """The days or hours that are known."""
        first, last = date.fromisoformat(request.query["start_date"]), date.fromisoformat(request.query["end_date"])
        _, by = _query(request, "dimensions")
        most = {"stat_time_day": 30, "stat_time_hour": 0}.get(by)
        if most is None or (last - first).days > most:
            raise Refusal(40002, f"dimensions: with {by} the range may be {most} days more than one.")
        wanted = {one for rule in _query(request, "filtering") or [] for one in json.loads(rule["filter_value"])}
        return _page(request, self.desk.reported(wanted, by, first, last))

    def _account(self, request: Request) -> JsonObject:
        """Of those that are asked for; their days are counted in their own time zone."""
        return {
            "list": [
                {
                    "advertiser_id": advertiser,
                    "timezone": self.desk.timezone,
                    "display_timezone": self.desk.timezone,
                    "currency": self.desk.currency,
                }
                for advertiser in _query(request, "advertiser_ids") or []
            ]
        }

    def _upload(self, request: Request) -> Response:
        form, file = _form(request)

        def act() -> Json:
            if hashlib.md5(file, usedforsecurity=False).hexdigest() != form.get("video_signature"):
                raise Refusal(40002, "video_signature: The signature does not match the file.")
            return [self.desk.add_video(form, len(file))]

        return self._answered(request, form.get("advertiser_id"), act)

    def _set_spend(self, request: Request) -> Response:
        body = request.json()
        with self.desk.lock:
            self.desk.spend(str(body["campaign_id"]), body["at"], body["usd"], body.get("late", 0))
        return Response(200, {})

    def _set_account(self, request: Request) -> Response:
        body = request.json()
        with self.desk.lock:
            self.desk.timezone, self.desk.currency = body["timezone"], body["currency"]
        return Response(200, {})


def _of(act: Callable[[Level, Any], Json], level: Level) -> Callable[[Any], Json]:
    return lambda given: act(level, given)


def _query(request: Request, name: str) -> Any:
    """Objects and lists stand in the query as JSON."""
    try:
        return json.loads(request.query.get(name, "null"))
    except ValueError:
        raise Refusal(40002, f"{name}: Not a valid JSON.") from None


def _page(request: Request, rows: list[JsonObject]) -> JsonObject:
    page, size = int(request.query.get("page", "1")), int(request.query.get("page_size", "10"))
    if not 1 <= size <= 1000:
        raise Refusal(40002, "page_size: Must be between 1 and 1000.")
    info = {"page": page, "page_size": size, "total_number": len(rows), "total_page": -(-len(rows) // size)}
    return {"list": rows[(page - 1) * size : page * size], "page_info": info}


def _form(request: Request) -> tuple[JsonObject, bytes]:
    """The fields of a multipart form, and the bytes of its file."""
    head = b"Content-Type: " + request.headers.get("content-type", "").encode() + b"\r\n\r\n"
    fields: JsonObject = {}
    file = b""
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        raw = part.get_payload(decode=True)
        assert isinstance(raw, bytes)
        if part.get_filename() is None:
            fields[str(name)] = raw.decode()
        else:
            file = raw
    return fields, file


def _refused(request: Request, code: int, message: str) -> Response:
    return Response(200, {"code": code, "message": message, "request_id": _request_id(request), "data": {}})


def _request_id(request: Request) -> str:
    return f"{20261118081530000000 + request.number}A52386"


def main() -> None:
    """Serves on 127.0.0.1 until it is ended."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--qps", type=int, default=0, help="requests a second, as the Basic tier has 10; 0: any number")
    given = parser.parse_args()
    FakeTikTokAds(given.port, qps=given.qps).serve()


if __name__ == "__main__":
    main()
