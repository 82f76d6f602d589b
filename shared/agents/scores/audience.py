"""Who follows and when they are there: what the source knows of the audience, and what comments tell of its hours."""

from __future__ import annotations

from typing import Literal

from shared.agents.scores.figures import Figures, is_owners, rounded
from shared.agents.scores.segments import BUSIEST_HOURS, busiest_hours
from shared.providers.records import AccountData

HoursBasis = Literal["audience_data", "comment_times", "unknown"]


class AudienceFigures(Figures):
    """Shares 0..1 by group; an empty map is unknown. `active_hours` are UTC hours, the busiest first."""

    age_shares: dict[str, float]
    gender_shares: dict[str, float]
    region_shares: dict[str, float]
    active_hours: tuple[int, ...]
    active_hours_basis: HoursBasis
    comments_counted: int


def audience_of(account: AccountData) -> AudienceFigures:
    """The audience's shares as the source gives them, and its active hours."""
    given = account.audience
    hours, basis, counted = _active_hours(account)
    return AudienceFigures(
        age_shares=_largest_first(given.age_shares) if given else {},
        gender_shares=_largest_first(given.gender_shares) if given else {},
        region_shares=_largest_first(given.region_shares) if given else {},
        active_hours=hours,
        active_hours_basis=basis,
        comments_counted=counted,
    )


def _active_hours(account: AccountData) -> tuple[tuple[int, ...], HoursBasis, int]:
    """The hours the source names; else those of the comments, if there are 20; else unknown."""
    comments = [
        comment.posted_at.hour for comment in account.comments or () if not is_owners(comment, account.profile.handle)
    ]
    shares = account.audience.active_hour_shares if account.audience else {}
    if shares:
        most_first = sorted(shares, key=lambda hour: (-shares[hour], hour))
        return tuple(int(hour) for hour in most_first[:BUSIEST_HOURS]), "audience_data", len(comments)
    found = busiest_hours(comments)
    return found, "comment_times" if found else "unknown", len(comments)


def _largest_first(shares: dict[str, float]) -> dict[str, float]:
    return {name: rounded(shares[name]) or 0.0 for name in sorted(shares, key=lambda name: (-shares[name], name))}
