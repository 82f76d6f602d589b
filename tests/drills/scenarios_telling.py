"""F11 and F12: drains that die and meet, and a mirror that is slow, shuffled and aborts."""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

from local.drill.telling import DRAIN_DEATH, mirrored, stored_events
from local.drill.trial import Trial
from local.drill.until import until
from local.drill.world import Layout
from shared.core.canonical import JsonObject
from tests.drills.shapes import fan, lanes

TELLING = Layout({"RELAY_WINDOW_S": "1", "RELAY_LEASE_S": "2", "RELAY_BATCH": "10"}, beside=("audit", "mirror"))
EVENTS_OF_FAN = 30  # at least, of a run of fan(5, 0)
QUIET_S = 5.0


def crash_drains(trial: Trial) -> None:
    """F11. A drain dies after each fifty events that the topic took; tasks come in copies, so that drains meet."""
    if _is_off(trial):
        return
    wanted, each = trial.pick(120, 1000), trial.pick(25, 50)
    trial.plan(drain_death_each=each, most_copies=3)
    trial.start(trial.store(fan(5, 0)), -(-wanted // EVENTS_OF_FAN))
    trial.wait_for_ends(seconds=240)
    _wait_until_told(trial, seconds=240)
    trial.plan()
    trial.fired = trial.world.faults.notes("deaths").count(DRAIN_DEATH)
    trial.injected = f"SIGKILL between the topic's answer and its note, each {each} events; tasks in up to 3 copies"
    written = [row.event_id for row in trial.world.look("event_ids", workspace_id=trial.workspace)]
    rows = _all_stored(trial, written)
    repeats = len(rows) - len(written)
    trial.notes.append(f"{len(written)} events, {len(rows)} deliveries, of which {repeats} are repeats")
    trial.expect(len(written) >= wanted, f"only {len(written)} events")
    trial.expect(trial.fired >= wanted // each // 2, f"only {trial.fired} deaths")
    trial.expect(repeats > 0, "nothing was sent twice: no death fell between answer and note")
    _expect_one_chain(trial, rows)
    _expect_versions_grow(trial)
    _expect_final_states(trial)


def shake_the_mirror(trial: Trial) -> None:
    """F12. One run with fifty updates a second, while commits are delayed, shuffled, and three in ten aborted."""
    if _is_off(trial):
        return
    delay_s, aborted_share = trial.pick(3, 30), 0.6 if trial.is_short else 0.3  # a short run commits a few times only
    trial.world.vendor.reset(pace_s=trial.pick(3, 25) / 100)
    trial.plan(mirror_aborted_share=aborted_share, mirror_delay_s=float(delay_s))
    (run_id,) = trial.start(trial.store(lanes(4, trial.pick(50, 300))))
    began = time.monotonic()
    now = trial.wait_for_ends(seconds=400)
    ran_s = time.monotonic() - began
    trial.plan()
    _wait_until_told(trial, seconds=120)
    faults = trial.world.faults
    trial.fired = len(faults.notes("aborted"))
    trial.injected = f"commits delayed by up to {delay_s} s; {trial.fired} aborted, half of them after they took effect"
    moments = [at_ms for at_ms, _, path in _mirrored(trial) if path.endswith(run_id)]
    events = trial.world.look("event_ids", workspace_id=trial.workspace)
    spent_s = max(1.0, (moments[-1] - moments[0]) / 1000) if moments else 1.0
    closest = min((later - earlier for earlier, later in pairwise(moments)), default=0)
    told = f"{len(moments)} writes of the run's document in {spent_s:.0f} s, the closest {closest} ms apart"
    trial.notes.append(f"{len(events)} updates of one run, {len(events) / ran_s:.0f} a second; {told}")
    trial.expect(now.steps_done > 0 and len(moments) >= 2, f"hardly anything was written: {told}")
    trial.expect(len(moments) <= spent_s * 1.1 + 2, f"more than about one write a second: {told}")
    _expect_versions_grow(trial)
    _expect_final_states(trial)


def _is_off(trial: Trial) -> bool:
    settings = trial.world.stack.settings
    if settings.is_audit_on and settings.is_mirror_on:
        return False
    trial.left_out = "the emulators of Pub/Sub and Firestore need java and the gcloud SDK"
    return True


def _wait_until_told(trial: Trial, *, seconds: float) -> None:
    def is_told() -> bool:
        (now,) = trial.world.look("untold", workspace_id=trial.workspace)
        trial.pace.tell(f"{now.untold} events are not told yet")
        return int(now.untold) == 0

    until(is_told, seconds=seconds, what="the telling of every event")


def _all_stored(trial: Trial, written: list[str]) -> list[JsonObject]:
    """Every delivery, once the sink has stored each event at least once."""

    def stored() -> list[JsonObject] | None:
        rows = stored_events(trial.world.stack.folder, str(trial.workspace))
        return rows if {row["event_id"] for row in rows} >= set(written) else None

    rows: list[JsonObject] = until(stored, seconds=60, what="every event in the sink")
    trial.expect({row["event_id"] for row in rows} == set(written), "the sink holds events that nobody wrote")
    return rows


def _expect_one_chain(trial: Trial, rows: list[JsonObject]) -> None:
    """I7, I8: without its repeats the audit is the outbox, and each event carries the hash of the one before it."""
    hashes: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        hashes[row["event_id"]].add(row["hash"])
    trial.expect(all(len(found) == 1 for found in hashes.values()), "i7: a repeat differs from its event")
    view = {(row["subject_id"], row["seq"]): row for row in rows}
    broken = [
        key
        for key, row in view.items()
        if key[1] > 1 and row["prev_hash"] != view.get((key[0], key[1] - 1), {}).get("hash")
    ]
    trial.expect(not broken, f"i8: {len(broken)} links are broken, the first at {broken[:1]}")


def _mirrored(trial: Trial) -> list[tuple[int, int, str]]:
    """Every write that took effect, in order: when (ms), its version, its document."""
    lines = [line.split(" ", 2) for line in trial.world.faults.notes("mirrored")]
    return sorted((int(at_ms), int(version), path) for at_ms, version, path in lines)


def _expect_versions_grow(trial: Trial) -> None:
    """I6: no document ever went back."""
    versions: dict[str, list[int]] = defaultdict(list)
    for _, version, path in _mirrored(trial):
        versions[path].append(version)
    back = [path for path, found in versions.items() if found != sorted(set(found))]
    trial.expect(bool(versions), "nothing was mirrored")
    trial.expect(not back, f"i6: {len(back)} documents went back, such as {back[:1]}")


def _expect_final_states(trial: Trial) -> None:
    """I6: within a few seconds of quiet, every document is what Postgres says."""
    until(lambda: not _differing(trial), seconds=QUIET_S * 2, what=f"a mirror without differences: {_differing(trial)}")


def _differing(trial: Trial) -> list[Any]:
    settings, found = trial.world.stack.settings, []
    for row in trial.world.look("states", workspace_id=trial.workspace):
        seen = mirrored(settings, f"workspaces/{trial.workspace}/{row.path}")
        wanted = {"status": row.status, **({"version": str(row.version)} if row.version is not None else {})}
        if {name: seen.get(name) for name in wanted} != wanted:
            found.append((row.path, wanted, seen.get("status"), seen.get("version")))
    return found[:3]
