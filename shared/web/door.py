"""A door: finds the route, checks the caller, reads the body, calls one use case, maps errors to a status.

The only place where an error becomes a status. Every refusal is a problem document (RFC 9457) that names the field.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import flask
from pydantic import BaseModel
from werkzeug.datastructures import Headers
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from shared.config import current_settings
from shared.core.canonical import Json, JsonObject
from shared.core.scrub import scrubbed
from shared.engine.rooms import Rooms, current_rooms
from shared.errors import (
    ChangedProposalError,
    EngineError,
    InvalidInputError,
    MethodNotAllowedError,
    NotFoundError,
    RefusedError,
    TransientError,
)
from shared.store.documents import as_jsonb
from shared.web.body import InvalidFieldsError, parse_body, parse_fields, read_limited, text_problem
from shared.web.tokens import (
    TaskCaller,
    UserCaller,
    verify_schedule_token,
    verify_studio_token,
    verify_task_token,
    verify_user_token,
)

log = logging.getLogger(__name__)

Caller = UserCaller | TaskCaller
Check = Callable[[str | None], Caller]
IDEMPOTENCY_KEY = "Idempotency-Key"
RETRY_AFTER_S = 5
DETAIL_CHARACTERS = 2000

from_user: Check = verify_user_token
from_queue: Check = verify_task_token
from_scheduler: Check = verify_schedule_token
from_studio: Check = verify_studio_token


@dataclass(frozen=True, slots=True)
class Answer:
    """What a use case came to: JSON with a status, or a stream of server-sent events."""

    body: Json = None
    status: int = 200
    stream: Iterator[str] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: who calls, what the path named, what the query and the body say."""

    caller: Caller
    names: dict[str, str]
    headers: Headers
    query: Any
    body: Any
    rooms: Rooms

    @property
    def workspace_id(self) -> UUID:
        if not isinstance(self.caller, UserCaller):
            raise TypeError("a task call has no workspace of its own")
        return self.caller.workspace_id

    @property
    def created_by(self) -> str:
        return self.caller.subject if isinstance(self.caller, UserCaller) else self.caller.email

    @property
    def roles(self) -> tuple[str, ...]:
        """What the caller's token says that they are in their workspace."""
        return self.caller.roles if isinstance(self.caller, UserCaller) else ()

    @property
    def idempotency_key(self) -> str | None:
        key = self.headers.get(IDEMPOTENCY_KEY)
        if key is None:
            return None
        if not 1 <= len(key) <= 200 or not key.isprintable() or text_problem(key):
            raise InvalidInputError(IDEMPOTENCY_KEY, "must be 1 to 200 printable characters")
        return key

    def id_named(self, name: str) -> UUID:
        try:
            return UUID(self.names[name])
        except ValueError:
            raise InvalidInputError(name, "must be a UUID") from None


class NoFields(BaseModel):
    """A request that takes no fields: any is refused."""

    model_config = {"extra": "forbid"}


Handler = Callable[[Call], Answer]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Route:
    handler: Handler
    caller: Check
    body: type[BaseModel]
    query: type[BaseModel]
    has_optional_body: bool


class Door:
    """The routes of one function. Calling it with a Flask request answers it."""

    def __init__(self) -> None:
        self._map = Map(merge_slashes=False)
        self._routes: dict[str, Route] = {}

    def route(
        self,
        method: str,
        path: str,
        *,
        caller: Check,
        body: type[BaseModel] = NoFields,
        query: type[BaseModel] = NoFields,
        has_optional_body: bool = False,
    ) -> Callable[[H], H]:
        """Registers a handler for a method and a path; `<name>` in the path becomes `call.names[name]`.

        With an optional body, none at all means one that leaves every field out.
        """

        def register(handler: H) -> H:
            endpoint = f"{method} {path}"
            self._map.add(Rule(path, endpoint=endpoint, methods=[method], strict_slashes=False))
            self._routes[endpoint] = Route(handler, caller, body, query, has_optional_body)
            return handler

        return register

    @property
    def endpoints(self) -> list[tuple[str, str]]:
        """Every method and path that this door answers, in the order they were registered."""
        return [(method, path) for method, _, path in (endpoint.partition(" ") for endpoint in self._routes)]

    def __call__(self, request: flask.Request) -> flask.Response:
        try:
            answer = self._answered(request)
        except RefusedError as refused:
            return _problem(refused.status, refused.code, refused.message, _fields_of(refused))
        except TransientError as busy:
            log.warning("door.busy: %s %s: %s", request.method, request.path, busy)
            told = _problem(503, busy.code, "busy; try again soon", {})
            told.headers["Retry-After"] = str(int(busy.retry_after_s or RETRY_AFTER_S))
            return told
        except EngineError as failed:
            log.error("door.failed: %s %s: %s", request.method, request.path, failed)
            return _problem(500, failed.code, failed.message, {})
        except Exception:
            return _unexpected(request)
        return _response(answer)

    def _answered(self, request: flask.Request) -> Answer:
        route, names = self._matched(request)
        settings = current_settings()
        caller = route.caller(request.headers.get("Authorization"))
        raw = read_limited(request.stream, request.content_length, settings.max_body_bytes)
        is_left_out = not raw.strip() and (route.has_optional_body or route.body is NoFields)
        body = route.body() if is_left_out else parse_body(raw, route.body)
        query = parse_fields(_query(request), route.query)
        return route.handler(Call(caller, names, request.headers, query, body, current_rooms()))

    def _matched(self, request: flask.Request) -> tuple[Route, dict[str, str]]:
        try:
            endpoint, names = self._map.bind("door").match(request.path, request.method)
        except NotFound:
            raise NotFoundError(f"there is no {ascii(request.path)[1:-1][:200]}") from None
        except MethodNotAllowed as wrong:
            allowed = ", ".join(sorted(set(wrong.valid_methods or ()) - {"HEAD", "OPTIONS"}))
            raise MethodNotAllowedError(f"this path takes {allowed}") from None
        return self._routes[endpoint], dict(names)


def _query(request: flask.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.args.items(multi=True):
        problem = text_problem(name) or text_problem(value) or ("stands twice in the query" if name in found else None)
        if problem:
            raise InvalidInputError(ascii(name)[1:-1], problem)
        found[name] = value
    return found


def _fields_of(refused: RefusedError) -> JsonObject:
    if isinstance(refused, InvalidFieldsError):
        return {"field": refused.field, "errors": refused.errors}
    if isinstance(refused, ChangedProposalError):
        return {"field": refused.field, "digest": refused.digest, "differences": refused.differences}
    return {} if refused.field is None else {"field": refused.field}


def _response(answer: Answer) -> flask.Response:
    if answer.stream is not None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return flask.Response(answer.stream, status=200, headers=headers, mimetype="text/event-stream")
    return flask.Response(as_jsonb(answer.body) or "null", status=answer.status, mimetype="application/json")


def _problem(status: int, code: str, detail: str, more: JsonObject) -> flask.Response:
    """A refusal. Sent as a stream: for any other answer functions-framework first reads the rest of the request into
    memory, whatever its size and whoever sent it."""
    shown = detail if len(detail) <= DETAIL_CHARACTERS else detail[:DETAIL_CHARACTERS] + "…"
    document = {"type": "about:blank", "title": code, "status": status, "detail": shown, **more}
    sent = (as_jsonb(document) or "").encode()
    response = flask.Response(iter((sent,)), status=status, mimetype="application/problem+json")
    response.content_length = len(sent)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _unexpected(request: flask.Request) -> flask.Response:
    """A bug of ours. The log has the traceback, without secrets; the caller gets a number to ask about."""
    import traceback

    number = uuid.uuid4().hex[:12]
    told = scrubbed(traceback.format_exc(), current_settings().secrets)
    log.error("door.unexpected %s: %s %s\n%s", number, request.method, request.path, told)
    return _problem(500, "unexpected", f"something went wrong on our side; mention {number}", {})
