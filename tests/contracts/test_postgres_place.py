"""Where the cluster of one machine lies: in its folder, or outside where root's `nobody` cannot reach that."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from local.clean import clean
from local.postgres import OUTSIDE, Postgres, PostgresError, id_file, outside_place
from shared.store.connection import connect_url
from shared.store.wire import Statement

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only as root is Postgres another user than we are")


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only its owner can enter."""
    with tempfile.TemporaryDirectory(dir=OUTSIDE) as made:
        yield Path(made)


def run(folder: Path, sql: str) -> list[object]:
    """Starts the cluster of a folder, sends it one statement, and ends it."""
    postgres = Postgres(folder, fsync=False)
    addresses = postgres.start()
    try:
        connection = connect_url(SecretStr(addresses.owner), "owner")
        try:
            return list(connection.exchange([Statement(sql, ())])[0])
        finally:
            connection.close()
    finally:
        postgres.stop()


@as_root
def test_a_moved_stack_finds_its_database(closed: Path) -> None:
    """Under a closed folder the cluster lies outside, by an id that moves along; cleaning removes both."""
    home = closed / "first"
    run(home / "postgres", "create table kept as select 42 as n")
    outside = outside_place(home / "postgres")

    moved = home.rename(closed / "second")
    (row,) = run(moved / "postgres", "select n from kept")

    assert outside is not None
    assert outside == outside_place(moved / "postgres")
    assert getattr(row, "n", None) == 42
    assert clean(moved) is None
    assert not moved.exists()
    assert not outside.exists()


@as_root
def test_a_stack_that_is_closed_off_takes_its_database_along(closed: Path) -> None:
    """A cluster that lay in its folder is moved outside when `nobody` can no longer get there."""
    closed.chmod(0o755)
    folder = closed / "postgres"
    run(folder, "create table kept as select 7 as n")
    assert (folder / "PG_VERSION").exists()

    closed.chmod(0o700)
    (row,) = run(folder, "select n from kept")

    assert getattr(row, "n", None) == 7
    Postgres(folder).remove()


@pytest.mark.parametrize("text", ["", "../../etc", "0123456789ab/..", "0123456789AB"])
def test_an_id_is_an_id(tmp_path: Path, text: str) -> None:
    """What is kept beside the folder leads nowhere else."""
    id_file(tmp_path / "postgres").write_text(text)

    with pytest.raises(PostgresError, match="holds no id of a database"):
        outside_place(tmp_path / "postgres")


def test_a_running_stack_is_not_cleaned(tmp_path: Path) -> None:
    """Somebody holds the folder's lock: nothing is removed."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = clean(tmp_path)

    assert told == f"a stack runs in {tmp_path}: end it first"
    assert tmp_path.exists()
