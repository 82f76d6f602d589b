"""Reads captions with the rulebook: every place that deserves a look, with the words quoted and the rule named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.agents.quoting import excerpt
from shared.agents.scores.figures import Figures
from shared.agents.scores.rulebook import (
    BANNED_TERM,
    DISCLOSURE_TAGS,
    DISCLOSURE_WORDS,
    RULES,
    SEVERITIES,
    Rule,
    Severity,
)
from shared.agents.scores.windows import newest_first
from shared.providers.records import AccountData, Post

READ_CHARACTERS = 5000  # TikTok allows 4,000 in a caption; a longer one is a fault of the file
QUOTE_BEFORE, QUOTE_CHARACTERS = 40, 160
_DISCLOSED = re.compile(DISCLOSURE_WORDS, re.IGNORECASE)


class Finding(Figures):
    """One rule that fired on one post. `finding_id` is the post's id and the rule's id; `quote` holds the words."""

    finding_id: str
    rule_id: str
    severity: Severity
    title: str
    advice: str
    post_id: str
    url: str | None
    published_at: datetime
    matched: str
    quote: str


class Reading(Figures):
    """What was read, and what was found: the gravest first, then the newest."""

    posts_read: int
    posts_with_caption: int
    findings: tuple[Finding, ...]

    def count_by_severity(self) -> dict[Severity, int]:
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}


def read_captions(account: AccountData, *, window_days: int = 365, banned_terms: Sequence[str] = ()) -> Reading:
    """Reads every caption of the last `window_days` with every rule, and with the brand's banned terms."""
    since = account.as_of - timedelta(days=window_days)
    posts = newest_first(post for post in account.posts if since < post.published_at <= account.as_of)
    banned = banned_pattern(banned_terms)
    found = [finding for post in posts for finding in _findings(post, banned)]
    return Reading(
        posts_read=len(posts),
        posts_with_caption=sum(bool(post.caption.strip()) for post in posts),
        findings=tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def is_disclosed(post: Post) -> bool:
    """Whether viewers are told of a commercial interest: by the platform's ad mark, a hashtag, or words."""
    tagged = not DISCLOSURE_TAGS.isdisjoint(post.hashtags)
    return bool(post.is_ad) or tagged or _DISCLOSED.search(post.caption[:READ_CHARACTERS]) is not None


def _findings(post: Post, banned: re.Pattern[str] | None) -> list[Finding]:
    caption = post.caption[:READ_CHARACTERS]
    disclosed = is_disclosed(post)
    found = [_finding(post, rule, span) for rule in RULES if (span := _span(post, caption, rule, disclosed))]
    term = banned.search(caption) if banned else None
    return [*found, _banned_finding(post, term.span())] if term else found


def _span(post: Post, caption: str, rule: Rule, disclosed: bool) -> tuple[int, int] | None:
    """Where the rule fires in the caption; a hashtag that is not in the caption's text points at its start."""
    if disclosed and rule.disclosure_settles:
        return None
    match = rule.looks_for.search(caption)
    tag = next((tag for tag in post.hashtags if tag in rule.tags), None)
    if match is None and tag is None:
        return None
    if rule.settled_by is not None and rule.settled_by.search(caption):
        return None
    if match is not None:
        return match.span()
    place = caption.lower().find(f"#{tag}")
    return (place, place + len(f"#{tag}")) if place >= 0 else (0, 0)


def _finding(post: Post, rule: Rule, span: tuple[int, int]) -> Finding:
    tag = next((tag for tag in post.hashtags if tag in rule.tags), "")
    return Finding(
        finding_id=f"{post.id}:{rule.id}",
        rule_id=rule.id,
        severity=rule.severity,
        title=rule.title,
        advice=rule.advice,
        post_id=post.id,
        url=post.url,
        published_at=post.published_at,
        matched=excerpt(post.caption[slice(*span)], 80) or f"#{tag}",
        quote=_quote(post.caption, span),
    )


def _banned_finding(post: Post, span: tuple[int, int]) -> Finding:
    return Finding(
        finding_id=f"{post.id}:{BANNED_TERM}",
        rule_id=BANNED_TERM,
        severity="medium",
        title="A term that the brand does not use",
        advice="Replace the term: the brand's own guidelines rule it out.",
        post_id=post.id,
        url=post.url,
        published_at=post.published_at,
        matched=excerpt(post.caption[slice(*span)], 80),
        quote=_quote(post.caption, span),
    )


def _quote(caption: str, span: tuple[int, int]) -> str:
    start = max(0, span[0] - QUOTE_BEFORE)
    text = excerpt(caption[start : start + 4 * QUOTE_CHARACTERS], QUOTE_CHARACTERS)
    return f"…{text}" if start and text else text


def banned_pattern(terms: Sequence[str]) -> re.Pattern[str] | None:
    """Whole words, any case. The longest first, so that the fuller term is the one quoted."""
    words = sorted({term.strip() for term in terms if term.strip()}, key=lambda term: (-len(term), term))
    if not words:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
