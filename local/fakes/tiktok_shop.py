"""A fake of TikTok Shop's API over HTTP, for real mode without a seller account.

    python -m local.fakes.tiktok_shop --port 8094

Every call is checked as by the real API: signature over path, sorted query and body; a timestamp from 5 minutes ago to
30 seconds ahead; the token and its expiry; shop_cipher where it belongs and nowhere else. An edit goes into an audit;
creators and conversations have quotas. Listings and creators are those of the mock, so both modes tell one story.

`GET /_edits` and `GET /_messages` are its records. `POST /_audit` with {"product_id": …, "passes": true} ends an audit;
`POST /_answer` with {"creator_open_id": …, "text": …} lets a creator write back. `POST /_faults` is that of
`local.fakes.faults`; the calls are named products/search, products/get, partial_edit, diagnoses, performance,
creators/search, creators/get, conversations, messages/send, messages/get, token/refresh.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from local.fakes.serving import FakeVendor, Request, Response, Route
from local.fakes.tiktok_shop_desk import APP_KEY, APP_SECRET, CIPHER, Refusal, ShopDesk, Talk, creator_row
from shared.core.canonical import Json, JsonObject
from shared.providers.tiktok_shop_sign import sign, wants_shop

_MESSAGES = {
    36009002: ("Too many requests. You've made too many requests in a short period of time.", 429),
    36009003: ("Internal error. Please try again.", 500),
    36009007: ("Request timeout. The request to the endpoint timed out.", 504),
    105002: ("Expired credentials. The `access_token` or `x-tts-access-token` header has expired.", 401),
    105005: ("Access denied. The app is not authorized to access the endpoint.", 403),
    16030100: ("Shop has reached IM send message quota with this creator", 400),
    16030002: ("shop has reached IM quota.", 400),
}
_SKEW = (-300, 30)  # seconds; how old, and how far ahead, a timestamp may be
Act = Callable[[Request, re.Match[str]], Json]


class FakeTikTokShop(FakeVendor):
    """`with FakeTikTokShop() as fake:`, then `fake.base_url` and `fake.desk`."""

    def __init__(self, port: int = 0, *, desk: ShopDesk | None = None) -> None:
        super().__init__(port)
        self.desk = desk or ShopDesk()
        self._calls = [(method, re.compile(path), name, act) for method, path, name, act in self._table()]

    def _table(self) -> list[tuple[str, str, str, Act]]:
        affiliate = "/affiliate_seller"
        return [
            ("POST", "/product/202502/products/search", "products/search", self._products),
            ("GET", r"/product/202309/products/(\d+)", "products/get", self._product),
            ("POST", r"/product/202509/products/(\d+)/partial_edit", "partial_edit", self._edit),
            ("GET", "/product/202405/products/diagnoses", "diagnoses", self._diagnoses),
            ("GET", "/analytics/202509/shop_products/performance", "performance", self._performance),
            ("POST", f"{affiliate}/202508/marketplace_creators/search", "creators/search", self._creators),
            ("GET", f"{affiliate}/202508/marketplace_creators/(\\w+)", "creators/get", self._creator),
            ("POST", f"{affiliate}/202508/conversations", "conversations", self._conversation),
            ("POST", f"{affiliate}/202412/conversations/(\\d+)/messages", "messages/send", self._send),
            ("GET", f"{affiliate}/202412/conversation/(\\d+)/messages", "messages/get", self._messages),
            ("GET", "/authorization/202309/shops", "shops", self._shops),
        ]

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/_edits"): ("", lambda _: Response(200, self.desk.edits)),
            ("GET", "/_messages"): ("", lambda _: Response(200, self.messages())),
            ("POST", "/_audit"): ("", self._audit),
            ("POST", "/_answer"): ("", self._creator_answers),
            ("GET", "/api/v2/token/refresh"): ("token/refresh", self._refresh),
        }

    def route(self, method: str, path: str) -> Route | None:
        """Ids stand inside of the paths."""
        for known_method, pattern, name, act in self._calls:
            found = pattern.fullmatch(path)
            if known_method == method and found is not None:
                return name, lambda request, act=act, found=found: self._answered(request, lambda: act(request, found))
        return super().route(method, path)

    def coded(self, request: Request, code: str) -> Response:
        message, status = _MESSAGES.get(int(code), ("A fault from the script", 400))
        return _refused(request, Refusal(int(code), message, status))

    def messages(self) -> list[JsonObject]:
        """Every message of every conversation, oldest first."""
        with self.desk.lock:
            return [
                {"conversation_id": talk.id, "creator_open_id": talk.creator, **message}
                for talk in self.desk.talks.values()
                for message in talk.messages
            ]

    def _answered(self, request: Request, act: Callable[[], Json]) -> Response:
        try:
            with self.desk.lock:
                self._check(request)
                data = act()
        except Refusal as no:
            return _refused(request, no)
        told = {"code": 0, "message": "Success", "data": data, "request_id": _request_id(request)}
        return Response(200, told)

    def _check(self, request: Request) -> None:
        """Who asks, before what is asked."""
        query = request.query
        if "sign" not in query:
            raise Refusal(36009004, "Missing credentials. The request does not include a required signature.", 401)
        if query.get("app_key") != APP_KEY:
            raise Refusal(36009004, "Invalid credentials. Invalid `app_key` query parameter.", 401)
        self._check_time(query.get("timestamp", ""))
        if request.method == "POST" and request.headers.get("content-type") != "application/json":
            raise Refusal(36009022, "Invalid request format. The request body format must be `application/json`.")
        wanted = sign(request.path, query, request.body, APP_SECRET)
        if not hmac.compare_digest(wanted, query["sign"]):
            raise Refusal(106001, "Invalid credentials. The `sign` query parameter is invalid.", 401)
        self._check_token(request.headers.get("x-tts-access-token", ""))
        self._check_shop(request)

    def _check_time(self, told: str) -> None:
        late, early = _SKEW
        if not re.fullmatch(r"\d{10}", told) or not late <= int(told) - self.desk.clock() <= early:
            raise Refusal(36009004, "Invalid timestamp. It must be of the last 5 minutes, or 30 seconds ahead.", 401)

    def _check_token(self, token: str) -> None:
        until = self.desk.tokens.get(token)
        if until is None:
            raise Refusal(36009004, "Invalid credentials. The `x-tts-access-token` header is invalid.", 401)
        if until <= self.desk.clock():
            message, status = _MESSAGES[105002]
            raise Refusal(105002, message, status)

    def _check_shop(self, request: Request) -> None:
        cipher = request.query.get("shop_cipher")
        if not wants_shop(request.path):
            if cipher is not None:
                raise Refusal(36009004, "Unexpected identifier. The `shop_cipher` query parameter is not required.")
        elif cipher is None:
            raise Refusal(106013, "Missing identifier. The `shop_cipher` query parameter is required.")
        elif cipher != CIPHER:
            raise Refusal(101000, "Invalid query or header: the token is not of this shop.")

    def _products(self, request: Request, _: re.Match[str]) -> Json:
        body = _object(request)
        listed = [one for one in self.desk.listings.values() if body.get("status", "ALL") in ("ALL", one.status)]
        rows, more = _page(request, [self.desk.row(one) for one in listed], range(1, 101))
        return {"total_count": len(listed), "products": rows, **more}

    def _product(self, request: Request, found: re.Match[str]) -> Json:
        return self.desk.shown(found[1], under_review=request.query.get("return_under_review_version") == "true")

    def _edit(self, request: Request, found: re.Match[str]) -> Json:
        return self.desk.edit(found[1], _object(request))

    def _diagnoses(self, request: Request, _: re.Match[str]) -> Json:
        ids = json.loads(request.query.get("product_ids", "[]"))
        if not 1 <= len(ids) <= 200:
            raise Refusal(98001004, "Parameter product_ids is invalid. Expected: 1 to 200")
        products = [self.desk.listing(product_id).product for product_id in ids]
        return {"products": [_diagnosed(product) for product in products]}

    def _performance(self, request: Request, _: re.Match[str]) -> Json:
        if request.query.get("start_date_ge", "") >= request.query.get("end_date_lt", ""):
            raise Refusal(28001022, "invalid request params; detail: start time or end time is invalid.")
        rows = [
            {
                "id": one.product.id,
                "overall_performance": {
                    "gmv": {"amount": str(one.product.gmv_usd), "currency": "USD"},
                    "items_sold": one.product.units_sold,
                    "orders": one.product.units_sold,
                },
            }
            for one in self.desk.listings.values()
        ]
        shown, more = _page(request, rows, range(1, 101))
        return {"products": shown, "total_count": len(rows), **more}

    def _creators(self, request: Request, _: re.Match[str]) -> Json:
        rows, more = _page(request, self.desk.search(_object(request)), (12, 20))
        return {"creators": rows, "search_key": "k1ChOzI9", **more}

    def _creator(self, request: Request, found: re.Match[str]) -> Json:
        creator = self.desk.creators.get(found[1])
        if creator is None:
            raise Refusal(16030001, "creator has been cleard")
        return {"creator": creator_row(creator)}

    def _conversation(self, request: Request, _: re.Match[str]) -> Json:
        body = _object(request)
        talk, is_new = self.desk.talk_with(str(body.get("creator_open_id", "")))
        if body.get("only_need_conversation_id", True):
            return {"conversation_id": talk.id}
        more = {"username": self.desk.creators[talk.creator].handle, "creator_im_id": _im(talk.creator)}
        return {"conversation_id": talk.id, "is_new": is_new, "unread_count": 0, **more}

    def _send(self, request: Request, found: re.Match[str]) -> Json:
        body = _object(request)
        message_id = self.desk.send(self.desk.talk(found[1]), body.get("msg_type"), body.get("content"))
        return {"message_id": message_id}

    def _messages(self, request: Request, found: re.Match[str]) -> Json:
        talk = self.desk.talk(found[1])
        rows, more = _page(request, [_shown(talk, message) for message in reversed(talk.messages)], range(1, 21))
        return {"messages": rows, "has_more": bool(more["next_page_token"]), **more}

    def _shops(self, request: Request, _: re.Match[str]) -> Json:
        return {"shops": [{"id": "7495540735365777507", "name": "Laku Shop", "region": "US", "cipher": CIPHER}]}

    def _refresh(self, request: Request) -> Response:
        """Not signed: it carries the secret."""
        query = request.query
        try:
            if (query.get("app_key"), query.get("app_secret")) != (APP_KEY, APP_SECRET):
                raise Refusal(36004001, "Invalid app_key or app_secret")
            with self.desk.lock:
                data = self.desk.new_token(query.get("refresh_token", ""))
        except Refusal as no:
            return _refused(request, Refusal(no.code, no.message, 200))
        return Response(200, {"code": 0, "message": "success", "data": data, "request_id": _request_id(request)})

    def _audit(self, request: Request) -> Response:
        body = request.json()
        with self.desk.lock:
            self.desk.audit(str(body["product_id"]), passes=bool(body["passes"]))
        return Response(200, {})

    def _creator_answers(self, request: Request) -> Response:
        body = request.json()
        with self.desk.lock:
            talk, _ = self.desk.talk_with(str(body["creator_open_id"]))
            self.desk.send(talk, "TEXT", json.dumps({"content": body["text"]}), sender=_im(talk.creator))
        return Response(200, {})


def _diagnosed(product: Any) -> JsonObject:
    suggestion = {
        "seo_words": [{"text": word} for word in product.search_words],
        "smart_texts": [{"text": title} for title in product.smart_titles],
        "images": [],
    }
    diagnoses = [
        {
            "field": issue.field,
            "diagnosis_results": [{"code": issue.code, "how_to_solve": issue.how_to_solve, "quality_tier": "GOOD"}],
            "suggestion": suggestion,
        }
        for issue in product.issues
    ]
    quality = {"current_tier": product.quality_tier, "remaining_recommendations": len(diagnoses)}
    return {"id": product.id, "listing_quality": quality, "diagnoses": diagnoses}


def _shown(talk: Talk, message: JsonObject) -> JsonObject:
    body = {name: value for name, value in message.items() if name != "index"}
    return {"conversation_index": message["index"], "message_body": {**body, "conversation_id": talk.id}}


def _im(open_id: str) -> str:
    return f"im-{open_id}"


def _object(request: Request) -> JsonObject:
    body = request.json()
    if not isinstance(body, dict):
        raise Refusal(36009022, "Invalid request format. The request body must be a JSON object.")
    return body


def _page(request: Request, rows: list[Any], sizes: range | tuple[int, ...]) -> tuple[list[Any], JsonObject]:
    """The page that the token names, and the token of the next one: opaque, empty at the end."""
    size = int(request.query.get("page_size", "10"))
    if size not in sizes:
        raise Refusal(98001004, f"Parameter page_size is invalid. Expected: {sizes}")
    try:
        start = int(base64.b64decode(request.query.get("page_token", "")).decode().removeprefix("offset=") or "0")
    except ValueError:
        raise Refusal(98001004, "Parameter page_token is invalid.") from None
    end = start + size
    token = base64.b64encode(f"offset={end}".encode()).decode() if end < len(rows) else ""
    return rows[start:end], {"next_page_token": token}


def _refused(request: Request, no: Refusal) -> Response:
    told = {"code": no.code, "message": no.message, "data": None, "request_id": _request_id(request)}
    return Response(no.status, told)


def _request_id(request: Request) -> str:
    return f"{20261118081530000000 + request.number}281E8C70B7"


def main() -> None:
    """Serves on 127.0.0.1 until it is ended."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--port", type=int, default=8094)
    given = parser.parse_args()
    FakeTikTokShop(given.port).serve()


if __name__ == "__main__":
    main()
