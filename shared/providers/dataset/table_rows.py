"""Rows out of CSV and XLSX, streamed."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from shared.errors import InvalidInputError
from shared.providers.dataset.found import BrokeOff, Found, LeftOut, Why
from shared.providers.dataset.rows import Columns, FlatRow
from shared.providers.dataset.scraped import FIELDS, found_in
from shared.providers.dataset.streams import READ_FAULTS, check_archive

_MAX_LINE = 1_000_000  # characters; a longer line comes apart, and its parts are left out
# What openpyxl raises for broken XML, absent parts and odd cells.
_SHEET_FAULTS = (ParseError, ValueError, KeyError, IndexError, TypeError, AttributeError, *READ_FAULTS)
MAX_WORKBOOK = 2**30  # bytes unpacked: a workbook's shared texts are held in memory

if TYPE_CHECKING:
    from openpyxl import Workbook

_KNOWN = frozenset(path for paths in FIELDS.values() for path in paths)


def read_csv(text: io.TextIOBase, now_s: int) -> Iterator[Found]:
    """The rows under the header. A row with another number of cells than the header is left out: its cells may
    stand under the wrong names."""
    header_line = text.readline(_MAX_LINE)
    delimiter = max(",;\t", key=header_line.count)
    columns = Columns(next(csv.reader([header_line], delimiter=delimiter), []))
    rows = csv.reader(iter(lambda: text.readline(_MAX_LINE), ""), delimiter=delimiter)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:  # a field without an end; the reader goes on behind it
            yield LeftOut(Why.MALFORMED)
            continue
        except READ_FAULTS as wrong:
            yield BrokeOff(type(wrong).__name__)
            return
        if len(cells) == columns.width:
            yield from found_in(FlatRow(columns, cells), now_s)
        elif cells:
            yield LeftOut(Why.MALFORMED)


def read_xlsx(path: Path, now_s: int) -> Iterator[Found]:
    """The rows of the first sheet whose first row names columns that we know."""
    with path.open("rb") as data:
        _check_workbook(data, path.name)
        book = _opened(data, path.name)
        try:
            columns = None
            for cells in _rows(book):
                if isinstance(cells, Columns):
                    columns = cells
                elif isinstance(cells, BrokeOff):
                    yield cells
                elif columns and any(cell is not None for cell in cells):
                    yield from found_in(FlatRow(columns, cells), now_s)
        finally:
            book.close()


def _check_workbook(data: IO[bytes], name: str) -> None:
    try:
        with zipfile.ZipFile(data) as archive:
            check_archive(archive, name, MAX_WORKBOOK)
    except READ_FAULTS as wrong:
        raise InvalidInputError("dataset", f"{name!r} is no readable .xlsx file") from wrong


def _opened(data: IO[bytes], name: str) -> Workbook:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's remarks about styles and extensions
            return load_workbook(data, read_only=True, data_only=True, keep_links=False)
    except _SHEET_FAULTS as wrong:
        raise InvalidInputError("dataset", f"{name!r} is no readable .xlsx file") from wrong


def _rows(book: Workbook) -> Iterator[Columns | tuple[Any, ...] | BrokeOff]:
    """The header of the first sheet that we know, then its rows, up to where it ends or breaks."""
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some writers state them wrong
            rows = sheet.iter_rows(values_only=True)
            columns = Columns(next(rows, ()))
            if not _KNOWN.isdisjoint(columns.at):
                yield columns
                yield from rows
                return
    except _SHEET_FAULTS as wrong:
        yield BrokeOff(type(wrong).__name__)
