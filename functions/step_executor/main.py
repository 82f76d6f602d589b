"""The executor's door: what the queue and the scheduler call. Only their own tokens open it."""

from __future__ import annotations

import flask
import functions_framework

from shared.engine.do_effect import EffectTask, do_effect
from shared.engine.drain_outbox import RelayTask, drain_outbox
from shared.engine.execute_step import StepTask, execute_step
from shared.engine.sweep import sweep
from shared.web.door import Answer, Call, Door, from_queue
from shared.web.requests import EffectToDo, StepWakeUp, SubjectToTell

door = Door()


@door.route("POST", "/tasks/step", caller=from_queue, body=StepWakeUp)
def step(call: Call) -> Answer:
    """200 for whatever was recorded, failures included; 503 only if nothing could be: then the queue may slow down."""
    outcome = execute_step(StepTask(call.body.workspace_id, call.body.run_id, call.body.step_id), call.rooms)
    return Answer({"outcome": outcome})


@door.route("POST", "/tasks/effect", caller=from_queue, body=EffectToDo)
def effect(call: Call) -> Answer:
    """One released effect. 200 for whatever was recorded."""
    outcome = do_effect(EffectTask(call.body.workspace_id, call.body.run_id, call.body.effect_id), call.rooms)
    return Answer({"outcome": outcome})


@door.route("POST", "/tasks/relay", caller=from_queue, body=SubjectToTell)
def relay(call: Call) -> Answer:
    """Tells the audit and the mirror what a run's outbox holds. 200 for whatever was recorded, failures included."""
    drained = drain_outbox(RelayTask(call.body.workspace_id, call.body.subject_id), call.rooms)
    return Answer({"outcome": drained.outcome, "published": drained.published, "mirrored": drained.mirrored})


@door.route("POST", "/tasks/sweep", caller=from_queue)
def sweep_steps(call: Call) -> Answer:
    swept = sweep(call.rooms)
    return Answer({"woken": swept.woken, "told": swept.told, "is_full": swept.is_full})


@functions_framework.http
def step_executor(request: flask.Request) -> flask.Response:
    return door(request)
