"""A fake of Studio over HTTP: orders, a person's approval, a real film to download, and a bill of its own.

It checks who calls as Studio does: an ID token signed by Google (here: by the local signer) for its own audience.

    python -m local.fakes.studio --port 8092 --signer .army/signer

The wire is docs/studio.md. For whoever tries things with it, without a token:

    POST /_decide    {"generation_id": …, "status": "approved" | "rejected" | "failed" | "expired", "by": …, "note": …}
                     a person decides; the order's callback_url is told
    POST /_script    {"faults": […]}: what happens to the next requests, one fault each; afterwards all is well
    POST /_switch    {"approve_after_polls": 2}: whoever asks for the status that often finds it approved; null: nobody
    GET /_generations  the bill: requests, orders, the total, every generation with its brief
    POST /_reset     forgets everything

Faults: `ok`; a status such as `503` or `429` (nothing was done); `503:after` (done, and answered so all the same);
`cut` (done, then the connection drops); `delay:0.3` (seconds, then done); `reject`, `fail`, `expire` (what the order's
render comes to, at once); on a download `short` (half of what was asked for, then it drops), `damaged` (one byte is
another), `html` (a page, with the announced length).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3

from local.fakes.loopback import LoopbackDoor, LoopbackServer
from local.fakes.studio_desk import Desk, Fault, Job, Problem, check_brief, price_of
from local.signer import Signer
from shared.core.canonical import Json, JsonObject
from shared.errors import EngineError, RefusedError
from shared.media.clip import render_clip
from shared.web.certs import CertSource
from shared.web.tokens import GOOGLE_ISSUERS, Claims, TokenCheck

MOST_BYTES = 1_000_000
FILM_S = 3.0
STUDIO_EMAIL = "studio@tiktok-army-local.iam.gserviceaccount.com"
ENDINGS = {"reject": "rejected", "fail": "failed", "expire": "expired"}


@cache
def the_film() -> bytes:
    """The film that every render comes out as: lying, so that there is something to make upright. Made once."""
    with tempfile.TemporaryDirectory(prefix="fake-studio") as folder:
        file = Path(folder) / "film.mp4"
        asyncio.run(render_clip(file, seed=2026, duration_s=FILM_S))
        return file.read_bytes()


class _Server(LoopbackServer):
    def __init__(self, port: int, signer: Signer, audience: str | None) -> None:
        super().__init__(port, _Door)
        self.desk = Desk(the_film(), FILM_S)
        self.signer = signer
        self.url = f"http://127.0.0.1:{self.server_port}"
        certs = _OwnCerts(signer)
        self.check = TokenCheck(certs, audience or self.url, GOOGLE_ISSUERS, _email)


class _OwnCerts(CertSource):
    """The signer's certificates without a server: fake and signer share a machine."""

    def __init__(self, signer: Signer) -> None:
        super().__init__("local signer")
        self._certs, self._fresh_until = signer.certs, float("inf")


def _email(claims: Claims) -> str:
    return str(claims.get("email", ""))


class _Door(LoopbackDoor):
    server: _Server

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_POST(self) -> None:
        self._guarded(self._post)

    def _guarded(self, act: Any) -> None:
        try:
            act()
        except Problem as problem:
            self._send(problem.status, {"error": {"code": problem.code, "message": problem.message}})

    def _get(self) -> None:
        parts = self.path.strip("/").split("/")
        if self.path == "/_generations":
            return self._send(200, self.server.desk.bill())
        fault = self._admitted("read" if len(parts) == 3 else "download")
        if parts[:2] != ["v1", "generations"] or len(parts) not in (3, 4) or parts[3:] not in ([], ["asset"]):
            raise Problem(404, "not_found", "there is no such path")
        if len(parts) == 4:
            return self._download(self.server.desk.find(parts[2]), fault)
        return self._finish(200, self.server.desk.find(parts[2], is_poll=True).shown(), fault)

    def _post(self) -> None:
        body = self._body()
        own = {"/_decide": self._decide, "/_script": self._script, "/_switch": self._switch, "/_reset": self._reset}
        if self.path in own:
            return own[self.path](body)
        fault = self._admitted(self.path.rpartition("/")[2])
        if self.path == "/v1/quotes":
            brief = check_brief(body, is_order=False)
            return self._finish(200, {"cost_usd": f"{price_of(brief):f}", "currency": "USD"}, fault)
        if self.path == "/v1/generations":
            return self._order(body, fault)
        raise Problem(404, "not_found", "there is no such path")

    def _admitted(self, call: str) -> Fault:
        """The fault of this request, once it is known who asks. A fault that is a bare status comes before anything."""
        try:
            self.server.check.caller(self.headers.get("Authorization"))
        except RefusedError as refused:
            raise Problem(refused.status, refused.code, refused.message) from None
        except EngineError as broken:
            raise Problem(503, "unavailable", broken.message) from None
        fault = self.server.desk.next_fault(call)
        if fault.name.isdigit() and not fault.option:
            raise Problem(int(fault.name), "scripted", "a fault from the script")
        if fault.name == "delay":
            time.sleep(float(fault.option))
        return fault

    def _body(self) -> JsonObject:
        length = int(self.headers.get("Content-Length", 0))
        if length > MOST_BYTES:
            self.close_connection = True
            raise Problem(413, "too_large", f"at most {MOST_BYTES} bytes")
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Problem(400, "malformed", "the body must be a JSON object")
        return body

    def _order(self, body: JsonObject, fault: Fault) -> None:
        key = self.headers.get("Idempotency-Key", "")
        if not 0 < len(key) <= 200:
            raise Problem(400, "idempotency_key", "the header Idempotency-Key is required: 1 to 200 characters")
        check_brief(body.get("brief"), is_order=True)
        job, is_new = self.server.desk.order(body, key, ENDINGS.get(fault.name))
        self._finish(201 if is_new else 200, job.shown(), fault)

    def _finish(self, status: int, body: JsonObject, fault: Fault) -> None:
        """Answers what was done, or loses the answer on its way."""
        if fault.name == "cut":
            return self.hang_up()
        if fault.name.isdigit():
            raise Problem(int(fault.name), "scripted", "a fault from the script, after it was done")
        return self._send(status, body)

    def _download(self, job: Job, fault: Fault) -> None:
        if job.status != "approved":
            raise Problem(410 if job.status == "expired" else 409, job.status, f"the generation is {job.status}")
        film = self.server.desk.film
        first = self._range_start(len(film))
        content = film[first:]
        if fault.name == "damaged":
            content = content[:100] + bytes([content[100] ^ 1]) + content[101:]
        if fault.name == "html":
            content = (b"<!doctype html><title>sign in</title>" + b" " * len(content))[: len(content)]
        self.send_response(206 if first else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{job.asset["sha256"]}"')
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(film) - 1}/{len(film)}")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault.name == "short" else content)
        if fault.name == "short":
            self.hang_up()

    def _range_start(self, size: int) -> int:
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        if not asked.isdigit() or int(asked) >= size:
            raise Problem(416, "range", f"Range: bytes=N- with N below {size}")
        return int(asked)

    def _decide(self, body: JsonObject) -> None:
        told = (str(body.get(name, "")) for name in ("generation_id", "status", "by", "note"))
        job = self.server.desk.decide(*told)
        self._send(200, {**job.shown(), "told": self._tell(job)})

    def _tell(self, job: Job) -> int | None:
        """The order's callback, signed for the address it goes to; the status that it was answered with."""
        if job.callback_url is None:
            return None
        token = self.server.signer.task_token(STUDIO_EMAIL, job.callback_url)
        event = {"type": "generation.decided", "generation_id": job.id, "status": job.status, "metadata": job.metadata}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        try:
            answer = urllib3.PoolManager(retries=False, timeout=10).request(
                "POST", job.callback_url, body=json.dumps(event), headers=headers
            )
        except urllib3.exceptions.HTTPError:
            return 0
        return int(answer.status)

    def _script(self, body: JsonObject) -> None:
        self._send(200, {"waiting": self.server.desk.add_faults(list(body["faults"]))})

    def _switch(self, body: JsonObject) -> None:
        self.server.desk.approve_after_polls = body["approve_after_polls"]
        self._send(200, {})

    def _reset(self, body: JsonObject) -> None:
        self.server.desk.reset()
        self._send(200, {})

    def _send(self, status: int, body: Json) -> None:
        data = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class FakeStudio:
    """The fake in a thread of this process: `with FakeStudio(signer) as studio:`, then `studio.url`."""

    def __init__(self, signer: Signer, port: int = 0, *, audience: str | None = None) -> None:
        self._server = _Server(port, signer, audience)
        self.desk = self._server.desk
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return self._server.url

    def script(self, *faults: str) -> None:
        """What happens to the next requests, one fault each."""
        self.desk.add_faults(list(faults))

    def __enter__(self) -> FakeStudio:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def main() -> None:
    """`python -m local.fakes.studio`: serves until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m local.fakes.studio", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one and prints it")
    parser.add_argument("--signer", type=Path, required=True, help="the folder of the local signer's key")
    parser.add_argument("--audience", help="that tokens must be for; default: its own address")
    given = parser.parse_args()
    server = _Server(given.port, Signer(given.signer), given.audience)
    print(f"fake Studio on {server.url}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
