"""Money is a Decimal in US dollars with eight places, never a float. One Haiku call costs about $0.00005."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
PLACES = Decimal("0.00000001")


def usd(value: Decimal | int | str) -> Decimal:
    """The amount, rounded to the eight places that the tables keep."""
    return Decimal(value).quantize(PLACES, rounding=ROUND_HALF_EVEN)


def show_usd(value: Decimal) -> str:
    """For people: `$0.0123`. Small amounts keep the digits that matter, so that nothing real reads as zero."""
    if value == 0:
        return "$0.00"
    sign, size = "-" if value < 0 else "", abs(value)
    return f"{sign}${size:.4f}" if size >= Decimal("0.01") else f"{sign}${size:.6f}"
