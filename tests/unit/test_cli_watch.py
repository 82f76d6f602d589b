"""A run that has ended while steps are still at work: the command waits for them, so that its figures stay."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cli.client import Api
from cli.watch import ended_run

RUN = "00000000-0000-4000-8000-000000000001"


def run(status: str, open_steps: int, cost: str) -> dict[str, Any]:
    """A run of two steps, of which one has failed."""
    other = "running" if open_steps else "succeeded"
    steps = [{"key": "judge", "status": "failed"}, {"key": "read", "status": other}]
    return {"id": RUN, "status": status, "steps_open": open_steps, "total_cost_usd": cost, "steps": steps}


@contextmanager
def api_that_answers(*answers: dict[str, Any]) -> Iterator[tuple[Api, list[str]]]:
    """An API that gives these answers, the last one again and again; and the paths that were asked."""
    asked: list[str] = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers[min(len(asked), len(answers) - 1)]).encode()
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Api(f"http://127.0.0.1:{server.server_port}", "token"), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_steps_at_work_are_waited_for() -> None:
    """The run is read again until no step is open: its cost is the one that `army show` has."""
    answers = (run("running", 2, "0"), run("failed", 1, "0.01"), run("failed", 1, "0.01"), run("failed", 0, "0.03"))
    with api_that_answers(*answers) as (api, asked):
        ended = ended_run(api, RUN)

    assert ended == run("failed", 0, "0.03")
    assert [path.endswith("?wait=5s") for path in asked] == [True, True, False, False]


def test_a_whole_run_is_read_once() -> None:
    """Where nothing is at work any more, the first answer is the last."""
    with api_that_answers(run("succeeded", 0, "0.02")) as (api, asked):
        assert ended_run(api, RUN)["total_cost_usd"] == "0.02"

    assert len(asked) == 1
