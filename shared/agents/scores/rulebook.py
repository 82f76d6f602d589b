"""The rules that captions are read with. Each says what it looks for, what settles it, and what to do instead.

The rules follow TikTok's Branded Content Policy and Advertising Policies, and the advertising law that stands behind
them in the US (FTC Endorsement Guides, FDA on drug and cosmetic claims) and the EU (UCPD, Regulation 655/2013 on
cosmetic claims). They find words that deserve a look; they are not legal advice, and they read English best.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")

# Tags and words that tell viewers of the commercial interest. In several languages: captions are.
DISCLOSURE_TAGS = frozenset(
    {"ad", "ads", "adv", "advert", "advertisement", "sponsored", "sponsoredpost", "paidpartnership", "paidad", "gifted"}
    | {"prsample", "werbung", "anzeige", "publicite", "publicité", "publi", "publicidad", "pubblicita"}
)
DISCLOSURE_WORDS = (
    r"\bpaid (?:partnership|promotion)\b|\badvertisement\b|\banzeige\b|\bwerbung\b|\bpublicidad\b"
    r"|\bcollaboration commerciale\b"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It fires on `looks_for` in the caption or on one of `tags`, unless `settled_by` is in the caption.

    `disclosure_settles` says that an ad disclosure answers it as well.
    """

    id: str
    severity: Severity
    title: str
    advice: str
    looks_for: re.Pattern[str]
    tags: frozenset[str] = frozenset()
    settled_by: re.Pattern[str] | None = None
    disclosure_settles: bool = False


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_CONDITIONS = (
    r"(?:acne|eczema|psoriasis|rosacea|dermatitis|melasma|cellulite|scars?|infections?|inflammation|arthritis|anxiety"
    r"|depression|insomnia|diabetes|cancer|allerg(?:y|ies)|migraines?|hair loss|alopecia|fung(?:us|al)|adhd)"
)

RULES: tuple[Rule, ...] = (
    Rule(
        id="undisclosed_partnership",
        severity="high",
        title="Partnership without a disclosure",
        advice="Switch on TikTok's content disclosure setting (Paid partnership) and name the partner in the caption.",
        looks_for=_any(
            r"\bgifted by\b",
            r"\bsponsored by\b",
            r"\bin (?:paid )?partnership with\b",
            r"\bpartner(?:ed|ing) (?:up )?with\b",
            r"\bbrand (?:ambassador|partner)\b",
            r"\bthanks? (?:you )?to @?[\w.]{2,30} for (?:sending|gifting|the pr)\b",
            r"\b(?:friends|people|folks|team) (?:at|from) @?[\w.]{2,30} (?:sent|gifted|gave)\b",
            r"\bpr (?:package|unboxing|haul)\b",
            r"\baffiliate (?:link|code)s?\b",
            r"\bi (?:earn|get) (?:a )?(?:small )?commission\b",
        ),
        tags=frozenset({"brandambassador", "brandpartner", "affiliate", "affiliatelink", "prpackage", "prunboxing"}),
        disclosure_settles=True,
    ),
    Rule(
        id="undisclosed_promotion",
        severity="medium",
        title="Promotion without a disclosure",
        advice="Switch on the content disclosure setting (Your brand for own goods, else Paid partnership).",
        looks_for=_any(
            r"\b(?:use|with) (?:my |our |the )?(?:promo |discount )?code:? ?[\"'“]?[A-Z0-9]{3,}",
            r"\b(?:promo|discount|coupon) code\b",
            r"\b\d{1,2} ?% off\b",
            r"\bshop (?:now|the link|via the link)\b",
            r"\b(?:buy|order|grab (?:it|yours)) (?:now|today)\b",
        ),
        disclosure_settles=True,
    ),
    Rule(
        id="medical_claim",
        severity="high",
        title="Medical claim",
        advice="Say how it looks or feels (helps skin look calmer), not what it cures, treats or prevents.",
        looks_for=_any(
            rf"\b(?:cure[sd]?|heal(?:s|ed)?|treat(?:s|ed)?|eliminates?|prevents?|reverses?) (?:your |my |the |all )?"
            rf"(?:\w+ )?{_CONDITIONS}\b",
            rf"\b(?:cure|remedy|treatment) for (?:\w+ )?{_CONDITIONS}\b",
            r"\b(?:fda|ema)[- ]approved\b",
            r"\bdoctors? (?:hate|don'?t want you)\b",
            r"\bantibacterial|\bantiviral\b|\bkills? (?:99|bacteria|viruses|germs)",
        ),
    ),
    Rule(
        id="proof_claim",
        severity="medium",
        title="Claim of scientific proof",
        advice="Name the study beside the claim (who, how many people, what was measured), or leave the claim out.",
        looks_for=_any(
            r"\b(?:clinically|scientifically|medically) (?:proven|tested to|shown)\b",
            r"\b(?:dermatologist|doctor)s? (?:recommend(?:ed|s)?|approved)\b",
            r"\bproven (?:results|to (?:work|reduce|remove|boost))\b",
        ),
        settled_by=_any(r"\bstudy\b.{0,80}\b(?:participants|people|women|men|n ?=)", r"\bn ?= ?\d+"),
    ),
    Rule(
        id="cosmetic_overclaim",
        severity="medium",
        title="Result that a cosmetic cannot promise",
        advice="Promise an appearance and a time frame that you can show; drop permanent, instant and guaranteed.",
        looks_for=_any(
            r"\b(?:permanently|instantly|completely) (?:removes?|erases?|clears?|gets? rid of)\b",
            r"\b(?:erases?|removes?|gets? rid of) (?:all |your |deep )*(?:wrinkles|fine lines|dark spots|pores)\b",
            r"\b(?:guaranteed|100 ?%) (?:results?|clear|effective)\b",
            r"\b(?:reverses?|stops?) ag(?:e)?ing\b",
            r"\bmiracle (?:cream|serum|product|cure|oil)\b",
            r"\b(?:overnight|instant) (?:results?|transformation|cure)\b",
        ),
    ),
    Rule(
        id="weight_loss_claim",
        severity="high",
        title="Weight-loss claim",
        advice="TikTok does not allow weight-loss products and claims in promotion: take the claim out.",
        looks_for=_any(
            r"\b(?:lose|lost|drop|dropped|shed) (?:up to )?\d+ ?(?:kg|kilos?|lbs?|pounds)\b",
            r"\bburns? (?:belly )?fat\b",
            r"\b(?:fat[- ]burn(?:er|ing)|appetite suppress(?:ant|or)|slimming (?:tea|pill)s?|detox tea)\b",
        ),
        tags=frozenset({"fatburner", "slimmingtea", "detoxtea", "skinnytea"}),
    ),
    Rule(
        id="before_after",
        severity="medium",
        title="Before-and-after comparison",
        advice="Say that results vary, use the same light and no filter, and keep it out of ads.",
        looks_for=_any(r"\bbefore ?(?:and|&|/|vs\.?|\+|➡️?|→) ?(?:the )?after\b", r"\bb4 ?(?:and|&|/) ?after\b"),
        tags=frozenset({"beforeandafter", "beforeafter", "beforevsafter", "beforeandafterskin"}),
        settled_by=_any(r"\b(?:individual )?results (?:may |can |will )?(?:vary|differ)\b"),
    ),
    Rule(
        id="giveaway_terms",
        severity="medium",
        title="Giveaway without its terms",
        advice="State who may enter, until when, how the winner is drawn, and that TikTok does not sponsor it.",
        looks_for=_any(
            r"\bgive ?away\b",
            r"\b(?:enter|chance) to win\b",
            r"\b(?:tag|follow)\b.{0,60}\bto (?:win|enter)\b",
            r"\bsweepstakes?\b",
            r"\bwin (?:a|an|one of|free|this|these)\b",
        ),
        tags=frozenset({"giveaway", "giveaways", "giveawaytime"}),
        settled_by=_any(
            r"\b(?:terms|t ?& ?cs?|rules)\b.{0,60}\b(?:bio|link|apply|below|comments?)\b",
            r"\bno purchase necessary\b",
            r"\bends? (?:on )?(?:\d|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        ),
    ),
    Rule(
        id="restricted_goods",
        severity="high",
        title="Restricted or prohibited goods",
        advice="Take the post down or the goods out of it: TikTok forbids or restricts their promotion.",
        looks_for=_any(
            r"\b(?:vape|vapes|vaping|e-?cigarettes?|nicotine|cigarettes?|cigars?|hookah|snus)\b",
            r"\b(?:cbd|thc|cannabis|weed gummies|kratom|psilocybin)\b",
            r"\b(?:ozempic|wegovy|mounjaro|semaglutide|tirzepatide|tretinoin without|adderall|xanax)\b",
            r"\b(?:online casino|sports betting|betting tips|slot machines?)\b",
            r"\b(?:vodka|whisk(?:e)?y|tequila|rum|gin) (?:giveaway|deal|sale|shots?)\b",
            r"\b(?:replica|fake designer|counterfeit|1:1 copy)\b",
        ),
        tags=frozenset({"vape", "vapetok", "nicotine", "cbd", "thc", "ozempic", "replica", "casino", "sportsbetting"}),
    ),
    Rule(
        id="superlative",
        severity="low",
        title="Superlative without proof",
        advice="Say what is measurably better and than what, or use a view that is plainly yours (our favourite).",
        looks_for=_any(
            r"(?:#1|\bnumber one|\bno\. ?1) (?:brand|product|serum|cream|seller|choice|skin|rated)\b",
            r"\bbest (?:\w+ )?(?:in|of) the (?:world|market|universe)\b",
            r"\b(?:nothing|no other \w+) (?:works|comes close)\b",
        ),
    ),
)
BANNED_TERM = "brand_banned_term"
