"""The door of other services' callbacks and of the scheduler. Each path checks its own caller, in the form that this
service signs with."""

from __future__ import annotations

import flask
import functions_framework

from shared.engine.settle_ad_spend import settle_due_ad_spend
from shared.engine.waiting import receive_signal
from shared.providers.studio_wire import wake_key
from shared.web.door import Answer, Call, Door, from_scheduler, from_studio
from shared.web.requests import StudioTold

door = Door()


@door.route("POST", "/webhooks/studio", caller=from_studio, body=StudioTold)
def studio(call: Call) -> Answer:
    """A generation was decided: wakes the step that waits for it, which reads from Studio what was decided."""
    told: StudioTold = call.body
    payload = {"generation_id": told.generation_id}
    received = receive_signal(told.metadata.workspace_id, wake_key(told.generation_id), payload, "studio", call.rooms)
    return Answer({"is_new": received.is_new, "woken": received.woken})


@door.route("POST", "/schedules/ad-spend", caller=from_scheduler)
def ad_spend(call: Call) -> Answer:
    """What ads spent is read where that is due, and settled where it is final. Twice, or twice at once, is once."""
    return Answer(settle_due_ad_spend(call.rooms).shown())


@functions_framework.http
def webhooks(request: flask.Request) -> flask.Response:
    return door(request)
