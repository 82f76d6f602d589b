"""The mirror against the Firestore emulator: versions only grow, and rules let each workspace read its own."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from local.emulators import RULES
from local.processes import free_port
from shared.errors import ProviderDownError, ProviderRefusedError
from shared.mirror.documents import Document
from shared.mirror.mirror import Mirror
from tests.support.emulators import emulator_settings

RUN = "workspaces/ws-a/runs/r1"


@pytest.fixture
def mirror(firestore_host: str) -> Iterator[Mirror]:
    made = Mirror(emulator_settings(firestore_emulator_host=firestore_host), patience_s=60)
    yield made
    made.close()


def state(version: int, path: str = RUN, **fields: Any) -> Document:
    return Document(path, version, {"status": "running", "seen": version, **fields})


def over_http(mirror: Mirror, method: str, path: str, claims: dict[str, Any] | None = None, **more: Any) -> Any:
    """A request as a browser would make it: with the claims of a user's token, or none."""
    headers = {} if claims is None else {"Authorization": f"Bearer {unsigned(claims)}"}
    host = mirror._settings.firestore_emulator_host
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        return http.request(method, f"http://{host}/v1/{mirror.root}/documents/{path}", headers=headers, **more)


def unsigned(claims: dict[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)
    ]
    return f"{parts[0]}.{parts[1]}."


def fields_of(mirror: Mirror, path: str = RUN) -> dict[str, Any]:
    found = json.loads(over_http(mirror, "GET", path, {"sub": "ada", "workspace_id": "ws-a"}).data)
    fields: dict[str, Any] = found["fields"]
    return fields


def test_the_newer_one_stands(mirror: Mirror) -> None:
    """A late or repeated write changes nothing; a newer one replaces the whole document."""
    written = [mirror.write([state(2, old="x")]), mirror.write([state(1)]), mirror.write([state(2)])]
    newest = mirror.write([state(3)])

    assert (written, newest) == ([1, 0, 0], 1)
    assert fields_of(mirror)["seen"] == {"integerValue": "3"} and "old" not in fields_of(mirror)


def test_writers_in_any_order_agree(mirror: Mirror) -> None:
    """Eight writers with shuffled versions: the newest is there in the end, and no reader ever saw one go back."""
    versions = list(range(1, 41))
    random.Random(5).shuffle(versions)
    mirror.write([state(0)])
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(int(fields_of(mirror)["version"]["integerValue"]))

    def write(own: list[int]) -> None:
        for version in own:
            mirror.write([state(version), state(version, f"{RUN}/steps/a")])

    reader = threading.Thread(target=look)
    writers = [threading.Thread(target=write, args=(versions[start::8],)) for start in range(8)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    assert fields_of(mirror)["version"] == {"integerValue": "40"}
    assert fields_of(mirror, f"{RUN}/steps/a")["version"] == {"integerValue": "40"}
    assert seen == sorted(seen) and seen


def test_every_kind_of_value_arrives(mirror: Mirror) -> None:
    """Text of any script, numbers, lists, objects and nothing: as they were given."""
    mirror.write([state(1, text="שלום \x00 ok", n=1.5, yes=True, none=None, many=["a", 2], inner={"a b": [None]})])

    found = fields_of(mirror)

    assert found["text"] == {"stringValue": "שלום \x00 ok"} and found["none"] == {"nullValue": None}
    assert (found["n"], found["yes"]) == ({"doubleValue": 1.5}, {"booleanValue": True})
    assert found["many"]["arrayValue"]["values"] == [{"stringValue": "a"}, {"integerValue": "2"}]
    assert "a b" in found["inner"]["mapValue"]["fields"]


def test_many_documents_are_written(mirror: Mirror) -> None:
    """More documents than one commit takes."""
    assert mirror.write([state(1, f"{RUN}/steps/s{n}") for n in range(1001)]) == 1001


@pytest.mark.parametrize(
    ("claims", "path", "status"),
    [
        ({"sub": "ada", "workspace_id": "ws-a"}, RUN, 200),
        ({"sub": "ada", "workspace_id": "ws-a"}, f"{RUN}/steps/a", 200),
        ({"sub": "ada", "workspace_id": "ws-a"}, "workspaces/ws-a/runs/none", 404),
        ({"sub": "ada", "workspace_id": "ws-a"}, "workspaces/ws-b/runs/r1", 403),
        ({"sub": "eve", "workspace_id": "ws-b"}, RUN, 403),
        ({"sub": "eve", "workspace_id": "ws-b"}, f"{RUN}/steps/a", 403),
        ({"sub": "eve"}, RUN, 403),
        (None, RUN, 403),
        ({"sub": "ada", "workspace_id": "ws-a"}, "elsewhere/x", 403),
    ],
)
def test_a_workspace_reads_its_own(mirror: Mirror, claims: dict[str, Any] | None, path: str, status: int) -> None:
    """The claim of the token must be the workspace of the path; what is not there yet may be asked for."""
    mirror.write([state(1), state(1, f"{RUN}/steps/a"), state(1, "workspaces/ws-b/runs/r1")])

    assert over_http(mirror, "GET", path, claims).status == status


def test_clients_write_nothing(mirror: Mirror) -> None:
    """Not even their own workspace's documents: the server alone writes."""
    mirror.write([state(1)])
    own = {"sub": "ada", "workspace_id": "ws-a"}
    change = json.dumps({"fields": {"status": {"stringValue": "succeeded"}}})

    statuses = [
        over_http(mirror, "PATCH", RUN, own, body=change).status,
        over_http(mirror, "DELETE", RUN, own).status,
        over_http(mirror, "PATCH", "workspaces/ws-a/runs/new", own, body=change).status,
    ]

    assert statuses == [403] * 3


def test_the_rules_compile(mirror: Mirror) -> None:
    """A rules file with a mistake would be found only when every read is refused; the emulator's compiler says it."""
    content = RULES.read_text(encoding="utf-8")
    body = json.dumps({"rules": {"files": [{"name": "firestore.rules", "content": content}]}})
    url = f"http://{mirror._settings.firestore_emulator_host}/emulator/v1/projects/{mirror._settings.mirror_project}"

    with urllib3.PoolManager(retries=False, timeout=10) as http:
        assert http.request("PUT", f"{url}:securityRules", body=body).status == 200


def test_a_mirror_that_is_away_is_waited_for_and_no_longer() -> None:
    """Nothing listens there: a transient error, after the patience that was asked for."""
    away = Mirror(emulator_settings(firestore_emulator_host=f"127.0.0.1:{free_port()}"), patience_s=0.3)

    with pytest.raises(ProviderDownError, match="UNAVAILABLE|DEADLINE_EXCEEDED"):
        away.write([state(1)])
    away.close()


def test_a_document_that_is_too_large_is_refused(mirror: Mirror) -> None:
    """Trying again cannot help: said at once."""
    with pytest.raises(ProviderRefusedError, match="INVALID_ARGUMENT"):
        mirror.write([state(1, text="x" * 1_100_000)])
