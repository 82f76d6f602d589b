"""shadowban_sentinel: four independent signals for a suppressed account, an alert on two, words where they matter."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, result_of, system_prompt
from shared.agents.audit import AuditAgent, AuditInput, AuditOutput, account_blocks, head_of
from shared.agents.base import AgentContext, AgentResult
from shared.agents.quoting import Said
from shared.agents.records import Alert, AlertSeverity, raise_alert
from shared.agents.scores.signals import Signal, Suppression, Verdict, signals_of, suppression_of
from shared.core.canonical import JsonObject
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult
from shared.providers.records import AccountData

NAME = "shadowban_sentinel"
ALERT_FROM, HIGH_FROM = 2, 3  # independent signals
MOST_CHECKS = 4
TASK = "Sum up the evidence below, and say which checks would settle the question."


class SentinelInput(AuditInput):
    """`confidence_threshold`: the combined confidence from which on a model is asked for a summary; 1 asks never."""

    confidence_threshold: float = Field(0.5, ge=0, le=1)


class SentinelAdvice(BaseModel):
    """What the model is asked for: the evidence in two or three sentences, and checks for a person to make."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    next_checks: list[Said]


class SentinelOutput(AuditOutput):
    """The signals with their evidence, and what they say together. `summary` is a model's only if `model_asked`."""

    verdict: Verdict
    combined_confidence: float | None
    signals_known: int
    signals_tripped: int
    reading: str
    signals: tuple[Signal, ...]
    alert_key: str | None
    model_asked: bool
    summary: str
    next_checks: tuple[str, ...]


class ShadowbanSentinelAgent(AuditAgent):
    """Signals in Python, an alert where two trip, and one Haiku call where the confidence passes the threshold."""

    name = NAME
    Input = SentinelInput
    Output = SentinelOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(SentinelInput, ctx.input)
        account = await self._account(given)
        signals = signals_of(account)
        found = suppression_of(signals)
        alert = alert_for(account, signals)
        if alert is not None:
            await raise_alert(self._records, ctx.workspace_id, ctx.run_id, alert)
        advice, answer = await self._summed_up(ctx, given, account, signals)
        output = SentinelOutput(
            **head_of(account, None if found.signals_known else "none of the four signals can be computed"),
            **found.model_dump(),
            signals=signals,
            alert_key=alert.dedupe_key if alert else None,
            model_asked=answer is not None,
            summary=advice.summary,
            next_checks=tuple(check for check in advice.next_checks if check)[:MOST_CHECKS],
        ).model_dump(mode="json")
        return result_of(output, answer)

    async def _summed_up(
        self, ctx: AgentContext, given: SentinelInput, account: AccountData, signals: Sequence[Signal]
    ) -> tuple[SentinelAdvice, ClaudeResult | None]:
        """The model's words where the evidence is worth them; else one computed sentence, for nothing."""
        found = suppression_of(signals)
        if not is_worth_asking(found, given.confidence_threshold):
            return SentinelAdvice(summary=in_short(found), next_checks=[]), None
        return await ask(
            SentinelAdvice,
            system=system_prompt(NAME, self._brand(ctx, given)),
            task=TASK,
            blocks=[*account_blocks(account, given), *signal_blocks(signals, found)],
            model="haiku",
            label="evidence summary",
            max_tokens=2048,
        )


def is_worth_asking(found: Suppression, threshold: float) -> bool:
    """Whether a signal tripped and the combined confidence reaches the threshold (A060)."""
    return found.signals_tripped > 0 and (found.combined_confidence or 0.0) >= threshold


def signal_blocks(signals: Sequence[Signal], found: Suppression) -> list[str]:
    """The evidence as blocks for the model."""
    return [
        data_block("signals", [signal.model_dump() for signal in signals]),
        data_block("verdict", found.model_dump()),
    ]


def in_short(found: Suppression) -> str:
    """The evidence in one sentence of ours."""
    if not found.signals_known:
        return "None of the four signals can be computed from this data: nothing can be said about suppression."
    told = f"{found.signals_tripped} of the {found.signals_known} signals that can be computed tripped"
    return f"{told}. {found.reading}"


def alert_for(account: AccountData, signals: Sequence[Signal]) -> Alert | None:
    """The alert of two signals or more. One for each account, severity and ISO week of the data."""
    tripped = [signal for signal in signals if signal.state == "trip"]
    if len(tripped) < ALERT_FROM:
        return None
    handle, week = account.profile.handle, account.as_of.strftime("%G-W%V")
    severity: AlertSeverity = "high" if len(tripped) >= HIGH_FROM else "medium"
    evidence: JsonObject = {
        "handle": handle,
        "as_of": account.as_of.isoformat(),
        "source_name": account.source_name,
        "signals": {signal.name: signal.evidence for signal in tripped},
        "reading": suppression_of(signals).reading,
    }
    return Alert(
        kind="shadowban",
        severity=severity,
        title=f"@{handle}: {len(tripped)} signals point to suppressed reach",
        evidence=evidence,
        dedupe_key=f"{NAME}:{handle}:{week}:{severity}",
    )
