"""Fixtures of the mock model: words from the file, numbers from the data, errors that name the place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from shared.errors import OutputInvalidError
from shared.llm.fixtures import FOLDER, Fixture, all_fixtures, find_fixture, use_fixture_folders

DATA = {
    "account": {
        "handle": "aster",
        "followers": 1_234_567,
        "share": 0.1234,
        "spend": "1234.5",
        "bio": None,
        "items": [1],
    },
    "posts": [{"id": "p1", "views": 10}, {"id": "p2", "views": 300}, {"id": "p3", "views": None}],
}


def rendered(yaml_text: str, data: Any = DATA, seed: bytes = bytes(32)) -> Any:
    """The answer of a fixture with this text, as JSON if it is JSON."""
    fixture = Fixture.read("sample", yaml_text)
    text = fixture.text(data, seed)
    return json.loads(text) if fixture.choose(data, seed).keys is not None else text


@pytest.fixture
def folders() -> Iterator[None]:
    """Puts the fixture folders back."""
    yield
    use_fixture_folders(FOLDER)


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        ("plain text", "plain text"),
        ("{{ data.account.followers }}", 1_234_567),
        ("{{ data.account.bio }}", None),
        ("{{ data.account.share > 0.1 }}", True),
        (" {{ data.posts | map(attribute='id') | list }} ", ["p1", "p2", "p3"]),
        ("{{ data.posts | selectattr('views') | map(attribute='views') }}", [10, 300]),
        ("{{ data.account.followers }} followers", "1234567 followers"),
        ("{{ data.account.followers | num }}", "1,234,567"),
        ("{{ 12.5 | num }} and {{ 2.0 | num }}", "12.5 and 2"),
        ("{{ data.account.share | pct }}", "12.3%"),
        ("{{ data.account.spend | usd }}", "$1,234.50"),
        ("{{ data.account.bio | num }}/{{ none | pct }}/{{ none | usd }}", "unknown/unknown/unknown"),
        ("{{ data.account.items }}", [1]),
        ("{{ {'a': 1}.items() | list }}", [["a", 1]]),
        ("{% if data.posts %}yes{% endif %}", "yes"),
        ("{{ '{{' }}", "{{"),
    ],
)
def test_leaves(leaf: str, value: Any) -> None:
    """A lone expression keeps its type; anything else becomes text; None reads as unknown."""
    assert rendered(json.dumps({"variants": [{"json": {"x": leaf}}]})) == {"x": value}


def test_lists_are_built_from_lists() -> None:
    """`$each` makes one element for each, under a name of its own, where `$if` holds."""
    source = """
variants:
  - let:
      best: "{{ data.posts | selectattr('views') | sort(attribute='views') | last }}"
    json:
      best: "{{ best.id }}"
      fixed: [1, true, "{{ data.account.handle }}"]
      seen:
        $each: data.posts
        $as: post
        $if: post.views is not none
        $make: {id: "{{ post.id }}", why: "{{ post.views | num }} views, best {{ best.views }}"}
      plain: {$each: "data.posts[:2]", $make: "{{ item.id }}"}
"""

    assert rendered(source) == {
        "best": "p2",
        "fixed": [1, True, "aster"],
        "seen": [
            {"id": "p1", "why": "10 views, best 300"},
            {"id": "p2", "why": "300 views, best 300"},
        ],
        "plain": ["p1", "p2"],
    }


def test_markdown_has_no_gaps() -> None:
    """Tags on lines of their own leave no empty line in a text."""
    source = """
variants:
  - text: |
      # {{ data.account.handle }}
      {% for post in data.posts %}
      - {{ post.id }}
      {% endfor %}
      End.
"""

    assert rendered(source) == "# aster\n- p1\n- p2\n- p3\nEnd.\n"


def test_data_is_never_a_template() -> None:
    """A caption that looks like a template is shown as it is."""
    evil = {"posts": ["{{ data.secret }}{% raw %}"], "secret": "s3cret"}

    assert rendered('{"variants": [{"text": "Said: {{ data.posts[0] }}"}]}', evil) == "Said: {{ data.secret }}{% raw %}"


def test_when_comes_before_chance() -> None:
    """A variant whose condition holds wins; without one, those without a condition take turns."""
    source = """
variants:
  - {when: data.n > 10, json: {v: big}}
  - {json: {v: one}}
  - {json: {v: two}}
"""
    seeds = [sha256(bytes([n])).digest() for n in range(60)]

    assert {rendered(source, {"n": 11}, seed)["v"] for seed in seeds} == {"big"}
    counts = Counter(rendered(source, {"n": 1}, seed)["v"] for seed in seeds)
    assert {*counts} == {"one", "two"}
    assert min(counts.values()) > 15


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        ({"json": {"a": [{"b": "{{ data.nothing }}"}]}}, ["variants[0].json.a[0].b", "`data.nothing`"]),
        ({"json": {"a": "{{ data.nothing.more }}"}}, ["json.a", "data.nothing.more"]),
        ({"json": {"a": "{{ [data.nothing] }}"}}, ["json.a", "nothing"]),
        ({"json": {"a": "{{ data.account.handle + 1 }}"}}, ["json.a", "data.account.handle + 1"]),
        ({"json": {"a": "{{ 1 / 0 }} x"}}, ["json.a", "division by zero"]),
        ({"json": {"a": "{{ data.account.handle | pct }}"}}, ["json.a", "pct"]),
        ({"json": {"a": "{{ unclosed"}}, ["json.a", "unclosed"]),
        ({"json": {"a": "{{ 1 | nofilter }}"}}, ["json.a", "nofilter"]),
        ({"json": {"a": {"$each": "data.account.followers", "$make": 1}}}, ["json.a.$each", "not a list"]),
        ({"json": {"a": {"$each": "data.posts"}}}, ["json.a", "$make"]),
        ({"json": {"a": {"$each": "data.posts", "$make": 1, "more": 2}}}, ["json.a", "more"]),
        ({"json": {"a": "{{ ''.__class__.__mro__ }}"}}, ["json.a", "unsafe"]),
        ({"text": "x {{ data.nothing }}"}, ["text", "nothing"]),
        ({"text": "x", "when": "data.nothing > 1"}, ["when", "nothing"]),
        ({"text": "x", "when": "1 +"}, ["when", "1 +"]),
        ({"text": "x", "let": {"y": "{{ data.nothing }}"}}, ["let.y", "nothing"]),
        ({"text": "x", "when": "false"}, ["no variant"]),
        ({"text": "x", "json": {}}, ["exactly one"]),
        ({}, ["exactly one"]),
        ({"text": "x", "wenn": "true"}, ["wenn"]),
    ],
)
def test_errors_name_the_place(variant: dict[str, Any], told: list[str]) -> None:
    """Whatever is wrong with a fixture, the error names the fixture, the place in it, and the expression."""
    with pytest.raises(OutputInvalidError) as wrong:
        rendered(json.dumps({"variants": [variant]}))

    assert all(part in wrong.value.message for part in ["mock fixture sample", *told])


@pytest.mark.parametrize("text", ["", "variants: []", "variants: [", "other: 1", "- 1"])
def test_files_are_checked(text: str) -> None:
    """A file that is no fixture is refused by name."""
    with pytest.raises(OutputInvalidError, match="mock fixture sample"):
        Fixture.read("sample", text)


def test_inputs_are_known() -> None:
    """A fixture knows which data blocks its templates speak of, in every place where they can."""
    source = """
variants:
  - when: data.a
    let: {x: "{{ data.b }}"}
    json: {k: "{{ data['c'] }}", l: {$each: data.d.e, $if: data.f, $make: "{{ item.g + data.h }}"}}
  - text: "{% if data.i %}{{ x.j }}{% endif %}"
"""

    assert Fixture.read("sample", source).inputs == set("abcdfhi")


def test_names_are_looked_for_in_order(tmp_path: Path, folders: None) -> None:
    """The first name that has a file counts; none: the default. Earlier folders hide later ones."""
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "scout.yaml").write_text("variants: [{text: near}]")
    (tmp_path / "scout.yaml").write_text("variants: [{text: far}]")
    (tmp_path / "scout.plan.yaml").write_text("variants: [{text: plan}]")
    use_fixture_folders(tmp_path / "near", tmp_path)

    assert find_fixture("scout.plan", "scout").text({}, bytes(8)) == "plan"
    assert find_fixture("scout.else", "scout").text({}, bytes(8)) == "near"
    assert [one.name for one in all_fixtures()] == ["scout", "scout.plan"]
    assert json.loads(find_fixture("nobody").text({}, bytes(8)))["status"] == "ok"


@pytest.mark.parametrize("name", ["../scout", "/etc/passwd", "..", "_default/../_default"])
def test_names_are_no_paths(name: str) -> None:
    """An agent's name never reaches the file system."""
    assert find_fixture(name).name == "_default"


def test_shipped_fixtures_load() -> None:
    """Every fixture file in the tree can be read, and all its templates compile."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {"_default", *(one.name for one in all_fixtures())}
