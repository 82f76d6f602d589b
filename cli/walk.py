"""Follows a run to its end and decides at each gate on the way; where Studio is a fake, plays its person too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import urllib3

from cli.client import Api, ApiError
from cli.deciding import Answer, Decider
from cli.waits import APPROVALS
from shared.core.canonical import JsonObject

ENDS = frozenset({"workflow_run.completed", "workflow_run.failed", "workflow_run.cancelled"})
STUDIO_PERSON = "Studio's reviewer (the demo)"


@dataclass
class Walk:
    """`told` gets each event, `shown` each gate before it is decided. `studio` is the address of a fake Studio."""

    api: Api
    run: JsonObject
    decide: Decider
    told: Callable[[JsonObject], None]
    shown: Callable[[JsonObject], None]
    rendered: Callable[[str], None]
    studio: str | None = None
    decisions: list[JsonObject] = field(default_factory=list)

    def to_its_end(self) -> None:
        """Returns when the run has ended. A stream that is over before that is taken up where it broke off."""
        seen = 0
        while True:
            for event in self.api.events(f"{self.run['stream_url']}?after={seen}"):
                seen = event["seq"]
                self.told(event)
                self._meet(event)
                if event["type"] in ENDS:
                    return

    def _meet(self, event: JsonObject) -> None:
        if event["type"] == "workflow_step.pending_approval":
            for gate in self.api.get(APPROVALS, run_id=self.run["id"])["approvals"]:
                self._decide(self.api.get(f"{APPROVALS}/{gate['step_id']}"))
        elif event["type"] == "workflow_step.waiting" and self.studio is not None:
            self._review(self.studio)
        elif event["type"] == "effect.unknown":
            raise ApiError(f"nobody can tell whether this happened: {event.get('title')}; army effects lists it")

    def _decide(self, gate: JsonObject) -> None:
        """Decides on exactly what is shown."""
        self.shown(gate)
        answer = self.decide(gate)
        body: JsonObject = {"digest": gate["digest"]}
        if answer.feedback:
            body["feedback"] = answer.feedback
        self.api.post(f"{APPROVALS}/{gate['step_id']}/{answer.decision}", body)
        self.decisions.append(_kept(gate, answer))

    def _review(self, studio: str) -> None:
        """Approves each render that waits for it, as a person at Studio would; Studio then calls back."""
        for render in answer_of("GET", f"{studio}/_generations")["generations"]:
            if render["decision"] is None:
                said = {"generation_id": render["id"], "status": "approved", "by": STUDIO_PERSON}
                answer_of("POST", f"{studio}/_decide", said)
                self.rendered(render["id"])


def _kept(gate: JsonObject, answer: Answer) -> JsonObject:
    return {
        "step_key": gate["step_key"],
        "title": gate["title"],
        "decision": answer.decision,
        "feedback": answer.feedback,
        "digest": gate["digest"],
        "amount_usd": gate["amount_usd"],
        "cost_so_far_usd": gate["cost_so_far_usd"],
        "effects": [effect["title"] for effect in gate["proposal"].get("effects", [])],
    }


def answer_of(method: str, url: str, body: JsonObject | None = None) -> Any:
    """The JSON that a fake vendor's own page answers. Raises `ApiError` if it does not."""
    try:
        response = urllib3.request(method, url, json=body, retries=False, timeout=30)
        if response.status == 200:
            return json.loads(response.data)
    except (urllib3.exceptions.HTTPError, ValueError) as failed:
        raise ApiError(f"the fake vendor at {url} does not answer ({type(failed).__name__})") from failed
    raise ApiError(f"the fake vendor at {url} answered {response.status}")
