"""The rulebook on captions: what each rule finds, what settles it, and what a model's judgement may change."""

from __future__ import annotations

import pytest

from shared.agents.compliance import Judgement, Judgements, alert_for, in_short, judged
from shared.agents.scores.rulebook import RULES
from shared.agents.scores.rules import Reading, read_captions
from shared.providers.records import Post
from tests.support.accounts import a_post, an_account

FOUND = [
    ("undisclosed_partnership", "Gifted by GlowLab, love it"),
    ("undisclosed_partnership", "what my friends at GlowLab sent me"),
    ("undisclosed_promotion", "Use code SHINE20 this week"),
    ("undisclosed_promotion", "25% off until Friday"),
    ("medical_claim", "this serum cures acne in 3 days"),
    ("medical_claim", "Heals your stubborn eczema"),
    ("proof_claim", "Clinically proven to work"),
    ("cosmetic_overclaim", "Erases wrinkles, guaranteed results"),
    ("weight_loss_claim", "I lost 10 kg with this tea"),
    ("before_after", "Before & after, 2 weeks"),
    ("giveaway_terms", "Tag 3 friends to win a set"),
    ("restricted_goods", "new vape flavours"),
    ("superlative", "the best serum in the world"),
]
HARMLESS = [
    "My partner made dinner",
    "dress code: black tie",
    "she is a gift to me",
    "rum cake recipe",
    "how I treat my hair on sundays",
    "we cure the clay for a day",
    "no more excuses, best day of my life",
    "the rules of fashion",
    "",
]


def rules_on(caption: str, **fields: object) -> list[str]:
    post = a_post(3, caption=caption, **fields)
    return [finding.rule_id for finding in read_captions(an_account((post,))).findings]


@pytest.mark.parametrize(("rule_id", "caption"), FOUND)
def test_rules_find(rule_id: str, caption: str) -> None:
    """Each rule finds the words that it is there for."""
    assert rule_id in rules_on(caption)


def test_every_rule_is_tried() -> None:
    """The captions above try each rule of the book."""
    assert {rule_id for rule_id, _ in FOUND} == {rule.id for rule in RULES}


@pytest.mark.parametrize("caption", HARMLESS)
def test_harmless_words(caption: str) -> None:
    """Words that only look alike are passed over."""
    assert rules_on(caption) == []


@pytest.mark.parametrize(
    ("caption", "fields"),
    [
        ("Gifted by GlowLab #ad", {"hashtags": ("ad",)}),
        ("Paid partnership. Use code SHINE20", {}),
        ("Gifted by GlowLab", {"is_ad": True}),
        ("Before and after. Results may vary", {}),
        ("Giveaway! Terms in bio", {}),
        ("Clinically proven in a study of 40 women", {}),
    ],
)
def test_what_settles_a_rule(caption: str, fields: dict[str, object]) -> None:
    """A disclosure settles advertising, terms settle a giveaway, a study settles a proof."""
    assert rules_on(caption, **fields) == []


def test_a_disclosure_settles_no_claim() -> None:
    """An ad that says so still may not promise a cure."""
    assert rules_on("Advertisement: cures acne #ad", hashtags=("ad",)) == ["medical_claim"]


def test_a_hashtag_alone_fires() -> None:
    """A hashtag that stands for restricted goods is enough, and is quoted."""
    found = read_captions(an_account((a_post(3, caption="so smooth #vape", hashtags=("vape",)),))).findings[0]

    assert (found.rule_id, found.matched) == ("restricted_goods", "vape")


def test_evidence_is_quoted() -> None:
    """A finding names its post and quotes the words around the match."""
    post = a_post(3, caption="x" * 100 + " this cures acne overnight " + "y" * 300, id="77")
    found = read_captions(an_account((post,))).findings[0]

    assert (found.finding_id, found.post_id, found.matched) == ("77:medical_claim", "77", "cures acne")
    assert "this cures acne overnight" in found.quote
    assert len(found.quote) <= 161


def test_banned_terms() -> None:
    """A brand's terms are found as whole words in any case, the longest first; regular expressions are plain text."""
    account = an_account(
        (a_post(3, caption="Our ANTI-AGEING hero"), a_post(4, caption="sea.ageing x"), a_post(5, caption="c++"))
    )
    found = read_captions(account, banned_terms=("ageing", "anti-ageing", " ", "c++", "(")).findings

    assert [finding.matched for finding in found] == ["ANTI-AGEING", "ageing", "c++"]


def test_the_gravest_come_first() -> None:
    """High before medium before low, and newer before older within."""
    captions = ["the best serum in the world", "25% off", "cures acne"]
    account = an_account(tuple(a_post(3 + place, caption=text) for place, text in enumerate(captions)))

    assert [finding.severity for finding in read_captions(account).findings] == ["high", "medium", "low"]


def test_a_huge_caption_is_read_in_part() -> None:
    """A caption of a million characters is read up to 5,000, and fast."""
    assert rules_on("tag " * 250_000 + " cures acne") == []


def test_no_caption_is_not_compliance() -> None:
    """Posts without a caption are counted, and nothing is said of them."""
    account = an_account((a_post(3), a_post(4, caption="  \n")))
    reading = read_captions(account)

    assert (reading.posts_read, reading.posts_with_caption) == (2, 0)
    assert in_short(account, reading, 365) == "Not enough data: of 2 posts in 365 days none has a caption."


def reading_of(*posts: Post) -> Reading:
    return read_captions(an_account(posts))


def said(finding_id: str, verdict: str = "dismiss") -> Judgements:
    one = Judgement.model_validate({"finding_id": finding_id, "verdict": verdict, "reason": "r", "rewrite": "w"})
    return Judgements(summary="", judgements=[one])


def test_invented_findings_are_dropped() -> None:
    """A judgement of a finding that is not ours changes nothing: ours stand as not judged."""
    found = judged(reading_of(a_post(3, id="1", caption="cures acne")).findings, said("2:medical_claim"))

    assert [(one.finding_id, one.verdict) for one in found] == [("1:medical_claim", "not_judged")]


def test_a_dismissed_finding_keeps_no_rewrite() -> None:
    """Dismissed stays listed with its reason, and offers no other words."""
    found = judged(reading_of(a_post(3, id="1", caption="cures acne")).findings, said("1:medical_claim"))

    assert (found[0].verdict, found[0].verdict_reason, found[0].rewrite) == ("dismiss", "r", "")


def test_alert_on_open_high_findings() -> None:
    """A high finding that is kept or not judged raises an alert; dismissed or medium ones do not."""
    posts = (a_post(3, id="1", caption="cures acne"), a_post(4, id="2", caption="25% off"))
    findings = reading_of(*posts).findings
    account = an_account(posts)
    kept = alert_for(account, judged(findings, said("1:medical_claim", "keep")))

    assert kept is not None
    assert kept.evidence["findings_total"] == 1
    assert alert_for(account, judged(findings, said("1:medical_claim"))) is None


def test_alert_key_names_the_set() -> None:
    """The same findings have the same key in any order; another finding makes another key."""
    one, two = a_post(3, id="1", caption="cures acne"), a_post(4, id="2", caption="heals eczema")
    nothing = Judgements(summary="", judgements=[])
    sets = ((one, two), (two, one), (one,))
    alerts = [alert_for(an_account(posts), judged(reading_of(*posts).findings, nothing)) for posts in sets]
    first, same, other = [alert.dedupe_key for alert in alerts if alert]

    assert first == same != other
