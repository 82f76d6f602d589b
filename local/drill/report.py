"""What a storm came to, for people and for programs: what fired, what held, what it cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from local.drill.running import Result
from local.drill.storm import TITLES, Storm
from local.drill.trial import END_OF_RUNS
from shared.core.canonical import JsonObject

MICRO = Decimal(1_000_000)
INVARIANTS = {
    "I1": "every run has ended, and nothing of it is left open",
    "I2": "every step ended once, and its events are all there",
    "I3": "no step began before all that it waits for had ended",
    "I4": "the vendor's bill is the journal, to the micro-dollar; no call is paid for twice but those in doubt",
    "I5": "a run's total is what its calls cost; no cap is exceeded, and no money is left held",
    "I9": "no other workspace sees a row",
    "I10": "every gate was decided once; nothing was done without leave, and nothing is left half done",
}


@dataclass(frozen=True, slots=True)
class Report:
    seed: int
    storm: Storm
    result: Result

    @property
    def verdict(self) -> str:
        """held; BROKEN; or unproven, if nothing fired or nothing ran."""
        if not self.result.problems:
            return "held"
        return "unproven" if all(_is_no_proof(told) for told in self.result.problems) else "BROKEN"

    def broken(self, invariant: str) -> list[str]:
        return [told for told in self.result.problems if _invariant_of(told) == invariant]

    def standing(self, invariant: str) -> str:
        """held; BROKEN; or not checked, if the storm did not come to its end."""
        if self.broken(invariant):
            return "BROKEN"
        return "held" if self.storm.is_over else "not checked"

    @property
    def other_problems(self) -> list[str]:
        return [told for told in self.result.problems if _invariant_of(told) not in INVARIANTS]

    def as_json(self) -> JsonObject:
        books, storm = self.result.books, self.storm
        return {
            "workflow": storm.definition.slug,
            "definition_digest": storm.definition.digest,
            "seed": self.seed,
            "verdict": self.verdict,
            "runs": {"asked": storm.runs, "calm": 1, "ended": dict(storm.statuses)},
            "seconds": {"calm_run": round(storm.calm_s, 3), "stormy_run": round(storm.stormy_s, 3), "all": self._s},
            "faults": {name: storm.fired[name] for name in TITLES},
            "approvals": storm.approvals,
            "attempts": {"begun": self.result.attempts, "lost": storm.attempts_lost},
            "invariants": {name: {"standing": self.standing(name), "broken": self.broken(name)} for name in INVARIANTS},
            "calls": {
                "paid": books.paid,
                "reused": storm.calls["reused"],
                "in_doubt": books.in_doubt,
                "in_doubt_billed": len(books.doubted),
                "wasted": books.wasted,
                "doubted": books.doubted,
            },
            "usd": {
                "billed": f"{books.billed_micro / MICRO:.8f}",
                "journal": f"{books.journal_micro / MICRO:.8f}",
                "paid_twice": f"{books.doubted_micro / MICRO:.8f}",
            },
            "problems": self.other_problems,
        }

    @property
    def _s(self) -> float:
        return round(self.result.seconds, 3)


def _invariant_of(problem: str) -> str:
    """The problems of an invariant begin with its name, as in `i4: …` or `i2_event_gaps: …`."""
    if problem.startswith(END_OF_RUNS):
        return "I1"
    found = re.match(r"i\d+(?=[_:])", problem)
    return found[0].upper() if found else ""


def _is_no_proof(problem: str) -> bool:
    return problem.startswith(("the fault never fired", "green for nothing"))
