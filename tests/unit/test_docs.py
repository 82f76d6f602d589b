"""The documents are true where a machine can tell: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.main import army
from shared.config import PLACEHOLDER, Settings
from tests.unit.test_floors import FLOORS

ROOT = Path(__file__).parent.parent.parent
COVERAGE = ROOT / "docs" / "coverage.md"
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
names = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))

ROWS = {
    "A": [(1, 51), (55, 55), (57, 57), (66, 85)],
    "B": [(4, 4), (10, 14), (26, 28), (35, 40), (42, 81)],
    "C": [(1, 32), (42, 43), (52, 64)],
    "X": [(3, 9), (11, 27), (33, 33), (35, 48)],
}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
TEST = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")
BARE_TEST = re.compile(r"`(test_\w+)`")
FILE = re.compile(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|sql|yaml|md)|(?:[\w-]+/)+)`")


@cache
def functions_of(file: Path) -> frozenset[str]:
    """The names of a file's test functions."""
    found = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


@cache
def all_tests() -> frozenset[str]:
    return frozenset().union(*(functions_of(file) for file in (ROOT / "tests").rglob("test_*.py")))


def code_of(text: str) -> str:
    """What stands in code spans and fences."""
    return "\n".join(CODE.findall(text))


def cells(text: str) -> Iterator[list[str]]:
    """The rows of a document's tables, without their heads and rules."""
    for line in text.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("| ").split(" | ")]


def anchors(file: Path) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def coverage() -> dict[str, list[str]]:
    """The rows of the coverage page: id to where it lives and what shows it."""
    rows = [row for row in cells(COVERAGE.read_text(encoding="utf-8")) if re.match(r"[A-Z]\d{2,3}\b", row[0])]
    ids = [row[0].split()[0] for row in rows]
    assert sorted(ids) == sorted(set(ids)), "a row stands twice"
    return {name: row[1:] for name, row in zip(ids, rows, strict=True)}


@names
def test_links_lead_somewhere(document: Path) -> None:
    """Every link to a file, or to a heading in one, finds it."""
    lost = []
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if target.startswith(("http://", "https://")):
            continue
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)

    assert lost == []


@names
def test_named_tests_exist(document: Path) -> None:
    """A test that a document leans on is there, in the file that it says."""
    text = document.read_text(encoding="utf-8")
    lost = [f"{file}::{name}" for file, name in TEST.findall(text) if name not in functions_of(ROOT / file)]
    lost += [name for name in BARE_TEST.findall(text) if name not in all_tests()]

    assert lost == []


@names
def test_named_files_exist(document: Path) -> None:
    """A path in code that begins with a folder of ours is a file or a folder."""
    tops = {entry.name for entry in ROOT.iterdir() if entry.is_dir()}
    paths = [path for path in FILE.findall(document.read_text(encoding="utf-8")) if path.split("/")[0] in tops]

    assert [path for path in paths if not (ROOT / path).exists()] == []


@names
def test_named_commands_exist(document: Path) -> None:
    """Every make target and every command of `army` that a document shows can be typed."""
    shown = code_of(document.read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z]+)", shown)) <= targets
    assert set(re.findall(r"(?<![\w-])army ([a-z]+(?:-[a-z]+)*)", shown)) <= set(army.commands)


def test_the_readme_shows_both_commands() -> None:
    """Whoever reads the first page can start the demo and the tests; it stays short."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert {"$ make demo", "$ make test"} <= set(text.splitlines())
    assert len(text.splitlines()) <= 130


def test_the_readme_lists_the_rooms() -> None:
    """The map of rooms is that of the floors, top first."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The rooms")[2].partition("\n## ")[0]
    listed = [set(re.findall(r"`([\w/]+)`", row[0])) for row in cells(section)]

    assert [row for row in listed if row] == [{room.replace(".", "/") for room in floor} for floor in reversed(FLOORS)]


def test_every_decision_is_linked() -> None:
    """The index of decisions leads to each page, under its number."""
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    linked = {target: number for number, target in re.findall(r"\[(\d{4})\]\(([^)]+)\)", index)}

    assert set(linked) == {file.name for file in DECISIONS.glob("0*.md")}
    assert all(name.startswith(number) for name, number in linked.items())


def test_decisions_have_one_form() -> None:
    """Each page says what it was about, what was decided, what follows, what was not taken."""
    parts = ["Context", "Decision", "Consequences", "Not taken"]
    odd = [
        file.name
        for file in DECISIONS.glob("0*.md")
        if re.findall(r"^## (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE) != parts
    ]

    assert odd == []


def test_every_row_is_accounted_for() -> None:
    """The coverage page has each row of its ranges once, and no other."""
    wanted = {
        f"{letter}{number:0{2 if letter == 'X' else 3}d}"
        for letter, ranges in ROWS.items()
        for first, last in ranges
        for number in range(first, last + 1)
    }

    assert coverage().keys() == wanted


def test_a_row_is_shown_or_open() -> None:
    """Each row names a test that shows it, or says that it is open and why."""
    unclear = [
        name for name, (_, shown) in coverage().items() if not (TEST.search(shown) or re.match(r"open: \S", shown))
    ]

    assert unclear == []


def settings_listed() -> dict[str, str]:
    """The settings of the reference, each with its default as it stands there."""
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8").partition("## Every setting")[2]
    return {row[0].strip("`"): row[1] for row in cells(text) if row[0].startswith("`")}


def test_every_setting_is_listed() -> None:
    """The reference has each field of Settings, in its order, and no other."""
    assert list(settings_listed()) == [name.upper() for name in Settings.model_fields]


def test_listed_defaults_are_the_codes() -> None:
    """Where the reference shows a value, it is the one that holds when nothing is set."""
    made = Settings()
    for name, shown in settings_listed().items():
        value = getattr(made, name.lower())
        is_unset = value is None or (isinstance(value, SecretStr) and value.get_secret_value() == PLACEHOLDER)
        told = f"{value:g}" if isinstance(value, float) else str(value)
        if shown == "none":
            assert is_unset, name
        elif shown.startswith("`") and shown.strip("`").lower() not in Settings.model_fields:
            assert shown.strip("`") == told, name
