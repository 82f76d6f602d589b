"""Bodies that cannot be read, or are too large: refused before anything is written, and before much is read."""

from __future__ import annotations

import pytest

from tests.support.doors import BRIEFS, POSTS, PROBLEM, Doors, Flood, Person, refusal

LIMIT = 1_000_000
DEEP = 10_000
MALFORMED = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "not json": b"handle=@lakucosmetics",
    "cut off": b'{"handle": "@laku',
    "two documents": b"{}{}",
    "trailing comma": b'{"handle": "a",}',
    "an array": b"[]",
    "null": b"null",
    "a string": b'"handle"',
    "a number": b"1",
    "not utf-8": b'{"handle": "\xff\xfe\xfa"}',
    "NaN": b'{"budget_usd": NaN}',
    "Infinity": b'{"budget_usd": Infinity}',
    "minus Infinity": b'{"fields": {"a": [-Infinity]}}',
    "a name twice": b'{"handle": "a", "handle": "b"}',
    "a name twice, deep": b'{"fields": {"a": {"b": 1, "b": 1}}}',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep arrays, cut off": b"[" * DEEP * 10,
    "51 levels": b'{"fields":' + b'{"a":' * 50 + b"1" + b"}" * 51,
    "a huge whole number": b'{"fields": {"a": ' + b"9" * 1001 + b"}}",
    "a whole number beyond what Python reads": b'{"fields": {"a": -' + b"9" * 5000 + b"}}",
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("name", MALFORMED)
def test_an_unreadable_body_is_refused(person: Person, path: str, name: str) -> None:
    """400 with one sentence about the body, at every door that takes one; nothing is written."""
    with person.writes_nothing():
        problem = refusal(person.post(path, data=MALFORMED[name]), 400)

    assert problem["title"] == "malformed_body"
    assert problem["detail"].startswith("the body ")
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("length", [2 * LIMIT, None], ids=["announced", "in chunks"])
def test_a_large_body_is_refused(person: Person, path: str, length: int | None) -> None:
    """413 for two megabytes, with and without a length, and no more of it is read than the limit."""
    flood = Flood(2 * LIMIT)

    with person.writes_nothing():
        answer = person.doors.knock_raw(path, person.token_for(path), flood, length)

    assert (answer.status, answer.content_type) == (413, PROBLEM)
    assert str(LIMIT).encode() in answer.body
    assert flood.taken <= (0 if length else LIMIT + 1)


@pytest.mark.parametrize("length", [50 * LIMIT, None], ids=["announced", "in chunks"])
def test_a_stranger_cannot_make_us_read(doors: Doors, length: int | None) -> None:
    """Without a token not one byte of the body is read into memory, however much is sent."""
    flood = Flood(50 * LIMIT)

    answer = doors.knock_raw(BRIEFS, None, flood, length)

    assert (answer.status, answer.content_type) == (401, PROBLEM)
    assert flood.taken == 0


def test_a_body_of_exactly_the_limit_is_read(person: Person) -> None:
    """The limit itself is allowed: the refusal is about a field then."""
    body = b'{"handle": "' + b"x" * (LIMIT - 14) + b'"}'
    assert len(body) == LIMIT

    assert refusal(person.post(BRIEFS, data=body), 422)["field"] == "handle"


@pytest.mark.parametrize("length", [100, 2], ids=["valid so far", "complete"])
def test_a_body_that_breaks_off_is_refused(person: Person, length: int) -> None:
    """What ends before its announced length is no request, even if it reads as JSON so far."""
    flood = Flood(0)

    with person.writes_nothing():
        answer = person.doors.knock_raw(BRIEFS, person.token, flood, length)

    assert (answer.status, answer.content_type) == (400, PROBLEM)
    assert b"broke off" in answer.body


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_in_any_unicode_encoding_is_read(person: Person, encoding: str) -> None:
    """RFC 4627 allowed them, and some spreadsheets' scripts still send a byte-order mark."""
    assert person.post(BRIEFS, data='{"handle": "@lakucosmetics"}'.encode(encoding)).status_code == 201


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", "nonsense", ""])
def test_the_content_type_does_not_matter(person: Person, content_type: str) -> None:
    """The body is JSON whatever it is called; a form is never parsed."""
    answer = person.post(BRIEFS, data=b'{"handle": "@lakucosmetics"}', headers={"Content-Type": content_type})

    assert answer.status_code == 201


def test_a_read_with_a_body_is_refused(person: Person) -> None:
    """A GET takes no fields: what is sent along is named, not passed over."""
    assert refusal(person.get(BRIEFS, data=b'{"limit": 1}'), 422)["field"] == "limit"
