"""Removes what a stack has left on this machine: its folder, and its database where that lies outside of it.

python -m local.clean .army
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from pathlib import Path

from local.postgres import Postgres, copied_programs

DEMO = "demo"  # the folder in ARMY_HOME where `army demo campaign` keeps a stack of its own


def clean(home: Path) -> str | None:
    """Removes the state of the stack in `home`, and of a demo's below it; None, or why not."""
    problem = forget(home / DEMO) or forget(home)
    if problem is None:
        shutil.rmtree(copied_programs(), ignore_errors=True)
    return problem


def forget(home: Path) -> str | None:
    """Removes the state of the stack in `home`, and leaves what other stacks use too; None, or why not."""
    if not home.exists():
        return None
    try:
        with (home / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return f"a stack runs in {home}: end it first"
    Postgres(home / "postgres").remove()
    shutil.rmtree(home)
    return None


if __name__ == "__main__":
    sys.exit(clean(Path(sys.argv[1])))
