"""Waiting for a run's end: a notice wakes, and a lost connection only means to look again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared.store.session import Store
from shared.store.wire import Statement

TOLD = "select pg_notify('run_ended', $1::text)"
LISTENERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and usename = current_user"
)
SOON_S = 30.0


def tell(store: Store, *run_ids: UUID) -> None:
    with store.pool().connection() as connection:
        connection.exchange([Statement(TOLD, [run_id]) for run_id in run_ids])


def test_a_notice_wakes_who_waits(store: Store) -> None:
    """Several in one transaction arrive together: each wakes its own."""
    with store.run_ends.waiting(uuid4()) as other:
        ids = [uuid4() for _ in range(50)]
        waits = [store.run_ends.waiting(run_id) for run_id in ids]
        events = [wait.__enter__() for wait in waits]

        tell(store, *ids)

        assert all(event.wait(SOON_S) for event in events)
        assert not other.is_set()
        for wait in waits:
            wait.__exit__(None, None, None)


def test_a_lost_listener_wakes_all_and_comes_back(store: Store) -> None:
    """Its backend is ended: whoever waits is woken to look, and the next one hears notices again."""
    run_id = uuid4()
    with store.run_ends.waiting(run_id) as ended:
        with store.pool().connection() as connection:
            assert connection.exchange([Statement(LISTENERS)])[0]

        assert ended.wait(SOON_S)

    while True:  # the old listener is on its way out
        with store.run_ends.waiting(run_id) as ended:
            tell(store, run_id)
            if ended.wait(SOON_S):
                return


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-02 03:04:05.6+05:30", datetime(2026, 1, 1, 21, 34, 5, 600000, tzinfo=UTC)),
        ("1999-12-31 23:59:59.999999+00", datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
        ("infinity", "infinity"),
        (None, None),
    ],
)
def test_times_are_read_as_they_are(store: Store, written: str | None, read: object) -> None:
    """With their zone, to the microsecond; what Python has no date for stays text."""
    with store.pool().connection() as connection:
        ((row,),) = connection.exchange([Statement("select $1::timestamptz", [written])])

    assert row[0] == read
    assert not isinstance(read, datetime) or row[0].utcoffset() == timedelta(0)
