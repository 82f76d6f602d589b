"""The door of other services' callbacks. Each path checks its own caller, in the form that this service signs with."""

from __future__ import annotations

import flask
import functions_framework

from shared.engine.waiting import receive_signal
from shared.providers.studio_wire import wake_key
from shared.web.door import Answer, Call, Door, from_studio
from shared.web.requests import StudioTold

door = Door()


@door.route("POST", "/webhooks/studio", caller=from_studio, body=StudioTold)
def studio(call: Call) -> Answer:
    """A generation was decided: wakes the step that waits for it, which reads from Studio what was decided."""
    told: StudioTold = call.body
    payload = {"generation_id": told.generation_id}
    received = receive_signal(told.metadata.workspace_id, wake_key(told.generation_id), payload, "studio", call.rooms)
    return Answer({"is_new": received.is_new, "woken": received.woken})


@functions_framework.http
def webhooks(request: flask.Request) -> flask.Response:
    return door(request)
