"""The table of the audit: the one file that BigQuery's table is made from, and whether an event fits it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

from shared.core.canonical import JsonObject

SCHEMA_FILE = "audit_event.schema.json"
# Columns that the BigQuery subscription writes: an event must not hold them.
WRITTEN_BY_SUBSCRIPTION = frozenset({"subscription_name", "message_id", "publish_time", "attributes"})
NUMERIC_SCALE = 9  # digits after the point that BigQuery's NUMERIC keeps


@cache
def columns() -> dict[str, JsonObject]:
    """The columns of the table by name, as the file has them."""
    found = json.loads(files("shared.audit").joinpath(SCHEMA_FILE).read_text(encoding="utf-8"))
    return {column["name"]: column for column in found}


def misfits(event: JsonObject) -> list[str]:
    """Why BigQuery would refuse this event; empty if it fits. A field that the table does not know is refused too."""
    known = {name: column for name, column in columns().items() if name not in WRITTEN_BY_SUBSCRIPTION}
    found = [f"{name}: is no column" for name in event if name not in known]
    for name, column in known.items():
        if event.get(name) is None:
            found += [f"{name}: is missing"] if column["mode"] == "REQUIRED" else []
        elif not FITS[column["type"]](event[name]):
            found.append(f"{name}: is no {column['type']}")
    return found


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_numeric(value: Any) -> bool:
    try:
        exponent = Decimal(value).as_tuple().exponent if isinstance(value, str) else None
    except InvalidOperation:
        return False
    return isinstance(exponent, int) and exponent >= -NUMERIC_SCALE


def _is_timestamp(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and re.search("[\ud800-\udfff]", value) is None


FITS: dict[str, Callable[[Any], bool]] = {
    "STRING": _is_text,
    "INTEGER": _is_integer,
    "NUMERIC": _is_numeric,
    "TIMESTAMP": _is_timestamp,
}
