"""Imports point down: what a module may know is its own floor's row below."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FLOORS = (
    {"shared.config", "shared.errors"},
    {"shared.core", "shared.google_api"},
    {"shared.store", "shared.queue", "shared.audit", "shared.mirror", "shared.media", "shared.secrets"},
    {"shared.trace"},
    {"shared.llm"},
    {"shared.providers"},
    {"shared.effects"},
    {"shared.agents", "shared.workflows"},
    {"shared.engine"},
    {"shared.web"},
    {"functions", "local", "migrations"},
    {"cli"},
    {"bench"},
    {"tests"},
)
# Side by side on the top floors: each stands alone, and none may know the other.
APART = (
    {"shared.store", "shared.queue"},
    {"shared.store", "shared.media"},
    {"shared.queue", "shared.media"},
    {"shared.secrets", "shared.store"},
    {"shared.secrets", "shared.queue"},
    {"shared.secrets", "shared.media"},
    {"shared.core", "shared.google_api"},
    {"shared.store", "shared.audit"},
    {"shared.store", "shared.mirror"},
    {"shared.queue", "shared.audit"},
    {"shared.queue", "shared.mirror"},
    {"shared.audit", "shared.mirror"},
    {"functions", "migrations"},
    {"shared.llm", "shared.providers"},
)


def room_of(module: str) -> str | None:
    """The room a module belongs to, as FLOORS names it; None for a library."""
    parts = module.split(".")
    room = ".".join(parts[:2]) if parts[0] == "shared" else parts[0]
    return room if any(room in floor for floor in FLOORS) else None


def floor_of(room: str) -> int:
    return next(at for at, floor in enumerate(FLOORS) if room in floor)


def imports() -> Iterator[tuple[str, str, str]]:
    """Every import between rooms: the file, its room, the room it imports."""
    for top in ("shared", "functions", "local", "migrations", "cli", "bench"):
        for file in sorted((ROOT / top).rglob("*.py")):
            room = room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
            for node in ast.walk(ast.parse(file.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{file}: imports are absolute"
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                for name in names:
                    other = room_of(name)
                    if room is not None and other is not None and other != room:
                        yield str(file.relative_to(ROOT)), room, other


def test_imports_point_down() -> None:
    """No module knows a floor above its own."""
    upward = [f"{file} imports {other}" for file, room, other in imports() if floor_of(other) > floor_of(room)]

    assert upward == []


def test_rooms_apart_do_not_know_each_other() -> None:
    """The store knows no queue, a door no migration, a model no provider."""
    sideways = [f"{file} imports {other}" for file, room, other in imports() if any({room, other} <= a for a in APART)]

    assert sideways == []


def test_every_room_is_on_a_floor() -> None:
    """A new folder below shared/ gets a floor, or this fails."""
    rooms = {f"shared.{entry.name}" for entry in (ROOT / "shared").iterdir() if (entry / "__init__.py").exists()}

    assert rooms <= set().union(*FLOORS)


def test_only_config_reads_the_environment() -> None:
    """One reader of the environment: whatever else needs a setting is handed it."""
    readers = []
    for top in ("shared", "functions", "local", "cli", "bench"):
        for file in sorted((ROOT / top).rglob("*.py")):
            text = file.read_text()
            if "os.environ" in text or "getenv" in text:
                readers.append(str(file.relative_to(ROOT)))

    assert readers == ["shared/config.py"]


def test_a_door_folder_holds_one_door() -> None:
    """Doors are loaded as a module named `main`: a second file beside one would collide with another door's."""
    for folder in sorted((ROOT / "functions").iterdir()):
        if folder.is_dir() and folder.name != "__pycache__":
            assert sorted(file.name for file in folder.glob("*.py")) == ["__init__.py", "main.py"]


def test_there_is_no_sql_in_python() -> None:
    """Statements live in .sql files. The one-machine Postgres makes its roles before there is anything to load."""
    starts = ("select ", "insert into ", "update ", "delete from ", "with ")
    found = []
    for top in ("shared", "functions", "cli"):
        for file in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = " ".join(node.value.lower().split())
                    if text.startswith(starts) and (" from " in text or " set " in text or " values" in text):
                        found.append(f"{file.relative_to(ROOT)}:{node.lineno}")

    assert found == []
