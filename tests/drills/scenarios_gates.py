"""F15, F16 and what happens to effects: decisions that race, waits of a month, vendors that do not answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.drill.people import People
from local.drill.trial import Trial
from local.drill.until import until
from local.drill.world import Layout
from tests.drills.shapes import gated, waiting

AT_ONCE = 20  # decisions about one gate
GATES = 10  # of one run
EXPIRES_S = 2
SHORT_EFFECTS = Layout({"EFFECT_TIMEOUT_S": "1"})


def race_decisions(trial: Trial) -> None:
    """F15. Twenty decisions about one gate at once: approve and reject mixed, on a stale digest, against a cancel, and
    against the end of its time."""
    rounds = trial.pick(50, 1000)
    outcomes: Counter[str] = Counter()
    with People(trial.world.stack.settings, trial.workspace) as people, ThreadPoolExecutor(AT_ONCE) as pool:
        done = 0
        while done < rounds:
            for race in (_mixed, _stale, _against_cancel, _against_expiry):
                done += race(trial, people, pool, outcomes)
            trial.pace.tell(f"{done} of {rounds} gates raced")
    trial.wait_for_ends()
    trial.fired = done
    trial.may_fail = True  # some are cancelled
    trial.injected = f"gates with {AT_ONCE} decisions at once: mixed, stale, against a cancel and against expiry"
    told = ", ".join(f"{number} {name}" for name, number in sorted(outcomes.items()))
    trial.notes.append(f"of the decisions: {told}")


def _at_gates(trial: Trial, people: People, gates: int, **options: Any) -> list[Any]:
    """A new run that stands at so many open gates, each with an effect to release."""
    (run_id,) = trial.start(trial.store(gated(gates, 1, **options)))

    def all_open() -> list[Any] | None:
        found = [gate for gate in people.open_gates() if str(gate.run_id) == run_id]
        return found if len(found) == gates else None

    found: list[Any] = until(all_open, what=f"{gates} open gates")
    return found


def _at_once(pool: ThreadPoolExecutor, acts: Sequence[Callable[[], str]]) -> list[str]:
    return [asked.result() for asked in [pool.submit(act) for act in acts]]


def _deciders(trial: Trial, people: People, gate: Any, many: int, digest: str) -> list[Callable[[], str]]:
    def act(number: int, decision: Any) -> Callable[[], str]:
        return lambda: people.decide(gate, decision, f"person-{number}", digest=digest)

    return [act(number, trial.chance.choice(("approve", "reject"))) for number in range(many)]


def _mixed(trial: Trial, people: People, pool: ThreadPoolExecutor, outcomes: Counter[str]) -> int:
    gates = _at_gates(trial, people, GATES)
    for gate in gates:
        ends = _at_once(pool, _deciders(trial, people, gate, AT_ONCE, gate.digest))
        outcomes.update(ends)
        trial.expect(ends.count("decided") == 1, f"{gate.title}: decided {ends.count('decided')} times")
    return len(gates)


def _stale(trial: Trial, people: People, pool: ThreadPoolExecutor, outcomes: Counter[str]) -> int:
    """The proposal was changed: who decides on the older digest is refused, whatever comes first."""
    gates = _at_gates(trial, people, GATES)
    for gate in gates:
        (effect,) = gate.proposal["effects"]
        digest = people.revise(gate, {effect["id"]: {"text": "another wording"}})
        stale = _deciders(trial, people, gate, AT_ONCE // 2, gate.digest)
        fresh = _deciders(trial, people, gate, AT_ONCE // 2, digest)
        ends = _at_once(pool, [act for pair in zip(stale, fresh, strict=True) for act in pair])
        outcomes.update(ends)
        trial.expect("decided" not in ends[::2], f"{gate.title}: a stale digest was decided on")
        trial.expect(ends[1::2].count("decided") == 1, f"{gate.title}: decided {ends.count('decided')} times")
    return len(gates)


def _against_cancel(trial: Trial, people: People, pool: ThreadPoolExecutor, outcomes: Counter[str]) -> int:
    """After the cancel nothing is decided; a decision that came first may have ended the run before the cancel came."""
    (gate,) = _at_gates(trial, people, 1)
    acts = _deciders(trial, people, gate, AT_ONCE - 1, gate.digest)
    acts.insert(trial.chance.randrange(len(acts)), lambda: people.cancel(gate.run_id))
    ends = _at_once(pool, acts)
    outcomes.update(ends)
    is_ended = "cancelled" in ends or "decided" in ends
    trial.expect(is_ended, f"{gate.title}: neither decided nor cancelled: {Counter(ends)}")
    trial.expect(ends.count("decided") <= 1, f"{gate.title}: decided {ends.count('decided')} times")
    return 1


def _against_expiry(trial: Trial, people: People, pool: ThreadPoolExecutor, outcomes: Counter[str]) -> int:
    """All gates of a run end their time together, while people decide."""
    gates = _at_gates(trial, people, GATES, expires_in_s=EXPIRES_S, on_expiry="reject")
    pending = {gate.id: gate for gate in gates}

    def race() -> bool:
        for gate in list(pending.values()):
            if trial.chance.random() < 0.1:
                ends = _at_once(pool, _deciders(trial, people, gate, 3, gate.digest))
                outcomes.update(ends)
                trial.expect(ends.count("decided") <= 1, f"{gate.title}: decided {ends.count('decided')} times")
        trial.world.sweep()
        still = {gate.id for gate in people.open_gates()}
        for gate_id in set(pending) - still:
            del pending[gate_id]
        return not pending

    until(race, seconds=60, what="the end of every gate's time")
    return len(gates)


def do_effects(trial: Trial) -> None:
    """I10. Executors die before and after the deed, and vendors act without an answer: each effect happens once."""
    runs, effects = trial.pick(1, 60), trial.pick(4, 5)
    slug = trial.store(gated(2, effects))
    shares = {"killed_before": 0.1, "killed_after": 0.25, "unsure": 0.25, "hung": 0.1}
    trial.plan(act_troubles=shares)
    with People(trial.world.stack.settings, trial.workspace) as people:
        for number in range(runs):
            trial.start(slug)
            _approve_until(trial, people, lambda now: now.open_runs < 4, f"room for run {number + 2}")
        _approve_until(trial, people, lambda now: now.open_runs == 0, "the end of every run")
    troubles = Counter(trial.world.faults.notes("act_troubles"))
    trial.fired = troubles.total()
    trial.injected = ", ".join(f"{troubles[name]} {name.replace('_', ' ')}" for name in shares)
    ends = Counter(effect.status for effect in trial.world.look("effects", workspace_id=trial.workspace))
    trial.notes.append(f"effects: {dict(ends)}")
    least = trial.pick(0, 1)  # eight effects need not draw each trouble
    trial.expect(min(troubles[name] for name in shares) >= least, f"not every trouble happened: {dict(troubles)}")
    trial.expect(ends == {"done": runs * 2 * effects}, f"effects ended {dict(ends)}")


def _approve_until(trial: Trial, people: People, true: Callable[[Any], bool], what: str) -> None:
    def approved(now: Any) -> bool:
        for gate in people.open_gates():
            people.approve(gate)
        return true(now)

    trial.wait_for(approved, seconds=240, what=what)


def wait_a_month(trial: Trial) -> None:
    """F16. Steps wait thirty days: half get a signal, half the end of their time. Doors and definition change."""
    runs = trial.pick(6, 200)
    trial.world.vendor.reset(pace_s=0.0)
    slug = trial.store(waiting(1))
    run_ids = trial.start(slug, runs)
    trial.wait_for(lambda now: now.waiting == runs, seconds=120, what=f"{runs} waiting steps")
    before = trial.standing()
    until(lambda: trial.world.tasks_waiting() == 0, seconds=30, what="an empty queue: the rows know when a wait ends")
    trial.store(waiting(2))
    trial.world.end_doors()
    until(trial.world.workers, what="the new doors")
    for _ in range(5):
        trial.world.sweep()
    after = trial.standing()
    trial.expect((after.attempts, after.at_work) == (before.attempts, 0), f"waiting cost compute: {before}, {after}")
    with People(trial.world.stack.settings, trial.workspace) as people:
        for run_id in run_ids[: runs // 2]:
            people.send(f"drill:{run_id}", {"answer": 42})
    trial.wait_for(lambda now: now.open_runs == runs - runs // 2, seconds=120, what="the runs that were answered")
    trial.world.look("let_a_month_pass", workspace_id=trial.workspace)
    trial.wait_for_ends()
    trial.fired, trial.injected = runs, "waits of thirty days; the month passes by moving the rows back in time"
    _check_resumed(trial, run_ids)


def _check_resumed(trial: Trial, run_ids: list[str]) -> None:
    found = {str(run.id): run for run in trial.world.look("definitions", workspace_id=trial.workspace)}
    versions = Counter(found[run_id].version for run_id in run_ids)
    trial.expect(versions == {1: len(run_ids)}, f"runs ended on versions {dict(versions)}")
    said = {str(row.run_id): row.received for row in trial.world.look("received", workspace_id=trial.workspace)}
    wanted = {run_id: "42" if at < len(run_ids) // 2 else "nothing" for at, run_id in enumerate(run_ids)}
    trial.expect(said == wanted, f"steps received {Counter(said.values())}")
