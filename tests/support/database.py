"""A Postgres cluster for the whole test run, and a fresh database for each test that wants one."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.postgres import Addresses, Postgres
from shared.config import Settings
from shared.store.migrate import migrate

TEMPLATE = "army_template"


@dataclass
class Cluster:
    """One cluster. A new database is a copy of a migrated template: about 50 ms."""

    folder: Path
    postgres: Postgres
    numbers: itertools.count[int]

    @classmethod
    def start(cls) -> Cluster:
        folder = Path(tempfile.mkdtemp(prefix="army-test-pg-", dir="/var/tmp"))
        folder.chmod(0o755)
        postgres = Postgres(folder / "pg", fsync=False)
        postgres.start()
        addresses = postgres.create_database(TEMPLATE)
        migrate(settings_for(addresses))
        return cls(folder, postgres, itertools.count(1))

    def stop(self) -> None:
        self.postgres.stop()
        shutil.rmtree(self.folder)

    def fresh(self) -> Addresses:
        return self.postgres.create_database(f"army_test_{next(self.numbers)}", TEMPLATE)


def settings_for(addresses: Addresses, **more: object) -> Settings:
    """Settings for tests: this database, mock modes, no simulated latency."""
    given: dict[str, object] = {
        "database_url": addresses.door,
        "database_unscoped_url": addresses.sweep,
        "database_owner_url": addresses.owner,
        "mock_latency_scale": 0,
        **more,
    }
    return Settings.model_validate(given)
