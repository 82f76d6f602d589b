"""The fake API itself: it refuses what the real one refuses, and its bill is exact."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from local.fakes.anthropic import FakeAnthropic
from shared.llm.fixtures import FOLDER, use_fixture_folders
from shared.llm.prompt import data_block

KEY = {"authorization": "Bearer k", "anthropic-version": "2026-10-21"}
SYSTEM = [{"type": "text", "text": "s" * 4000, "cache_control": {"type": "ephemeral"}}]
OPEN = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    """A fake of its own for each test."""
    with FakeAnthropic() as one:
        yield one


def call(
    base_url: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    """One raw HTTP call: status, headers, and the body read as JSON, or as text."""
    line = http.client.HTTPConnection(urlparse(base_url).netloc, timeout=10)
    try:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        line.request("GET" if data is None else "POST", path, data, KEY if headers is None else headers)
        response = line.getresponse()
        text = response.read().decode()
        is_json = response.headers["content-type"] == "application/json"
        return response.status, dict(response.headers.items()), json.loads(text) if is_json else text
    finally:
        line.close()


def ask(fake: FakeAnthropic, headers: dict[str, str] | None = None, **changes: Any) -> tuple[int, dict[str, str], Any]:
    """One question to the fake, with some members changed; None leaves one out."""
    body = {
        "model": "claude-haiku-5-5",
        "max_tokens": 100,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": "hi"}],
        **changes,
    }
    return call(fake.base_url, "/v1/messages", {k: v for k, v in body.items() if v is not None}, headers)


def test_a_good_answer_has_the_documented_shape(fake: FakeAnthropic) -> None:
    """Body and headers are those of the real API."""
    status, headers, body = ask(fake)

    assert status == 200
    assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    assert body["usage"]["cache_creation"]["ephemeral_5m_input_tokens"] == 1000
    assert headers["request-id"].startswith("req_")
    assert headers["anthropic-ratelimit-tokens-remaining"].isdigit()


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "k", "anthropic-version": "2023-06-01"},
        {"authorization": "Bearer k", "anthropic-version": "2026-10-21"},
    ],
)
def test_both_forms_of_the_key_are_read(fake: FakeAnthropic, headers: dict[str, str]) -> None:
    """New SDKs send a bearer token, old ones x-api-key."""
    assert ask(fake, headers)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"anthropic-version": "2026-10-21"}, 401),
        ({"authorization": "Basic k", "anthropic-version": "2026-10-21"}, 401),
        ({"authorization": "Bearer k"}, 400),
        ({"authorization": "Bearer k", "anthropic-version": "1999-01-01"}, 400),
    ],
)
def test_the_door_is_checked(fake: FakeAnthropic, headers: dict[str, str], status: int) -> None:
    """A key and a known version are needed; nothing is billed without."""
    assert ask(fake, headers)[0] == status
    assert fake.desk.bill()["charged"] == 0


def schema(**node: Any) -> dict[str, Any]:
    """An output_config with this schema."""
    return {"format": {"type": "json_schema", "schema": node}}


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"temperature": 1.0}, 400, "temperature: Extra inputs are not permitted"),
        ({"top_p": 1}, 400, "top_p: Extra inputs"),
        ({"surprise": 1}, 400, "surprise: Extra inputs"),
        ({"messages": None}, 400, "messages: Field required"),
        ({"messages": []}, 400, "at least one"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "non-empty"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]}, 400, "prefilling"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": 128_001}, 400, "max_tokens"),
        ({"model": "claude-sonnet-4-20250514"}, 404, "model: claude-sonnet-4"),
        ({"model": "gpt"}, 404, "model: gpt"),
        ({"model": "claude-haiku-4-5", "output_config": {"effort": "low"}}, 400, "effort"),
        ({"output_config": schema(type="object", properties={})}, 400, "additionalProperties"),
        ({"output_config": schema(**{**OPEN, "properties": {"n": {"type": "integer", "minimum": 1}}})}, 400, "minimum"),
        ({"tools": [{"name": "t", "strict": True, "input_schema": {"type": "object"}}]}, 400, "tools.t"),
        ({"system": SYSTEM * 5}, 400, "cache_control"),
    ],
)
def test_bad_requests_are_refused(fake: FakeAnthropic, changes: dict[str, Any], status: int, told: str) -> None:
    """What the real API answers with an error gets that error here, and is not billed."""
    got, _, body = ask(fake, **changes)

    assert (got, body["type"]) == (status, "error")
    assert told in body["error"]["message"]
    assert fake.desk.bill()["charged"] == 0


def test_old_versions_still_know_temperature(fake: FakeAnthropic) -> None:
    """An explicit older version header brings the older rules back."""
    assert ask(fake, {**KEY, "anthropic-version": "2023-06-01"}, temperature=0.5)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/v1/messages", b"{", 400), ("/v1/messages", b"[]", 400), ("/v1/nothing", b"{}", 404), ("/v1/models", None, 404)],
)
def test_nonsense_is_refused(fake: FakeAnthropic, path: str, body: bytes | None, status: int) -> None:
    """What is no JSON object, or no path of the API."""
    assert call(fake.base_url, path, body)[0] == status


def test_huge_requests_are_refused(fake: FakeAnthropic) -> None:
    """A body that says it is over 32 MB is not even read."""
    line = http.client.HTTPConnection(urlparse(fake.base_url).netloc, timeout=10)
    line.putrequest("POST", "/v1/messages")
    line.putheader("content-length", str(33_000_000))
    line.endheaders()

    assert line.getresponse().status == 413
    line.close()


def test_the_bill_is_exact(fake: FakeAnthropic) -> None:
    """Over HTTP: one write at 1,000 tokens and one read, to the hundredth of a micro-dollar."""
    ask(fake)
    ask(fake)
    _, _, bill = call(fake.base_url, "/_bill")

    assert [row["cache_write_tokens"] for row in bill["rows"]] == [1000, 0]
    assert [row["cache_read_tokens"] for row in bill["rows"]] == [0, 1000]
    outputs = [row["output_tokens"] for row in bill["rows"]]
    assert bill["total_micro_usd"] == str(125 + 10 + round(0.1 * 2 + 0.5 * sum(outputs), 2)).rstrip("0").rstrip(".")
    assert (bill["requests"], bill["charged"]) == (2, 2)


@pytest.mark.parametrize(("fault", "charged"), [("reset", 1), ("refusal", 1), ("truncated", 1), ("529", 0), ("400", 0)])
def test_accepted_requests_are_charged(fake: FakeAnthropic, fault: str, charged: int) -> None:
    """A lost answer is billed; a refused request is not."""
    fake.script(fault)
    if fault == "reset":
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(fake)
    else:
        ask(fake)

    assert fake.desk.bill()["charged"] == charged


def test_the_script_comes_over_http(fake: FakeAnthropic) -> None:
    """Faults are given in order, one for each request; a reset forgets them, and the bill."""
    faults = {"faults": ["429:retry-after=2,should-retry=true", "ok", "529", "500"]}
    assert call(fake.base_url, "/_script", faults)[2] == {"waiting": 4}
    status, headers, body = ask(fake)

    assert (status, headers["retry-after"], headers["x-should-retry"]) == (429, "2", "true")
    assert body["error"]["type"] == "rate_limit_error"
    assert [ask(fake)[0], ask(fake)[0]] == [200, 529]
    call(fake.base_url, "/_reset", {})
    assert ask(fake)[0] == 200
    assert fake.desk.bill()["requests"] == 1


def test_cache_entries_die() -> None:
    """After five minutes without a read the prefix is written anew; an hour's entry lives longer."""
    now = [0.0]
    hour = [{**SYSTEM[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}, "text": "h" * 4000}]
    with FakeAnthropic(clock=lambda: now[0]) as fake:
        first, an_hour = ask(fake)[2]["usage"], ask(fake, system=hour)[2]["usage"]
        now[0] = 301.0
        late, still = ask(fake)[2]["usage"], ask(fake, system=hour)[2]["usage"]

    assert first["cache_creation_input_tokens"] == late["cache_creation_input_tokens"] == 1000
    assert an_hour["cache_creation"]["ephemeral_1h_input_tokens"] == still["cache_read_input_tokens"] == 1000


def test_keys_have_their_own_cache(fake: FakeAnthropic) -> None:
    """Another key does not read what this one wrote."""
    ask(fake)

    assert ask(fake, {**KEY, "authorization": "Bearer other"})[2]["usage"]["cache_read_input_tokens"] == 0


def test_streams_have_the_documented_events(fake: FakeAnthropic) -> None:
    """The split of cache writes stands in the first event only, the totals in the last."""
    fake.script("thinking")
    _, headers, text = ask(fake, stream=True)
    events = [json.loads(line[len("data: ") :]) for line in text.splitlines() if line.startswith("data: ")]
    kinds = [event["type"] for event in events]

    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert "cache_creation" in events[0]["message"]["usage"]
    assert "cache_creation" not in events[-2]["usage"]
    assert [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"] == [
        "thinking",
        "text",
    ]


def test_fixtures_are_found_by_what_fits(fake: FakeAnthropic, tmp_path: Path) -> None:
    """No agent's name is on the wire: the schema's keys and the data blocks choose the mock's own words."""
    (tmp_path / "a.yaml").write_text('variants: [{json: {n: "{{ data.post.views }}", title: seen}}]')
    (tmp_path / "b.yaml").write_text('variants: [{json: {n: "{{ data.post.views + data.brief.n }}", title: both}}]')
    for slug in ("one_plan", "two_plan"):
        text = f"variants: [{{text: 'Plan {slug} of {{{{ data.workflow.slug }}}}'}}]"
        (tmp_path / f"synthesis-{slug}.yaml").write_text(text)
    (tmp_path / "c.yaml").write_text("variants: [{text: 'Report on {{ data.post.views }}'}]")
    use_fixture_folders(tmp_path)
    wanted = schema(
        type="object",
        properties={"n": {"type": "integer"}, "title": {"type": "string"}},
        required=["n", "title"],
        additionalProperties=False,
    )
    try:
        answers = [
            said(fake, data_block("post", {"views": 7}), output_config=wanted),
            said(fake, data_block("post", {"views": 7}) + data_block("brief", {"n": 1}), output_config=wanted),
            said(fake, data_block("post", {"views": 7})),
            said(fake, data_block("post", {}), output_config=wanted),
            said(fake, "nothing"),
            said(fake, data_block("workflow", {"slug": "two_plan"})),
        ]
    finally:
        use_fixture_folders(FOLDER)

    assert [json.loads(answers[0]), json.loads(answers[1])] == [{"n": 7, "title": "seen"}, {"n": 8, "title": "both"}]
    assert answers[2] == "Report on 7"
    assert json.loads(answers[3])["n"] == 0
    assert "fake model" in answers[4]
    assert answers[5] == "Plan two_plan of two_plan"


def said(fake: FakeAnthropic, question: str, **changes: Any) -> str:
    """The text of the answer."""
    body = ask(fake, messages=[{"role": "user", "content": question}], **changes)[2]
    return str(body["content"][0]["text"])


def test_a_burst_is_answered(fake: FakeAnthropic) -> None:
    """Fifty connections at the same moment are all taken."""
    start = threading.Barrier(50)

    def one(_number: int) -> int:
        start.wait(10)
        return ask(fake)[0]

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(one, range(50))) == {200}


def test_it_runs_as_a_command() -> None:
    """`python -m local.fakes.anthropic` says where it listens, and serves there."""
    command = [sys.executable, "-m", "local.fakes.anthropic", "--port", "0"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            assert call(address, "/_bill")[2]["requests"] == 0
        finally:
            process.terminate()
