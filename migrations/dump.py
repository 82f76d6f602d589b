"""Writes `migrations/schema.sql`: the schema that the migrations make, for people to read and for a test to compare.

python -m migrations.dump
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from local.postgres import DATABASE, OWNER, PORT, Postgres
from shared.config import Settings
from shared.store.migrate import migrate

SCHEMA = Path(__file__).parent / "schema.sql"
HEAD = "-- The schema that the migrations make. Written by `make schema`; a test compares it. Do not edit.\n"
# Lines that differ from one server, or one dump, to the next.
PASSING = re.compile(r"^(--.*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*|)$\n", re.MULTILINE)


def dumped(postgres: Postgres, database: str) -> str:
    """The schema of a database as SQL, without what changes from dump to dump."""
    command = [str(postgres.bin / "pg_dump"), "-h", str(postgres.sockets), "-p", str(PORT), "-U", OWNER]
    done = subprocess.run([*command, "--schema-only", database], capture_output=True, text=True, check=True)
    return HEAD + PASSING.sub("", done.stdout)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="army-schema-", dir="/var/tmp"))  # reachable for `nobody`
    folder.chmod(0o755)
    postgres = Postgres(folder / "pg", fsync=False)
    try:
        addresses = postgres.start()
        migrate(Settings.model_validate({"database_owner_url": addresses.owner}))
        SCHEMA.write_text(dumped(postgres, DATABASE))
    finally:
        postgres.stop()
        shutil.rmtree(folder)
    print(f"wrote {SCHEMA.name}")


if __name__ == "__main__":
    main()
