"""Fixture files of the mock model: found, checked, and rendered over a request's own data. Format: see mock.py."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2.nodes import Getattr, Getitem, Name, Node, Template
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.core.canonical import Json
from shared.errors import OutputInvalidError
from shared.llm.templates import Names, Part, compile_expression, compile_part, template_environment

DEFAULT = "_default"
FOLDER = Path(__file__).parent / "fixtures"


class VariantSource(BaseModel):
    """One variant as the file has it: exactly one of `json` and `text`."""

    model_config = ConfigDict(extra="forbid")

    when: str | None = None
    let: dict[str, Json] = {}
    structure: Json = Field(default=None, alias="json")
    text: str | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> VariantSource:
        if ("structure" in self.model_fields_set) == (self.text is not None):
            raise ValueError("needs exactly one of `json` and `text`")
        return self


class FixtureSource(BaseModel):
    """A fixture file."""

    model_config = ConfigDict(extra="forbid")

    variants: list[VariantSource] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant, ready to render. `keys` are the top-level keys of a JSON object, None for a text."""

    when: Part | None
    let: tuple[tuple[str, Part], ...]
    answer: Part
    keys: frozenset[str] | None

    def holds(self, data: Json) -> bool:
        return self.when is not None and bool(self.when.value({"data": data}))

    def text(self, data: Json) -> str:
        """The words of the answer: Markdown as it is, a structure as JSON."""
        names: Names = {"data": data}
        for name, part in self.let:
            names[name] = part.value(names)
        value = self.answer.value(names)
        return value if self.keys is None and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Fixture:
    """All variants of one file. `inputs` are the data blocks that its templates speak of."""

    name: str
    variants: tuple[Variant, ...]
    inputs: frozenset[str]

    @classmethod
    def read(cls, name: str, text: str) -> Fixture:
        """The fixture in a YAML text. Raises OutputInvalidError that names the fixture and the place in it."""
        try:
            source = FixtureSource.model_validate(yaml.safe_load(text))
        except (yaml.YAMLError, ValidationError) as wrong:
            raise OutputInvalidError(f"mock fixture {name}: {wrong}") from wrong
        variants = tuple(_variant(name, number, one) for number, one in enumerate(source.variants))
        return cls(name, variants, frozenset(_inputs(source)))

    def choose(self, data: Json, digest: bytes) -> Variant:
        """The variant for this data: those whose `when` is true come first, the digest's first 8 bytes choose."""
        fitting = [one for one in self.variants if one.holds(data)]
        fitting = fitting or [one for one in self.variants if one.when is None]
        if not fitting:
            raise OutputInvalidError(f"mock fixture {self.name}: no variant's `when` holds for this data")
        return fitting[int.from_bytes(digest[:8], "big") % len(fitting)]

    def text(self, data: Json, digest: bytes) -> str:
        return self.choose(data, digest).text(data)


_folders = [FOLDER]
_reading = threading.RLock()  # so that a burst of first calls reads a file once


def use_fixture_folders(*folders: Path) -> None:
    """Where fixtures are looked for, first folder first: for tests, and for packs of agents that bring their own."""
    with _reading:
        _folders[:] = folders
        _known_fixtures.cache_clear()
        _load.cache_clear()


def find_fixture(*names: str) -> Fixture:
    """The first fixture of these names that there is, else the default one. A name is never used as a path."""
    with _reading:
        known = _known_fixtures()
        found = next((name for name in names if name in known), DEFAULT)
        return _load(found, known.get(found, FOLDER / f"{DEFAULT}.yaml"))


def all_fixtures() -> list[Fixture]:
    """Every fixture but the default one, by name."""
    with _reading:
        return [_load(name, path) for name, path in sorted(_known_fixtures().items()) if name != DEFAULT]


@cache
def _known_fixtures() -> dict[str, Path]:
    return {path.stem: path for folder in reversed(_folders) for path in sorted(folder.glob("*.yaml"))}


@cache
def _load(name: str, path: Path) -> Fixture:
    return Fixture.read(name, path.read_text(encoding="utf-8"))


def _variant(fixture: str, number: int, source: VariantSource) -> Variant:
    where = f"mock fixture {fixture}, variants[{number}]"
    when = None if source.when is None else compile_expression(source.when, f"{where}.when")
    let = tuple((name, compile_part(part, f"{where}.let.{name}")) for name, part in source.let.items())
    if source.text is not None:
        return Variant(when, let, compile_part(source.text, f"{where}.text"), None)
    keys = frozenset(map(str, source.structure)) if isinstance(source.structure, dict) else frozenset()
    return Variant(when, let, compile_part(source.structure, f"{where}.json"), keys)


def _inputs(source: FixtureSource) -> set[str]:
    """The names that templates take out of `data`, as `data.x` or `data['x']`."""
    env = template_environment()
    expressions = [one.when for one in source.variants if one.when]
    trees = [env.parse("{{ " + text + " }}") for text in expressions]
    for variant in source.variants:
        trees += [env.parse(text) for text in _strings([variant.let, variant.structure, variant.text])]
    return {name for tree in trees for name in _members_of_data(tree)}


def _strings(value: Any) -> list[str]:
    """Every template in a structure; `$each` and `$if` hold bare expressions."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    if not isinstance(value, dict):
        return []
    bare = {"$each", "$if"} & {*value}
    rest = [part for key, part in value.items() if key not in bare]
    return ["{{ " + str(value[key]) + " }}" for key in bare] + _strings(rest)


def _members_of_data(tree: Template) -> set[str]:
    return {name for node in tree.find_all((Getattr, Getitem)) if (name := _member(node)) is not None}


def _member(node: Node) -> str | None:
    owner = getattr(node, "node", None)
    if not (isinstance(owner, Name) and owner.name == "data"):
        return None
    key = node.attr if isinstance(node, Getattr) else getattr(getattr(node, "arg", None), "value", None)
    return key if isinstance(key, str) else None
