"""Removes what a stack has left on this machine: its folder, and its database where that lies outside of it.

python -m local.clean .army
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from pathlib import Path

from local.postgres import Postgres, copied_programs


def clean(home: Path) -> str | None:
    """Removes the state of the stack in `home`; None, or why not."""
    if home.exists():
        try:
            with (home / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return f"a stack runs in {home}: end it first"
        Postgres(home / "postgres").remove()
        shutil.rmtree(home)
    shutil.rmtree(copied_programs(), ignore_errors=True)
    return None


if __name__ == "__main__":
    sys.exit(clean(Path(sys.argv[1])))
