"""The fault drills: real processes, real faults, and the books compared afterwards.

python -m tests.drills                       all of them, about twenty minutes
python -m tests.drills --only F1,F3          some
python -m tests.drills --seed 7              the same dice again
python -m tests.drills --short               a minute or two
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time

from local.drill.running import Runner, table
from tests.drills.app import APP, register_parts
from tests.drills.scenarios import SCENARIOS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="replays the dice of a seed")
    parser.add_argument("--only", default="", metavar="F1,F3", help="only these drills")
    parser.add_argument("--short", action="store_true", help="smaller figures")
    parser.add_argument("--keep", action="store_true", help="leave the logs of drills that broke")
    parser.add_argument("--doubts", action="store_true", help="name each call that was billed and is in doubt")
    given = parser.parse_args()
    given.only = [name for name in given.only.upper().split(",") if name]
    known = [scenario.name for scenario in SCENARIOS]
    unknown = sorted(set(given.only) - set(known))
    if unknown:
        parser.error(f"--only: there is no {', '.join(unknown)}; there are: {', '.join(known)}")
    return given


def main() -> int:
    """0 if every invariant held in every drill, else 1."""
    given = _arguments()
    register_parts()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    began = time.monotonic()

    def told(line: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {line}", flush=True)

    told(f"seed {given.seed}")
    runner = Runner(given.seed, APP, is_short=given.short, told=told, keep=given.keep)
    results = []
    try:
        for scenario in SCENARIOS:
            if not given.only or scenario.name in given.only:
                results.append(runner.run(scenario))
                told(f"{scenario.name}: {results[-1].verdict} in {results[-1].seconds:.0f} s")
                for doubted in results[-1].books.doubted if given.doubts else []:
                    told(f"  {scenario.name}: in doubt: {doubted}")
                for problem in results[-1].problems:
                    told(f"  {scenario.name}: {problem}")
    finally:
        runner.close()
    print(f"\nseed {given.seed}{', short' if given.short else ''}\n\n{table(results)}")
    return 1 if any(result.problems for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
