"""synthesis: the report at the end of a workflow, from what the steps before it put out (B070, B071, X16, X17)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import result_of, system_prompt
from shared.agents.audit import brand_of
from shared.agents.base import AgentContext, AgentInput, AgentOutput, AgentResult, BaseAgent
from shared.agents.campaign_record import PastStep, costs_of, has_gates, record_md
from shared.agents.quoting import excerpt, inert, lines
from shared.agents.records import STORED, Records
from shared.agents.scores.stated import numbers_not_in
from shared.agents.trimming import trimmed_to_fit
from shared.core.canonical import JsonObject
from shared.core.definitions import WORKFLOW_NODE
from shared.llm.claude import call_claude_cached
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult

NAME = "synthesis"
TASK = "Write the report of this workflow."
MARKDOWN_FORM = (
    "Form. Answer with the Markdown of the report and nothing around it: no fence, no remark before or after."
)
PROMPTS = {"campaign_launch": "synthesis.campaign_launch"}  # other workflows are told by the one prompt
MOST_NOT_FOUND = 20
MOST_STEPS = 200
REPORT_CHARACTERS = 24_000  # of all the reports of runs inside of this one


class WorkflowFacts(BaseModel):
    """What the workflow is called and what it is for; the description is part of the question (X17)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    slug: str
    name: str
    description: str = ""


class SynthesisInput(AgentInput):
    """The workflow, the brief's fields, and the steps by key in the order of the definition."""

    workflow: WorkflowFacts
    brief: dict[str, Any] = Field(default_factory=dict)
    upstream: dict[str, PastStep] = Field(default_factory=dict)


class SynthesisOutput(AgentOutput):
    """The report as Markdown."""

    report_md: str


class SynthesisAgent(BaseAgent):
    """One Sonnet call; below its words, ours: what was decided, done and paid, where there were gates; and a foot: who
    wrote it, from what, and whether its numbers are in it."""

    name = NAME
    Input = SynthesisInput
    Output = SynthesisOutput

    def __init__(self, records: Records = STORED) -> None:
        self._records = records

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(SynthesisInput, ctx.input)
        facts = synthesis_facts(given)
        if not facts["outputs"]:
            return AgentResult({"report_md": nothing_to_report(given)})
        brand = brand_of(self._records, ctx.workspace_id, ctx.brand_id)
        answer = await call_claude_cached(
            system_stable=system_prompt(PROMPTS.get(given.workflow.slug, NAME), brand, form=MARKDOWN_FORM),
            user_message="\n\n".join((TASK, *fact_blocks(facts))),
            model="sonnet",
            max_tokens=8192,
            effort="medium",
            timeout_s=120,
            label="report",
            is_synthesis=True,
            workflow_slug=given.workflow.slug,
        )
        record = [record_md(given.upstream)] if has_gates(given.upstream) else []
        report = "\n\n".join((inert(unfenced(answer.text)), *record, foot(answer, facts)))
        return result_of({"report_md": f"{report}\n"}, answer)


def synthesis_facts(given: SynthesisInput) -> JsonObject:
    """All that the model is told, by block name. Outputs are cut to fit; `cut` says where. `costs` are told of where
    there were gates: such a workflow spends."""
    done = {key: step.output for key, step in given.upstream.items() if step.status == "succeeded" and step.output}
    reports = {key: str(output["report_md"]) for key, output in done.items() if _is_inner(given.upstream[key], output)}
    outputs, cut = trimmed_to_fit({key: _without_report(done[key]) if key in reports else done[key] for key in done})
    costs = {"costs": costs_of(given.upstream)} if has_gates(given.upstream) else {}
    return {
        **costs,
        **_reports(reports),
        "workflow": {
            "slug": given.workflow.slug,
            "name": excerpt(given.workflow.name, 200),
            "description": lines(given.workflow.description, 4000),
        },
        "request": _request(given.brief),
        "steps": _steps(given.upstream),
        "outputs": outputs,
        "cut": cut if len(given.upstream) <= MOST_STEPS else {"steps": len(given.upstream), **cut},
    }


def _is_inner(step: PastStep, output: Mapping[str, Any]) -> bool:
    """Whether a step ran a workflow of its own, and that wrote a report."""
    return step.agent_name == WORKFLOW_NODE and isinstance(output.get("report_md"), str)


def _without_report(output: Mapping[str, Any]) -> JsonObject:
    """What else there is of a run inside of this one; its last step is the report once more."""
    return {name: value for name, value in output.items() if name not in ("report_md", "outputs")}


def _reports(reports: Mapping[str, str]) -> JsonObject:
    """The reports of runs inside of this one, which are read whole where outputs are cut: by step, as far as fits."""
    room = REPORT_CHARACTERS // max(len(reports), 1)
    return {"reports": {key: lines(text, room) for key, text in reports.items()}} if reports else {}


def _steps(upstream: Mapping[str, PastStep]) -> list[JsonObject]:
    """The steps in their order; of very many those that did not succeed come first, and are left out last."""
    listed = list(upstream.items())
    if len(listed) > MOST_STEPS:
        listed.sort(key=lambda one: one[1].status == "succeeded")
    return [
        {
            "key": key,
            "label": excerpt(step.label or key, 200),
            "agent_name": excerpt(step.agent_name, 64),
            "status": excerpt(step.status, 40),
        }
        for key, step in listed[:MOST_STEPS]
    ]


def _request(brief: Mapping[str, Any]) -> JsonObject:
    """The brief's plain fields but ids and the file's place; long texts are cut at 2,000 characters."""
    kept = {key: value for key, value in brief.items() if key != "dataset" and not key.endswith("_id")}
    plain = {key: value for key, value in kept.items() if isinstance(value, str | int | float | bool)}
    return {key: lines(value, 2000) if isinstance(value, str) else value for key, value in plain.items()}


def fact_blocks(facts: JsonObject) -> list[str]:
    """The facts as blocks. Outputs and reports quote strangers, so theirs are untrusted."""
    return [data_block(name, value, untrusted=name in ("outputs", "reports")) for name, value in facts.items()]


def nothing_to_report(given: SynthesisInput) -> str:
    """The report where no step before this one succeeded: there is nothing to ask a model about."""
    states = "\n".join(f"- {step['label']}: {step['status']}" for step in _steps(given.upstream))
    return f"# {excerpt(given.workflow.name, 200)}\n\nNo step before this report has an output.\n\n{states}\n"


def unfenced(text: str) -> str:
    """The Markdown without a fence around all of it, and without what Postgres cannot keep."""
    kept = lines(text.strip(), len(text))
    found = re.fullmatch(r"```(?:markdown|md)?\n(.*?)\n?```", kept, re.DOTALL)
    return (found.group(1) if found else kept).strip()


def foot(answer: ClaudeResult, facts: JsonObject) -> str:
    """Who wrote the report, from what, and which of its numbers are not in the data."""
    count, missing = numbers_not_in(answer.text, facts)
    told = [_writer(answer), *_sources(facts["outputs"])]
    if missing:
        listed = ", ".join(missing[:MOST_NOT_FOUND])
        told.append(f"Numbers above that the steps' outputs do not hold (suggestions, or errors): {listed}.")
    else:
        told.append(f"Checked: all {count} numbers above occur in the request or in the steps' outputs.")
    return "---\n\n" + "\n".join(f"*{line}*  " for line in told).rstrip()


def _writer(answer: ClaudeResult) -> str:
    if answer.mode == "mock":
        return (
            "Written by a mock model: its sentences come from a template, its figures from the steps' outputs."
            " Set CLAUDE_MODE=real for a report that a model has thought about."
        )
    return f"Written by {answer.model} from the steps' outputs."


def _sources(outputs: Mapping[str, Any]) -> list[str]:
    mock = [key for key, output in outputs.items() if isinstance(output, Mapping) and output.get("source") == "mock"]
    return ["The account data is mock data: it describes no real account."] if mock else []
