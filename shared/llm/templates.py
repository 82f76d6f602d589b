"""Structures whose strings are jinja2 templates: compiled once, rendered over `data`, errors that name the place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias

from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment

from shared.core.canonical import Json
from shared.errors import OutputInvalidError

Names: TypeAlias = dict[str, Json]

# What an expression over unexpected data can raise.
_FAULTS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


class Part(Protocol):
    """A compiled piece of a structure."""

    def value(self, names: Names, /) -> Json: ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Something without a template in it."""

    constant: Json

    def value(self, _names: Names) -> Json:
        return self.constant


@dataclass(frozen=True, slots=True)
class Leaf:
    """A template or an expression. `where` and `source` are for its errors."""

    where: str
    source: str
    run: Callable[[Names], Any]

    def value(self, names: Names) -> Json:
        try:
            return _json(self.run(names))
        except _FAULTS as wrong:
            raise OutputInvalidError(f"{self.where}: `{self.source.strip()}`: {wrong}") from wrong


@dataclass(frozen=True, slots=True)
class Row:
    """A list of parts."""

    parts: tuple[Part, ...]

    def value(self, names: Names) -> Json:
        return [part.value(names) for part in self.parts]


@dataclass(frozen=True, slots=True)
class Table:
    """An object of parts; its keys are not templates."""

    parts: tuple[tuple[str, Part], ...]

    def value(self, names: Names) -> Json:
        return {key: part.value(names) for key, part in self.parts}


@dataclass(frozen=True, slots=True)
class Each:
    """One element for each element of a list, under its own name, where `only` holds."""

    over: Leaf
    name: str
    only: Part | None
    make: Part

    def value(self, names: Names) -> Json:
        elements = self.over.value(names)
        if not isinstance(elements, list):
            raise OutputInvalidError(f"{self.over.where}: `{self.over.source}` is not a list")
        scopes = [{**names, self.name: element} for element in elements]
        return [self.make.value(scope) for scope in scopes if self.only is None or self.only.value(scope)]


def compile_part(source: Json, where: str) -> Part:
    """The structure, ready to render. Raises OutputInvalidError naming the place of a template that is wrong."""
    if isinstance(source, str):
        return _compile_text(source, where)
    if isinstance(source, list):
        return Row(tuple(compile_part(part, f"{where}[{number}]") for number, part in enumerate(source)))
    if not isinstance(source, dict):
        return Constant(source)
    if "$each" in source:
        return _compile_each(source, where)
    return Table(tuple((str(key), compile_part(part, f"{where}.{key}")) for key, part in source.items()))


def compile_expression(source: str, where: str) -> Leaf:
    """A bare jinja2 expression, which keeps its type."""
    try:
        run = template_environment().compile_expression(source, undefined_to_none=False)
    except TemplateError as wrong:
        raise OutputInvalidError(f"{where}: `{source}`: {wrong}") from wrong
    return Leaf(where, source, lambda names: run(**names))


def _compile_each(source: dict[str, Json], where: str) -> Each:
    unknown = {*source} - {"$each", "$as", "$if", "$make"}
    if unknown or "$make" not in source:
        raise OutputInvalidError(f"{where}: needs $each and $make, and may have $as and $if; not {sorted(unknown)}")
    only = compile_expression(str(source["$if"]), f"{where}.$if") if "$if" in source else None
    return Each(
        over=compile_expression(str(source["$each"]), f"{where}.$each"),
        name=str(source.get("$as", "item")),
        only=only,
        make=compile_part(source["$make"], f"{where}.$make"),
    )


def _compile_text(source: str, where: str) -> Part:
    try:
        tokens = list(template_environment().lex(source.strip()))
        kinds = [kind for _, kind, _ in tokens]
        if not {"variable_begin", "block_begin", "comment_begin"} & {*kinds}:
            return Constant(source)
        is_lone = (kinds[0], kinds[-1]) == ("variable_begin", "variable_end") and kinds.count("variable_end") == 1
        if is_lone:
            return compile_expression("".join(text for _, _, text in tokens[1:-1]).strip(), where)
        template = template_environment().from_string(source)
    except TemplateError as wrong:
        raise OutputInvalidError(f"{where}: `{source.strip()}`: {wrong}") from wrong
    return Leaf(where, source, template.render)


class _DataFirst(SandboxedEnvironment):
    """`data.a.items` is the key "items" where there is one, and only then the method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)


@cache
def template_environment() -> SandboxedEnvironment:
    """jinja2 as fixtures see it: sandboxed, undefined names are errors, block tags leave no empty lines."""
    env = _DataFirst(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    env.filters.update({"num": _num, "pct": _pct, "usd": _usd})
    return env


def _num(value: float | None) -> str:
    """1234567 -> "1,234,567"; 12.5 -> "12.5"; at most two decimals."""
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def _pct(value: float | None) -> str:
    """A share 0..1 as per cent with one decimal: 0.123 -> "12.3%"."""
    return "unknown" if value is None else f"{value * 100:.1f}%"


def _usd(value: float | str | None) -> str:
    """1234.5 -> "$1,234.50". A text is read as a number: money travels as text in JSON."""
    return "unknown" if value is None else f"${float(value):,.2f}"


def _json(value: Any) -> Json:
    """The value as plain JSON; what is undefined raises here."""
    if isinstance(value, Undefined):
        return str(value)  # StrictUndefined raises its own, well-worded error
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _json(part) for key, part in value.items()}
    if isinstance(value, Iterable):
        return [_json(part) for part in value]
    raise TypeError(f"{type(value).__name__} is not JSON")
