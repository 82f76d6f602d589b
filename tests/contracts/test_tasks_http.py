"""The queue's HTTP client against answers that are split, chunked, cut off, or no HTTP at all."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from local.tasks.answer import AnswerReader
from local.tasks.backoff import RetryRule, retry_after_s
from local.tasks.http import Answer, HttpClient, target_of

WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: 1\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nretry-after: 7\r\nCONTENT-LENGTH: 0\r\n\r\n",
]


@pytest.mark.parametrize("whole", WHOLE)
def test_an_answer_may_come_in_any_pieces(whole: bytes) -> None:
    """Cut anywhere into two, or into single bytes, an answer ends exactly with its last byte."""
    for cut in range(1, len(whole)):
        reader = AnswerReader(may_have_body=True)
        assert reader.feed(whole[:cut]) is False
        assert reader.feed(whole[cut:]) is True
    reader = AnswerReader(may_have_body=True)
    assert [reader.feed(whole[at : at + 1]) for at in range(len(whole))] == [False] * (len(whole) - 1) + [True]


def test_headers_are_found_in_any_case() -> None:
    """Names of headers have no case; Retry-After and Connection are read."""
    reader = AnswerReader(may_have_body=True)
    reader.feed(b"HTTP/1.1 429 Slow\r\nRETRY-after:  9 \r\nconnection: Close\r\ncontent-length: 0\r\n\r\n")

    assert reader.head is not None
    assert (reader.head.status, reader.head.retry_after, reader.head.keep) == (429, "9", False)


@pytest.mark.parametrize(
    "bad",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"H" * 70_000,
    ],
)
def test_what_is_not_http_is_refused(bad: bytes) -> None:
    """A malformed answer is an error at once, not a wait for more."""
    with pytest.raises(ValueError):
        AnswerReader(may_have_body=True).feed(bad)


@contextmanager
def scripted(*connections: list[bytes | None]) -> Iterator[str]:
    """A server that answers, on its first connection, each request with the next of these bytes, then hangs up; and so
    on for the next connection. None: it says nothing until the caller hangs up. Yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(10)

        def serve() -> None:
            for answers in connections:
                caller, _ = door.accept()
                with caller:
                    for answer in answers:
                        caller.recv(65_536)
                        if answer is None:
                            caller.recv(65_536)
                        else:
                            caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
        thread.join(10)
        assert not thread.is_alive()


def asked(url: str, *, times: int = 1, deadline_s: float = 5.0) -> list[Answer]:
    """The answers to so many requests, one after the other, through one client."""

    async def run() -> list[Answer]:
        loop = asyncio.get_running_loop()
        client, answers = HttpClient(loop), []
        for _ in range(times):
            answer: asyncio.Future[Answer] = loop.create_future()
            request = b"GET / HTTP/1.1\r\n\r\n"
            client.send(target_of(url), request, may_have_body=True, deadline_s=deadline_s, done=answer.set_result)
            answers.append(await asyncio.wait_for(answer, 10))
        client.close()
        return answers

    return asyncio.run(run())


def test_a_body_may_end_with_the_connection() -> None:
    """Without a length an answer is complete when the connection closes."""
    with scripted([b"HTTP/1.0 200 OK\r\n\r\nsome text"]) as url:
        assert asked(url)[0].status == 200


@pytest.mark.parametrize("cut", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel", b"HTTP/1.1 20"])
def test_a_cut_off_answer_is_a_failure(cut: bytes) -> None:
    """A connection that ends too early is a failed attempt, whatever status it had announced."""
    with scripted([cut]) as url:
        assert asked(url) == [Answer(0, "UNAVAILABLE: connection lost")]


def test_a_malformed_answer_is_a_failure() -> None:
    """What is not HTTP is a failed attempt that says so."""
    with scripted([b"hello\r\n\r\n"]) as url:
        answer = asked(url)[0]

    assert answer.status == 0
    assert "malformed" in answer.reason


def test_silence_ends_at_the_deadline() -> None:
    """A target that never answers is given up at the deadline."""
    with scripted([None]) as url:
        assert asked(url, deadline_s=0.1) == [Answer(0, "DEADLINE_EXCEEDED")]


def test_a_connection_is_used_again() -> None:
    """An answer that does not say close leaves its connection to the next request."""
    kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with scripted([kept, kept, kept]) as url:
        assert [answer.status for answer in asked(url, times=3)] == [200, 200, 200]


def test_a_closed_idle_connection_costs_nothing() -> None:
    """A kept connection that is closed as we use it again is replaced, and that is no failed attempt."""
    kept = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with scripted([kept, b""], [kept]) as url:
        assert [answer.status for answer in asked(url, times=2)] == [200, 200]


def test_the_documented_backoff() -> None:
    """10 s, 300 s, 3 doublings: the example of the reference; and 0 doublings grow evenly from the start."""
    rule = RetryRule(max_attempts=100, max_duration_s=0, min_backoff_s=10, max_backoff_s=300, max_doublings=3)
    even = RetryRule(max_attempts=100, max_duration_s=0, min_backoff_s=1, max_backoff_s=4, max_doublings=0)

    assert [rule.delay_s(attempt) for attempt in range(1, 9)] == [10, 20, 40, 80, 160, 240, 300, 300]
    assert [even.delay_s(attempt) for attempt in range(1, 6)] == [1, 2, 3, 4, 4]
    assert rule.delay_s(10**6) == 300


def test_when_a_task_is_exhausted() -> None:
    """Attempts and duration must both be reached; 0 duration leaves attempts alone; -1 never ends."""
    both = RetryRule(5, 60, 1, 1, 1)

    assert [both.is_exhausted(5, 59), both.is_exhausted(4, 61), both.is_exhausted(5, 60)] == [False, False, True]
    assert RetryRule(5, 0, 1, 1, 1).is_exhausted(5, 0)
    assert not RetryRule(-1, 60, 1, 1, 1).is_exhausted(10**9, 10**9)


def test_retry_after_as_number_and_date() -> None:
    """Retry-After is seconds or a date; what makes no sense counts as absent; no wait is longer than a month."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    assert retry_after_s("120") == 120
    assert 97 <= retry_after_s(soon) <= 100
    assert [retry_after_s(value) for value in (None, "", "soon", "-5", "1.5", "²")] == [0] * 6
    assert retry_after_s("9" * 30) == 31 * 86_400
