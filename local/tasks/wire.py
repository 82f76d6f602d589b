"""The messages of google.cloud.tasks.v2 as raw protobuf classes: proto-plus objects cost too much on the hot path."""

from __future__ import annotations

from typing import Any

from google.cloud import tasks_v2
from google.protobuf import empty_pb2

Message = Any  # an instance of one of the classes below; protobuf has no types that a checker could follow

Queue: Any = tasks_v2.Queue.pb()
Task: Any = tasks_v2.Task.pb()
ListQueuesResponse: Any = tasks_v2.ListQueuesResponse.pb()
ListTasksResponse: Any = tasks_v2.ListTasksResponse.pb()
Empty: Any = empty_pb2.Empty

RUNNING, PAUSED = int(tasks_v2.Queue.State.RUNNING), int(tasks_v2.Queue.State.PAUSED)
BASIC, FULL = int(tasks_v2.Task.View.BASIC), int(tasks_v2.Task.View.FULL)
_METHOD: Any = tasks_v2.HttpMethod
METHODS: dict[int, str] = {int(method): method.name for method in _METHOD if int(method)}
POST = int(_METHOD.POST)
WITH_BODY = frozenset(int(method) for method in (_METHOD.POST, _METHOD.PUT, _METHOD.PATCH))


def request_class(name: str) -> Any:
    """The raw class of a request message, such as `CreateTaskRequest`."""
    return getattr(tasks_v2, name).pb()


def seconds(duration: Message) -> float:
    """A protobuf Duration, or a Timestamp, in seconds."""
    return float(duration.seconds + duration.nanos / 1e9)


def set_seconds(message: Message, value: float) -> None:
    """Sets a protobuf Duration or Timestamp, to the microsecond, as the service does."""
    micros = round(value * 1_000_000)
    message.seconds, message.nanos = micros // 1_000_000, micros % 1_000_000 * 1000
