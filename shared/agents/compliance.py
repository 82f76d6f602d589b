"""compliance: reads captions with the rulebook; a model judges only what a rule flagged, and offers other words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, result_of, system_prompt
from shared.agents.audit import AuditAgent, AuditInput, AuditOutput, account_blocks, captions_block, head_of
from shared.agents.base import AgentContext, AgentResult
from shared.agents.quoting import Said
from shared.agents.records import Alert, Brand, raise_alert
from shared.agents.scores.left_out import why_none_counts
from shared.agents.scores.rulebook import Severity
from shared.agents.scores.rules import Finding, Reading, read_captions
from shared.core.canonical import JsonObject, digest_of
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult
from shared.providers.records import AccountData
from shared.providers.text import many

NAME = "compliance"
MOST_ALERT_EVIDENCE = 20
TASK = "Judge each finding below: keep it or dismiss it, with a reason, and rewrite the caption where you keep it."


class ComplianceInput(AuditInput):
    """`window_days`: how far back to read. `max_judged`: how many findings go to the model, the gravest first."""

    window_days: int = Field(365, ge=1, le=3650)
    max_judged: int = Field(30, ge=0, le=100)


class Judgement(BaseModel):
    """One finding judged. `rewrite` is a caption that keeps the point and loses the problem; empty if dismissed."""

    model_config = ConfigDict(extra="forbid")

    finding_id: str
    verdict: Literal["keep", "dismiss"]
    reason: Said
    rewrite: Said


class Judgements(BaseModel):
    """What the model is asked for: a summary, and one judgement for each finding."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    judgements: list[Judgement]


class JudgedFinding(Finding):
    """A finding with what became of it. `not_judged`: no model looked at it, and it stands as the rule found it."""

    verdict: Literal["keep", "dismiss", "not_judged"]
    verdict_reason: str
    rewrite: str


class ComplianceOutput(AuditOutput):
    """Findings, the gravest first, dismissed ones among them. `open_*` counts leave the dismissed out."""

    posts_checked: int
    posts_with_caption: int
    banned_terms_checked: int
    findings: tuple[JudgedFinding, ...]
    open_high: int
    open_medium: int
    open_low: int
    dismissed: int
    alert_key: str | None
    summary: str


class ComplianceAgent(AuditAgent):
    """Rules in Python; one Sonnet call for the flagged captions, none if nothing was flagged; an alert on high ones."""

    name = NAME
    Input = ComplianceInput
    Output = ComplianceOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(ComplianceInput, ctx.input)
        account = await self._account(given)
        brand = self._brand(ctx, given)
        reading = read_captions(
            account, window_days=given.window_days, banned_terms=brand.banned_terms if brand else ()
        )
        said, answer = await _asked(given, account, reading, brand)
        findings = judged(reading.findings, said)
        alert = alert_for(account, findings)
        if alert is not None:
            await raise_alert(self._records, ctx.workspace_id, ctx.run_id, alert)
        output = ComplianceOutput(
            **head_of(account, why_unread(account, reading, given.window_days)),
            posts_checked=reading.posts_read,
            posts_with_caption=reading.posts_with_caption,
            banned_terms_checked=len(brand.banned_terms) if brand else 0,
            findings=findings,
            open_high=_open(findings, "high"),
            open_medium=_open(findings, "medium"),
            open_low=_open(findings, "low"),
            dismissed=sum(finding.verdict == "dismiss" for finding in findings),
            alert_key=alert.dedupe_key if alert else None,
            summary=said.summary,
        ).model_dump(mode="json")
        return result_of(output, answer)


async def _asked(
    given: ComplianceInput, account: AccountData, reading: Reading, brand: Brand | None
) -> tuple[Judgements, ClaudeResult | None]:
    """The model's judgement of what was flagged; nothing flagged, nobody asked."""
    shown = reading.findings[: given.max_judged]
    if not shown:
        return Judgements(summary=in_short(account, reading, given.window_days), judgements=[]), None
    return await ask(
        Judgements,
        system=system_prompt(NAME, brand),
        task=TASK,
        blocks=[*account_blocks(account, given), *finding_blocks(account, reading, shown)],
        model="sonnet",
        label="flagged captions",
        max_tokens=8192,
    )


def why_unread(account: AccountData, reading: Reading, window_days: int) -> str | None:
    """Why no caption was read: no post is recent enough, or none has one; None if some were."""
    if reading.posts_with_caption:
        return None
    if not reading.posts_read:
        return why_none_counts(account.posts, account.as_of, window_days)
    return f"of {many(reading.posts_read, 'post')} in {window_days} days none has a caption"


def in_short(account: AccountData, reading: Reading, window_days: int) -> str:
    """What was found, in one sentence of ours."""
    missing = why_unread(account, reading, window_days)
    if missing is not None:
        return f"Not enough data: {missing}."
    captions = many(reading.posts_with_caption, "caption")
    if not reading.findings:
        return f"No rule fired; {captions} read."
    return f"{many(len(reading.findings), 'finding')} on {captions}; none was judged by a model."


def finding_blocks(account: AccountData, reading: Reading, shown: Sequence[Finding]) -> list[str]:
    """The flagged places and the captions they stand in. Quotes and captions were written by strangers."""
    flagged = {finding.post_id for finding in shown}
    captions = {post.id: post for post in account.posts if post.id in flagged}
    counts: JsonObject = {
        "posts_checked": reading.posts_read,
        "posts_with_caption": reading.posts_with_caption,
        "findings": len(reading.findings),
        "shown": len(shown),
        "by_severity": dict(reading.count_by_severity()),
    }
    kept = {"finding_id", "rule_id", "severity", "title", "advice", "post_id", "matched", "quote"}
    return [
        data_block("counts", counts),
        data_block("findings", [finding.model_dump(include=kept) for finding in shown], untrusted=True),
        captions_block("captions", captions, len(captions)),
    ]


def judged(findings: Sequence[Finding], said: Judgements) -> tuple[JudgedFinding, ...]:
    """Our findings with the model's judgement. A judgement of a finding that is not ours is dropped."""
    by_id = {one.finding_id: one for one in reversed(said.judgements)}
    return tuple(_judged(finding, by_id.get(finding.finding_id)) for finding in findings)


def _judged(finding: Finding, said: Judgement | None) -> JudgedFinding:
    if said is None:
        return JudgedFinding(**finding.model_dump(), verdict="not_judged", verdict_reason="", rewrite="")
    rewrite = said.rewrite if said.verdict == "keep" else ""
    return JudgedFinding(**finding.model_dump(), verdict=said.verdict, verdict_reason=said.reason, rewrite=rewrite)


def _open(findings: Sequence[JudgedFinding], severity: Severity) -> int:
    return sum(finding.severity == severity and finding.verdict != "dismiss" for finding in findings)


def alert_for(account: AccountData, findings: Sequence[JudgedFinding]) -> Alert | None:
    """The alert of findings of high severity that nobody dismissed. One for each account and set of such findings."""
    grave: Severity = "high"
    high = [finding for finding in findings if finding.severity == grave and finding.verdict != "dismiss"]
    if not high:
        return None
    handle = account.profile.handle
    evidence: JsonObject = {
        "handle": handle,
        "as_of": account.as_of.isoformat(),
        "source_name": account.source_name,
        "findings": [
            finding.model_dump(include={"finding_id", "rule_id", "title", "post_id", "url", "quote"})
            for finding in high[:MOST_ALERT_EVIDENCE]
        ],
        "findings_total": len(high),
    }
    return Alert(
        kind="compliance",
        severity=grave,
        title=f"@{handle}: compliance findings of high severity: {len(high)}",
        evidence=evidence,
        dedupe_key=f"{NAME}:{handle}:{digest_of(sorted(finding.finding_id for finding in high))[:16]}",
    )
