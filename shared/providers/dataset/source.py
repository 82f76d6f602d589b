"""Account data out of files that teams already have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from shared.errors import InvalidInputError
from shared.providers.dataset.account import read_account_data
from shared.providers.dataset.index_reader import Index, open_index
from shared.providers.dataset.trends import read_trend_data
from shared.providers.handles import near_handles
from shared.providers.records import AccountData, Trends


class DatasetSource:
    """One file, or several that are read as one."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    @contextmanager
    def _open(self) -> Iterator[tuple[list[Index], list[str]]]:
        """The indexes of the files, and a note on each that could not be used. Raises if that is all of them."""
        indexes, notes = [], []
        with ExitStack() as opened:
            for file in self._files:
                try:
                    indexes.append(opened.enter_context(open_index(file)))
                except InvalidInputError as unusable:
                    if len(self._files) == 1:
                        raise
                    notes.append(f"Not used: {unusable.problem}.")
            if not indexes:
                raise InvalidInputError("dataset", f"none of the {len(notes)} dataset files can be used: {notes[0]}")
            yield indexes, notes

    def check(self, handle: str) -> None:
        with self._open() as (indexes, _):
            _holding(indexes, handle)

    def account(self, handle: str, max_posts: int) -> AccountData:
        with self._open() as (indexes, notes):
            data = read_account_data(_holding(indexes, handle), handle, max_posts)
        return data.model_copy(update={"notes": (*data.notes, *notes)})

    def trends(self, region: str | None, window_days: int, limit: int) -> Trends:
        with self._open() as (indexes, notes):
            data = read_trend_data(indexes, region, window_days, limit)
        return data.model_copy(update={"notes": (*data.notes, *notes)})

    def accounts(self) -> list[tuple[str, int]]:
        with self._open() as (indexes, _):
            if len(indexes) == 1:
                return list(indexes[0].handles())
            handles = sorted({handle for index in indexes for handle, _ in index.handles()})
            return [(handle, len(set().union(*(index.post_ids(handle) for index in indexes)))) for handle in handles]


def _holding(indexes: Sequence[Index], handle: str) -> list[Index]:
    """The indexes that hold the account, or an error that tells how many accounts there are and which are near."""
    holding = [index for index in indexes if index.profile(handle) is not None]
    if holding:
        return holding
    known = sorted({other for index in indexes for other, _ in index.handles()})
    near = near_handles(handle, known)
    told = f"; near names: {', '.join(near)}" if near else ""
    raise InvalidInputError("handle", f"{handle!r} is not among the {len(known)} accounts of the dataset{told}")
