"""The doors over a real connection, behind the server that runs them in the cloud."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import urllib3

from cli.client import Api
from tests.support.machines import Machine
from tests.support.terminal import Terminal

BRIEFS = "/api/dashboard/briefs"
MEGABYTE = 1_000_000


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes


def ask(terminal: Terminal, head: str, body: bytes, *, is_known: bool = True) -> Answer:
    """A POST to the briefs, written byte by byte as it stands, and what came back before the connection ended."""
    port = int(terminal.url.rpartition(":")[2])
    lines = [
        f"POST {BRIEFS} HTTP/1.1",
        "Host: here",
        *([f"Authorization: Bearer {terminal.token}"] if is_known else []),
    ]
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall("\r\n".join([*lines, head, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head_part, _, answer = received.partition(b"\r\n\r\n")
    first, *headers = head_part.decode().split("\r\n")
    types = [line.partition(": ")[2] for line in headers if line.lower().startswith("content-type:")]
    return Answer(int(first.split(" ")[1]), types[0], answer)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Length: 100", b"{}"),
        ("Content-Length: 100", b'{"handle": "@nova"}'),
        ("Transfer-Encoding: chunked", b"ZZ\r\nabc\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b'5\r\n{"a"\r\n'),
        ("Transfer-Encoding: chunked", b""),
    ],
)
def test_a_transfer_that_breaks_off_is_refused(terminal: Terminal, head: str, body: bytes) -> None:
    """400 for a body that ends too soon or whose chunks are malformed: it is the sender's mistake, not ours."""
    answer = ask(terminal, head, body)

    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert Api(terminal.url, terminal.token).get(BRIEFS) == {"briefs": []}


@pytest.mark.parametrize(("is_known", "status"), [(True, 413), (False, 401)], ids=["a user", "a stranger"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["announced", "in chunks"])
def test_a_large_upload_is_answered(terminal: Terminal, is_known: bool, status: int, is_chunked: bool) -> None:
    """Whoever sends two megabytes hears the refusal, and not a connection that was cut."""

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * (MEGABYTE // 10)

    http = urllib3.PoolManager(retries=False, timeout=20)
    headers = {"Authorization": f"Bearer {terminal.token}"} if is_known else {}
    body = parts() if is_chunked else b"".join(parts())

    answer = http.request("POST", terminal.url + BRIEFS, body=body, headers=headers, chunked=is_chunked)

    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert json.loads(answer.data)["status"] == status


def test_a_length_beyond_any_number_is_refused(terminal: Terminal) -> None:
    """413 at once: nothing is read."""
    answer = ask(terminal, f"Content-Length: {'9' * 30}", b"{}")

    assert answer.status == 413


def test_the_doors_go_on_after_all_that(terminal: Terminal, stack: Machine) -> None:
    """The same processes answer the next good request."""
    run = terminal.army_json("run", "profile_audit", "--handle", "@nova")

    assert run["status"] == "succeeded"
    assert "Traceback" not in (stack.folder / "logs" / "doors.log").read_text()
