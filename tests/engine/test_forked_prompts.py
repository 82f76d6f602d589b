"""A fork with a changed prompt, from a step or from one of its calls on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.definitions import WorkflowDef
from shared.core.prompts import PromptChange
from shared.engine.control import Ask, cancel_run
from shared.engine.earlier_run import Again
from shared.engine.read_run import read_agent_run, read_agent_runs, read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.errors import InvalidDefinitionError, InvalidInputError
from shared.llm.claude import call_claude_cached
from shared.llm.prompt import UNTRUSTED_NOTE, data_block
from shared.workflows.check import check_definition
from tests.support.agents import Anything
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow
from tests.support.stopping import calling_agent

SYSTEM = f"You judge posts. {UNTRUSTED_NOTE}"
AFTER = "Judge hard."


class JudgingAgent(BaseAgent):
    """Asks a model for a draft, for two opinions of it, and for a summary of those."""

    name = "judging"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        said: list[str] = []
        for label in ("draft", "opinion", "opinion", "summary"):
            told = data_block("task", {"about": ctx.input.get("about", "posts"), "place": len(said), "said": said[-1:]})
            answer = await call_claude_cached(system_stable=SYSTEM, user_message=told, label=label)
            said.append(answer.message_id)
        return AgentResult(output={"said": said})


@pytest.fixture(autouse=True)
def judging() -> Iterator[None]:
    AGENT_REGISTRY[JudgingAgent.name] = JudgingAgent
    yield
    del AGENT_REGISTRY[JudgingAgent.name]


JUDGED = workflow(step("first"), step("judge", "first", agent="judging"), step("last", "judge"))


def done(definition: WorkflowDef, workspace: UUID, rooms: Rooms, queue: HeldQueue, **brief: Any) -> UUID:
    run_id = started(definition, workspace, rooms, brief={"handle": "x", **brief}).run_id
    queue.deliver_all(rooms)
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"
    return run_id


def fork(run_id: UUID, workspace: UUID, rooms: Rooms, queue: HeldQueue, **more: Any) -> UUID:
    prompts = {
        key: {call: PromptChange.model_validate(change) for call, change in changes.items()}
        for key, changes in more.pop("prompts", {}).items()
    }
    again = Again("fork", run_id, prompts=prompts, **{"from_step": "judge", **more})
    new = repeat_run(again, Caller(workspace, "ada"), rooms).run_id
    queue.deliver_all(rooms)
    assert read_run(workspace, new, rooms)["status"] == "succeeded"
    return new


def calls_of(run_id: UUID, workspace: UUID, rooms: Rooms, key: str = "judge") -> list[dict[str, Any]]:
    own = [one["id"] for one in read_agent_runs(workspace, run_id, rooms) if one["key"] == key]
    found: list[dict[str, Any]] = read_agent_run(workspace, UUID(own[-1]), 100, 0, rooms)["steps"]
    return found


def outcomes(calls: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(call["label"], call["outcome"]) for call in calls]


def test_a_call_is_asked_with_another_prompt(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Calls before it answer from the journal, for nothing; its row says what has changed, and keeps the warning about
    strangers' words; what follows from its answer is asked anew."""
    old = done(JUDGED, workspace, rooms, queue)
    whole = read_run(workspace, old, rooms)

    new = fork(old, workspace, rooms, queue, from_call="opinion", prompts={"judge": {"opinion": {"replace": AFTER}}})

    calls = calls_of(new, workspace, rooms)
    assert outcomes(calls) == [("draft", "reused"), ("opinion", "paid"), ("opinion", "paid"), ("summary", "paid")]
    assert [call["system_prompt"] for call in calls] == [SYSTEM, *[f"{AFTER}\n\n{UNTRUSTED_NOTE}"] * 2, SYSTEM]
    assert calls[1]["note"].startswith("asked differently before; system prompt: “You judge posts. ")
    assert "is now “Judge hard. " in calls[1]["note"]
    assert Decimal(calls[0]["cost_usd"]) == 0
    run = read_run(workspace, new, rooms)
    assert run["forked_at_steps"] == ["judge:opinion"]
    assert steps_of(new, workspace, rooms)["first"]["taken_from"]
    assert Decimal(run["total_cost_usd"]) == sum(Decimal(call["cost_usd"]) for call in calls)
    assert read_run(workspace, old, rooms) == whole


def test_one_of_several_calls_is_named_by_its_number(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The second opinion alone: the first is answered by the journal, as it was asked."""
    old = done(JUDGED, workspace, rooms, queue)

    new = fork(old, workspace, rooms, queue, from_call="opinion#2", prompts={"judge": {"opinion#2": {"append": AFTER}}})

    calls = calls_of(new, workspace, rooms)
    assert outcomes(calls) == [("draft", "reused"), ("opinion", "reused"), ("opinion", "paid"), ("summary", "paid")]
    assert calls[2]["system_prompt"] == f"{SYSTEM}\n\n{AFTER}"
    assert calls[3]["system_prompt"] == SYSTEM


def test_a_prompt_for_every_call(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Without a call it is the whole step; and a prompt that does not matter leaves the answers as they are."""
    old = done(JUDGED, workspace, rooms, queue)

    changed = calls_of(
        fork(old, workspace, rooms, queue, prompts={"judge": {"*": {"append": AFTER}}}), workspace, rooms
    )
    same = calls_of(fork(old, workspace, rooms, queue, prompts={"judge": {"*": {"replace": SYSTEM}}}), workspace, rooms)

    assert {call["outcome"] for call in changed} == {"paid"}
    assert {call["outcome"] for call in same} == {"reused"}


def test_from_a_call_on_without_a_change(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The same words once more, from that call on; a redrive of that is answered by what it was told then."""
    old = done(JUDGED, workspace, rooms, queue)

    new = fork(old, workspace, rooms, queue, from_call="opinion")
    again = fork(new, workspace, rooms, queue)

    expected = [("draft", "reused"), ("opinion", "paid"), ("opinion", "paid"), ("summary", "paid")]
    assert outcomes(calls_of(new, workspace, rooms)) == expected
    assert {outcome for _, outcome in outcomes(calls_of(again, workspace, rooms))} == {"reused"}


def test_a_crash_does_not_pay_the_forked_call_twice(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """What this run itself was answered counts, from the chosen call on too."""
    with calling_agent("one", "two", "three") as point:
        old = done(workflow(step("judge", agent="calling")), workspace, rooms, queue)
        point.acts["three"] = point.away
        again = Again("fork", old, "judge", "two")
        new = repeat_run(again, Caller(workspace, "ada"), rooms).run_id
        wake = queue.held.pop(0)
        queue.deliver(wake, rooms)
        point.acts.clear()
        queue.deliver_when_due(queue.held.pop(0), rooms)

    assert point.asked == ["one", "two", "three", "two", "three", "three"]
    assert outcomes(calls_of(new, workspace, rooms, "judge")) == [
        ("one", "reused"),
        ("two", "reused"),
        ("three", "paid"),
    ]


def test_a_redrive_keeps_where_a_fork_began(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The fork was cancelled before its step began: its redrive asks anew from the same call on."""
    with calling_agent("one", "two") as point:
        old = done(workflow(step("judge", agent="calling")), workspace, rooms, queue)
        caller = Caller(workspace, "ada")
        cancelled = repeat_run(Again("fork", old, "judge", "two"), caller, rooms).run_id
        cancel_run(Ask(workspace, cancelled, "ada"), rooms)

        redone = repeat_run(Again("redrive", cancelled), caller, rooms).run_id
        queue.deliver_all(rooms)

    assert point.asked == ["one", "two", "two"]
    assert outcomes(calls_of(redone, workspace, rooms)) == [("one", "reused"), ("two", "paid")]


def test_items_are_told_too(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A step for each item: the call of each of them, and what came before it is answered by that item's journal."""
    each = workflow(step("judge", agent="judging", for_each="brief.topics", input_map={"about": "item"}))
    old = done(each, workspace, rooms, queue, topics=["a", "b"])

    new = fork(old, workspace, rooms, queue, from_call="summary", prompts={"judge": {"summary": {"append": AFTER}}})

    for key in ("judge[0]", "judge[1]"):
        calls = calls_of(new, workspace, rooms, key)
        assert [call["outcome"] for call in calls] == ["reused"] * 3 + ["paid"]
        assert calls[3]["system_prompt"].endswith(AFTER)


def test_a_stored_workflow_may_say_more(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The same field of a definition: what is appended is told at once, and survives being stored."""
    told = workflow(step("judge", agent="judging", prompts={"draft": PromptChange(append=AFTER)}))
    check_definition(told)
    assert WorkflowDef.from_dag_jsonb(told.to_dag_jsonb()).digest == told.digest != JUDGED.digest

    calls = calls_of(done(told, workspace, rooms, queue), workspace, rooms)

    assert [call["system_prompt"].endswith(AFTER) for call in calls] == [True, False, False, False]


@pytest.mark.parametrize(
    ("more", "field", "why"),
    [
        ({"from_step": "nobody"}, "from_step", "has no step 'nobody'"),
        ({"from_call": "verdict"}, "from_call", "it made: draft, opinion (2), summary"),
        ({"from_call": "opinion#3"}, "from_call", "made 2 calls 'opinion'"),
        ({"from_call": "draft", "is_fresh": True}, "fresh", "every call anew"),
        ({"from_step": "first", "from_call": "draft"}, "from_call", "it made none"),
        ({"prompts": {"nobody": {"*": {"append": "x"}}}}, "prompts.nobody", "is no step"),
        ({"prompts": {"first": {"*": {"append": "x"}}}}, "prompts.first", "is taken over"),
        ({"prompts": {"judge": {"verdict": {"append": "x"}}}}, "prompts.judge.verdict", "no call 'verdict'"),
        ({"prompts": {"last": {"*": {"append": "x"}}}}, "prompts.last", "made no call of a model"),
    ],
)
def test_what_a_fork_cannot_change_is_named(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, more: dict[str, Any], field: str, why: str
) -> None:
    """A step or call that is not there, one that is taken over, one that asks no model: the field, and no run."""
    old = done(JUDGED, workspace, rooms, queue)

    with pytest.raises(InvalidInputError) as refused:
        fork(old, workspace, rooms, queue, **more)

    assert (refused.value.field, why in refused.value.problem) == (field, True), refused.value.problem
    assert queue.held == []


def test_a_correction_has_no_prompt_of_its_own(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It goes on with what its call was told: a change to it alone would change nothing, and is refused."""
    with calling_agent("draft", "draft.repair"):
        old = done(workflow(step("judge", agent="calling")), workspace, rooms, queue)

        with pytest.raises(InvalidInputError, match=r"no call 'draft.repair'; it made: draft$"):
            fork(old, workspace, rooms, queue, prompts={"judge": {"draft.repair": {"append": "x"}}})


def test_what_asks_no_model_has_no_prompt(rooms: Rooms) -> None:
    """A gate, or a step that runs a workflow: refused when it is stored, by step and field."""
    gate = step("ask", "a", agent="approval_gate", prompts={"*": PromptChange(append="x")})
    with pytest.raises(InvalidDefinitionError) as refused:
        check_definition(workflow(step("a"), gate))

    assert (refused.value.field, refused.value.problem) == ("steps.ask.prompts", "approval_gate asks no model")


@pytest.mark.parametrize(
    "change", [{}, {"replace": " \n"}, {"append": ""}, {"replace": "x" * 20_001}, {"instead": "x"}]
)
def test_a_prompt_says_something(change: dict[str, str]) -> None:
    """Neither nothing, nor blank, nor longer than 20,000 characters."""
    with pytest.raises(ValueError, match="1 validation error"):
        PromptChange.model_validate(change)
