"""What a stack may run beside its doors to be told of: the audit and the mirror, on emulators of this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.audit_sink import EVENTS, READY
from local.emulators import FIRESTORE, PUBSUB, Emulator
from shared.config import Settings

EMULATORS: Mapping[str, Emulator] = {"audit": PUBSUB, "mirror": FIRESTORE}
HOSTS = {"audit": "PUBSUB_EMULATOR_HOST", "mirror": "FIRESTORE_EMULATOR_HOST"}


def startable(names: Sequence[str], told: Callable[[str], None]) -> tuple[str, ...]:
    """Those of the names that can be started here. Of each other one it is told that it is off, and why."""
    found = []
    for name in names:
        missing = EMULATORS[name].missing()
        if missing is None:
            found.append(name)
        else:
            told(f"the {name} is off: {missing}")
    return tuple(found)


def host_settings(ports: Mapping[str, int]) -> dict[str, str]:
    """The settings that lead to the emulators."""
    return {HOSTS[name]: f"127.0.0.1:{port}" for name, port in ports.items()}


def sink_argv(folder: Path) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "local.audit_sink", "--folder", str(audit_folder(folder))]


def is_sink_ready(folder: Path) -> bool:
    return (audit_folder(folder) / READY).exists()


def lines_about(settings: Settings, folder: Path) -> list[str]:
    """Whether the audit and the mirror are on, and where."""
    audit = f"the audit is on: topic {settings.audit_topic} at {settings.pubsub_emulator_host or 'Pub/Sub'}"
    mirror = f"the mirror is on: Firestore at {settings.firestore_emulator_host or settings.mirror_project}"
    kept = f", kept in {audit_file(folder)}" if settings.pubsub_emulator_host else ""
    return [
        audit + kept if settings.is_audit_on else "the audit is off (--audit)",
        mirror if settings.is_mirror_on else "the mirror is off (--mirror); pages follow a run by its stream",
    ]


def audit_folder(folder: Path) -> Path:
    """Where a stack in this folder keeps its audit."""
    return folder / "audit"


def audit_file(folder: Path) -> Path:
    return audit_folder(folder) / EVENTS
