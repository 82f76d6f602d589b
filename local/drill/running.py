"""Runs scenarios one after the other, checks the invariants after each, and draws the table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from local.drill.invariants import Books, broken_rules, compared_books
from local.drill.trial import Trial
from local.drill.until import DrillError, Told
from local.drill.world import Layout, World

NOT_CHECKED = "I6 mirror, I7 audit and I8 its chain are checked in F11 and F12 alone, where they are on"


@dataclass(frozen=True)
class Scenario:
    """A drill. `layout`: the stack that it needs; `scale`: its figures, and what is smaller than it should be.

    `missing`: why it cannot run; then it is told, and not run.
    """

    name: str
    title: str
    run: Callable[[Trial], None] | None
    scale: str = "full"
    layout: Layout = field(default_factory=Layout)
    missing: str = ""


@dataclass
class Result:
    """A line of the table. No problem: everything held."""

    scenario: Scenario
    injected: str = ""
    fired: int = 0
    runs: int = 0
    attempts: int = 0
    books: Books = field(default_factory=Books)
    seconds: float = 0.0
    left_out: str = ""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.left_out:
            return "left out"
        return "BROKEN" if self.problems else "held"


class Runner:
    """Keeps one world from scenario to scenario, as long as they want the same settings and nothing broke in it."""

    def __init__(self, seed: int, app: str, *, is_short: bool, told: Told, keep: bool = False) -> None:
        """`app`: what gunicorn serves; `keep`: leaves the logs of a world in which something broke."""
        self._app = app
        self.seed, self.is_short, self.told, self.keep = seed, is_short, told, keep
        self._world: World | None = None
        self._made_for = Layout()

    def run(self, scenario: Scenario) -> Result:
        result = Result(scenario, left_out=scenario.missing)
        if scenario.run is None:
            return result
        self.told(f"{scenario.name}: {scenario.title}")
        world = self._world_for(scenario)
        chance = random.Random(f"{self.seed} {scenario.name}")
        trial = Trial(world, chance, self.seed, self.is_short, lambda line: self.told(f"  {scenario.name}: {line}"))
        world.faults.forget()
        world.vendor.reset(pace_s=0.0)
        began = time.monotonic()
        try:
            scenario.run(trial)
            result.left_out = trial.left_out
            if not trial.left_out:
                self._check(trial, result)
        except DrillError as failed:
            result.problems.append(str(failed))
        result.seconds = time.monotonic() - began
        result.injected, result.fired, result.notes = trial.injected, trial.fired, trial.notes
        result.problems += trial.problems
        if result.problems:
            self.close(keep=self.keep)
        return result

    def _check(self, trial: Trial, result: Result) -> None:
        now = trial.standing()
        result.runs, result.attempts = now.runs, now.attempts
        result.problems += broken_rules(trial.world, trial.workspace)
        result.books = compared_books(trial.world, trial.workspace)
        result.problems += result.books.problems
        if trial.fired < 1:
            result.problems.append("the fault never fired")
        if now.succeeded < 1 or now.steps_done < 1:
            result.problems.append("green for nothing: no run succeeded")
        if now.succeeded != now.runs and not trial.may_fail:
            result.problems.append(f"only {now.succeeded} of {now.runs} runs succeeded")
        clocks = sorted(set(trial.world.faults.notes("clocks")))
        if clocks:
            result.problems.append(f"an executor's clock went into the database: {clocks}")

    def _world_for(self, scenario: Scenario) -> World:
        if self._world is None or self._made_for != scenario.layout:
            self.close()
            self._world = World(self.told, app=self._app, layout=scenario.layout)
            self._made_for = scenario.layout
            self._world.start()
        return self._world

    def close(self, *, keep: bool = False) -> None:
        if self._world is not None:
            world, self._world = self._world, None
            world.stop(keep=keep)


HEAD = (
    "drill",
    "injected",
    "fired",
    "runs",
    "attempts",
    "paid",
    "in doubt",
    "wasted",
    "billed µ$",
    "journal µ$",
    "s",
    "verdict",
)


def table(results: Iterable[Result]) -> str:
    """The results as a Markdown table, a note on the scale and every problem below it."""
    results = list(results)
    rows = [HEAD, tuple("---" for _ in HEAD), *[_row(result) for result in results]]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([*lines, "", *[line for result in results for line in _remarks(result)], NOT_CHECKED])


def _remarks(result: Result) -> list[str]:
    if result.left_out:
        return [f"{result.scenario.name}: left out: {result.left_out}"]
    books = result.books
    found = [f"scale: {result.scenario.scale}", *result.notes]
    if books.in_doubt:
        told = f"{books.in_doubt} calls in doubt: {books.unbilled_doubts} not billed, {len(books.doubted)} billed"
        found.append(f"{told} (paid twice: {books.doubted_micro:.2f} micro-dollars)")
    return [f"{result.scenario.name}: {line}" for line in [*found, *[f"BROKEN: {one}" for one in result.problems]]]


def _row(result: Result) -> tuple[str, ...]:
    books = result.books
    numbers = (result.fired, result.runs, result.attempts, books.paid, books.in_doubt, books.wasted)
    money = (f"{books.billed_micro:.2f}", f"{books.journal_micro:.2f}")
    return (
        result.scenario.name,
        result.injected,
        *[str(number) for number in numbers],
        *money,
        f"{result.seconds:.0f}",
        result.verdict,
    )
