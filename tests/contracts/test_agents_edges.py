"""Reports on accounts at the edge: nothing untrue is said of them, and what is missing is said as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from shared.agents.synthesis import SynthesisAgent
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.accounts import AS_OF
from tests.support.audits import AUDIT, MemoryRecords, a_file_of, run_in_this_mode

Item = dict[str, Any]
PLURALS = "posts|captions|hashtags|findings|days|comments"
CLUMSY = re.compile(rf"\b1 (?:recent |baseline |settled )?(?:{PLURALS})\b|\.\.|: \.")


def item(place: int, days: float, tags: Sequence[str] = (), handle: str = "edge", **fields: Any) -> Item:
    """A row of a scraper's file: a post so many days before the builders' date."""
    given: Item = {
        "id": str(7_000_000_000_000_000_000 + place),
        "text": " ".join((f"Post {place}", *(f"#{tag}" for tag in tags))),
        "createTime": int((AS_OF - timedelta(days=days)).timestamp()),
        "playCount": 1000,
        "diggCount": 80,
        "commentCount": 10,
        "shareCount": 5,
        "hashtags": [{"name": tag} for tag in tags],
        "videoMeta": {"duration": 20},
        "authorMeta": {"name": handle, "fans": 500},
        **fields,
    }
    return {name: value for name, value in given.items() if value is not None}


NEWS = [item(100 + place, 2 * place, ["fresh"], "other") for place in range(10)]
ACCOUNTS: dict[str, list[Item]] = {
    "all ads": [item(place, 2 * place + 1, ["glow"], isAd=True) for place in range(20)],
    "some ads": [item(place, 2 * place + 1, ["a" if place % 2 else "b"], isAd=place % 3 == 0) for place in range(40)],
    "silent": [*(item(place, 400 + 3 * place, ["garden"]) for place in range(20)), *NEWS],
    "one tag": [item(place, 1.5 * place + 1, ["aster", "soup"][: 1 + (place % 5 == 0)]) for place in range(30)],
    "one tag alone": [item(place, 2 * place + 1, ["mute"]) for place in range(25)],
    "one post": [item(0, 5, ["hello"])],
    "two posts": [item(0, 5, ["hello"]), item(1, 30)],
    "no views": [item(place, 2 * place + 1, ["mute"], playCount=None) for place in range(25)],
    "unseen": [
        item(place, 2 * place + 1, playCount=0, diggCount=0, commentCount=0, shareCount=0) for place in range(25)
    ],
    "no captions": [item(place, 2 * place + 1, text="", playCount=1000 + 7 * place) for place in range(30)],
    "brand new": [item(place, 0.2 + 0.1 * place, ["n"]) for place in range(12)],
    "weak days": [item(place, place, ["x"], playCount=[1000, 400][place % 7 == 3]) for place in range(40)],
    "many findings": [item(place, 2 * place + 1, text="Cures acne | in 3 days <b>x</b>") for place in range(24)],
}
SAID: dict[str, list[str]] = {
    "all ads": [
        "reach trend: all 20 posts of the last 44 days are ads.",
        "view collapse | unknown | Not enough data: all 20 posts read are ads.",
        "Not enough data: all 20 posts of the last 180 days are ads.",
        "- 20 of 20 posts read are ads: ads are left out",
    ],
    "some ads": ["- 14 of 40 posts read are ads: ads are left out"],
    "silent": [
        "- First: Run this again when the account posts: its newest post is 400 days older than the data.",
        "- compliance: no post in the last 365 days, the newest is 400 days old.",
        "- The account's newest post is 400 days older than the data: it says nothing of today.",
    ],
    "one tag": [
        "#aster is on 28 of 28 posts, so it sets no group apart.",
    ],
    "one tag alone": [
        "no group of hashtags is on 3 posts or more but what nearly all posts carry, such as #mute (24 of 24).",
    ],
    "one post": [
        "(1 post read)",
        "- consistency: 1 post in 44 days, 5 are needed.",
        "the one post of the last 44 days is younger than 48 hours.",
        "No hashtag rises: 1 hashtag read, none with 5 posts or more in 7 days",
        "1 caption read;",
    ],
    "two posts": [
        "1 baseline post with this figure, 5 are needed",
        "the posts read go back 25 days, 28 days are needed",
    ],
    "no views": ["- reach trend: views are unknown in this data.", "- Views are not in the data: unknown, not zero."],
    "unseen": [
        "reach trend: the median before is zero, which nothing can be compared with.",
        "- trend watcher: no hashtag was counted in the last 14 days of the data.",
        "- audience mapper: none of the 24 posts carries a hashtag.",
    ],
    "no captions": ["- compliance: of 30 posts in 365 days none has a caption."],
    "brand new": [
        "all 12 posts of the last 44 days are younger than 48 hours.",
        "(consistency 100 of 100), so the account's overall state is unknown.",
    ],
    "weak days": ["0.4 times"],
    "many findings": ["- And 19 more open findings, in the output of this step."],
}
NEVER = (
    "the rest would be a new subject",
    "Views hold",
    "which also draws the most for its number of posts. 23",
    "Get data that holds what is missing for engagement trend",
    "for this group",
)


@cache
def report_on(name: str) -> str:
    """The report of a Profile Audit of this account, by the mock model."""
    with TemporaryDirectory() as folder, a_file_of(ACCOUNTS[name], Path(folder)) as dataset:
        given = {"handle": "edge", "dataset": dataset, "target_type": "own_brand"}
        upstream = {
            agent.name: {
                "agent_name": agent.name,
                "label": agent.name.replace("_", " "),
                "status": "succeeded",
                "output": run_in_this_mode(agent(MemoryRecords()), given).output,
            }
            for agent in AUDIT
        }
        workflow = {"slug": PROFILE_AUDIT.slug, "name": PROFILE_AUDIT.name}
        facts = {"workflow": workflow, "brief": given, "upstream": upstream}
        return str(run_in_this_mode(SynthesisAgent(MemoryRecords()), facts).output["report_md"])


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_report_says_what_is_so(name: str) -> None:
    """What is missing, and why, in the account's own numbers."""
    missing = [text for text in SAID[name] if text not in report_on(name)]

    assert missing == [], report_on(name)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_report_says_nothing_clumsy(name: str) -> None:
    """One post is not "1 posts", no sentence ends twice, and nothing is claimed that the figures do not hold."""
    report = report_on(name)

    assert CLUMSY.findall(report.replace("  \n", "\n")) == [], report
    assert [text for text in NEVER if text in report] == []
    assert "Numbers above that the steps' outputs do not hold" not in report


def test_a_low_group_is_not_called_the_highest() -> None:
    """Where all that stands out lies below the median, the report says so."""
    report = report_on("weak days")

    assert re.search(r"all lie below the median|no group lies above the median", report), report
