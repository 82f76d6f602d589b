"""The audit and the mirror as they are, behind the faults of the plan: deaths before the note, delays, aborts."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3

from local.beside import audit_file
from local.drill.faults import Faults, share
from shared.audit.topic import AuditTopic
from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.mirror.mirror import Mirror

DRAIN_DEATH = "a drain's death"


class DrillAudit(AuditTopic):
    """The real topic. Notes what it has acknowledged, and dies then, before anybody can note that."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        super().__init__(settings)
        self._faults = faults

    def publish(self, events: Sequence[JsonObject]) -> list[str]:
        found = super().publish(events)
        for event in events:
            self._faults.note("published", event["event_id"])
        each = self._faults.plan().drain_death_each
        number = len(self._faults.notes("published")) // each if each else 0
        if number and self._faults.is_first(f"{DRAIN_DEATH} {number}"):
            self._faults.note("deaths", DRAIN_DEATH)
            os.kill(os.getpid(), signal.SIGKILL)
        return found


class DrillMirror(Mirror):
    """The real mirror, over a network that delays commits, and aborts some before and some after they took effect."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        super().__init__(settings)
        self._faults = faults
        self._number = 0

    def _call(self, method: str, request: Mapping[str, Any], timeout_s: float) -> Any:
        if method != "commit":
            return super()._call(method, request, timeout_s)
        plan = self._faults.plan()
        self._number += 1
        drawn = share(plan.seed, "mirror", os.getpid(), self._number)
        time.sleep(plan.mirror_delay_s * share(plan.seed, "delay", os.getpid(), self._number) ** 4)
        is_first = self._number == 1 and plan.mirror_aborted_share > 0  # so that the fault fires in a short run as well
        if drawn < plan.mirror_aborted_share / 2 or is_first:
            self._abort("before")
        answer = super()._call(method, request, timeout_s)
        now_ms = round(time.monotonic() * 1000)  # one clock for every process of this machine
        for write in request["writes"]:
            path, version = write["update"]["name"], write["update"]["fields"]["version"]["integer_value"]
            self._faults.note("mirrored", f"{now_ms} {version} {path[len(self._name('')) :]}")
        if drawn < plan.mirror_aborted_share:
            self._abort("after")
        return answer

    def _abort(self, when: str) -> None:
        from google.api_core.exceptions import Aborted

        self._faults.note("aborted", when)
        raise Aborted(f"{when} the commit (drill)")


def stored_events(folder: Path, workspace: str) -> list[JsonObject]:
    """Every delivery of a workspace's events that this machine's sink has stored."""
    file = audit_file(folder)
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [row for row in rows if row["workspace_id"] == workspace]


def mirrored(settings: Settings, path: str) -> JsonObject:
    """The fields of a document, past the rules; empty where there is none. Firestore writes numbers as text."""
    database = f"projects/{settings.mirror_project}/databases/{settings.firestore_database}"
    url = f"http://{settings.firestore_emulator_host}/v1/{database}/documents/{path}"
    answer = urllib3.request("GET", url, headers={"Authorization": "Bearer owner"}, retries=False, timeout=10)
    fields = json.loads(answer.data).get("fields", {})
    return {name: next(iter(value.values())) for name, value in fields.items()}
