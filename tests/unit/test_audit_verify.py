"""An export of the audit by itself: repeats and order do no harm; anything else is found."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from cli.audit import audit
from shared.audit.event import OutboxEvent, chained
from shared.audit.verify import Break, first_break
from shared.core.canonical import JsonObject

RUN, OTHER, OWN = UUID(int=1), UUID(int=2), UUID(int=3)
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def stored(count: int = 6, run: UUID = RUN) -> list[JsonObject]:
    """A run's events as the table holds them."""
    events = [
        OutboxEvent(OWN, run, seq, "agent_run.started", AT, json.dumps({"n": seq})) for seq in range(1, count + 1)
    ]
    return [
        {**event, "message_id": str(event["seq"]), "publish_time": AT.isoformat()} for event in chained(events, None)
    ]


def test_repeats_in_any_order_are_whole() -> None:
    """Delivery is at least once, and a table has no order."""
    rows = [*stored(), *({**row, "message_id": "again"} for row in stored())]
    random.Random(3).shuffle(rows)

    assert first_break(rows) is None
    assert first_break([]) is None


def changed(rows: list[JsonObject], seq: int, **fields: Any) -> list[JsonObject]:
    return [{**row, **fields} if row["seq"] == seq else row for row in rows]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (changed(stored(), 3, payload="{}"), Break(3, "was changed after it was published")),
        (changed(stored(), 1, actor="eve"), Break(1, "was changed after it was published")),
        ([row for row in stored() if row["seq"] != 4], Break(4, "is missing")),
        (stored()[2:], Break(1, "is missing")),
        ([*stored(), {**stored()[1], "payload": "{}"}], Break(2, "two deliveries of it differ")),
        (
            [*stored()[:3], *chained([OutboxEvent(OWN, RUN, 4, "x", AT, "{}")], "f" * 64)],
            Break(4, "does not carry the hash of the event before it"),
        ),
    ],
)
def test_the_first_break_is_named(rows: list[JsonObject], found: Break) -> None:
    """Changed, missing, forged or told in two ways."""
    assert first_break(rows) == found


def verified(file: Path, *more: str) -> Any:
    return CliRunner().invoke(audit, ["verify", "--file", str(file), *more])


def written(file: Path, rows: list[JsonObject]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_an_export_is_verified(tmp_path: Path) -> None:
    """Every chain of the file, each in a line; all intact ends with 0."""
    found = verified(written(tmp_path / "events.jsonl", [*stored(), *stored(3, OTHER)]))

    assert found.exit_code == 0
    assert found.output.splitlines() == [f"intact: {RUN}, 6 events", f"intact: {OTHER}, 3 events"]


def test_a_broken_export_ends_with_1(tmp_path: Path) -> None:
    """The broken chain is named with its event; a run that is asked for alone is judged alone."""
    file = written(tmp_path / "events.jsonl", [*changed(stored(), 2, kind="x"), *stored(3, OTHER)])

    whole, alone = verified(file), verified(file, str(OTHER), "--json")

    assert whole.exit_code == 1
    assert f"BROKEN: {RUN}, event 2 was changed after it was published" in whole.output
    assert alone.exit_code == 0
    assert [chain["verdict"] for chain in json.loads(alone.output)["chains"]] == ["intact"]


@pytest.mark.parametrize(
    "text", ["no json", "[]", "{}", '{"subject_id": "a", "seq": "1", "hash": "", "prev_hash": ""}']
)
def test_what_is_no_export_is_said(tmp_path: Path, text: str) -> None:
    """The line that is no event is named."""
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(stored()[0]) + "\n" + text + "\n")

    found = verified(file)

    assert found.exit_code == 1 and "line 2 is no event of the audit" in found.output


def test_an_empty_export_is_nothing(tmp_path: Path) -> None:
    """No chain is no proof, and no break."""
    found = verified(written(tmp_path / "events.jsonl", []))

    assert (found.exit_code, found.output) == (0, "there is nothing to verify\n")
