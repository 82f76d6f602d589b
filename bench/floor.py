"""The floor: what Postgres can do at all with two commits a step and the same documents, driven by pgbench."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from bench.dag import PAD_HEX
from local.postgres import OWNER, PORT, Postgres

HERE = Path(__file__).parent
DATABASE = "floor"


class Floor:
    """A database of its own in the cluster that the engine is measured on."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._where = ["-h", str(postgres.sockets), "-p", str(PORT), "-U", OWNER]
        postgres.create_database(DATABASE)
        psql = [str(postgres.bin / "psql"), *self._where, "-d", DATABASE, "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        subprocess.run(psql, input=(HERE / "floor_schema.sql").read_text(), text=True, check=True, capture_output=True)

    def steps_a_second(self, clients: int, seconds: int) -> float:
        document = json.dumps({"text": os.urandom(PAD_HEX // 2).hex(), "step": "s1", "digest": 1})
        command = [str(self._postgres.bin / "pgbench"), *self._where, "-n", "-M", "prepared", "-T", str(seconds)]
        command += ["-c", str(clients), "-j", str(min(clients, 2)), "-f", str(HERE / "floor_step.sql")]
        command += ["-D", f"document={document}", DATABASE]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if found is None:
            raise RuntimeError(f"pgbench said: {done.stdout}{done.stderr}")
        return float(found.group(1))
