"""The gRPC service google.cloud.tasks.v2.CloudTasks: what the real client calls.

Left out, and answered UNIMPLEMENTED by gRPC: batches, IAM, CMEK. Unlike the cloud, a deleted queue's name is free at
once, a filter on ListQueues is refused, and a 429 or 503 slows its own task down but not the whole queue.
"""

from __future__ import annotations

import asyncio
import base64
import heapq
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from local.tasks import limits
from local.tasks.dispatch import KEEP_S, Dispatcher
from local.tasks.errors import ApiError, Status, invalid, missing
from local.tasks.lane import Lane, Pending
from local.tasks.store import Store
from local.tasks.wire import (
    BASIC,
    FULL,
    PAUSED,
    RUNNING,
    Empty,
    ListQueuesResponse,
    ListTasksResponse,
    Message,
    Queue,
    Task,
    request_class,
    seconds,
    set_seconds,
)

SERVICE = "google.cloud.tasks.v2.CloudTasks"
KEEP_TASKS = 10_000  # in one queue with their content in memory; the rest is read again when due
MAX_QUEUES, MAX_TASKS = 9800, 1000  # on one page
GRPC_CODES = {401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}
CODE_UNKNOWN, CODE_UNAVAILABLE = 2, 14


class CloudTasks:
    """One method per call. Methods raise `ApiError`; everything runs on the event loop's thread."""

    def __init__(self, store: Store, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop) -> None:
        self._store, self._dispatcher, self._loop = store, dispatcher, loop
        self.lanes: dict[str, Lane] = {}

    def load(self) -> int:
        """Takes up what an earlier server left. An attempt it was in the middle of is made again. Returns how many."""
        for row in self._store.queues():
            lane = self._open(row.id, Queue.FromString(row.message))
            for pending in self._store.open_tasks(lane):
                lane.add(pending)
        return sum(len(lane.tasks) for lane in self.lanes.values())

    def _open(self, number: int, message: Message) -> Lane:
        lane = self.lanes[message.name] = Lane(number, message, self._loop, self._dispatcher.dispatch)
        return lane

    def _lane(self, name: str) -> Lane:
        lane = self.lanes.get(name)
        if lane is None:
            raise missing(name)
        return lane

    # Queues.

    def ensure_queue(self, queue: Message) -> None:
        """Makes a queue, complete and checked, if there is none of its name."""
        if queue.name not in self.lanes:
            self._create(queue)

    def _create(self, queue: Message) -> Message:
        queue.state = RUNNING
        self._open(self._store.put_queue(queue.name, queue.SerializeToString()), queue)
        return queue

    def create_queue(self, request: Message) -> Message:
        queue = request.queue
        limits.check_queue(queue)
        if queue.name.rpartition("/queues/")[0] != request.parent:
            raise invalid("Queue.name must begin with the parent")
        if queue.name in self.lanes:
            raise ApiError(Status.ALREADY_EXISTS, "Queue already exists")
        return self._create(queue)

    def update_queue(self, request: Message) -> Message:
        lane = self.lanes.get(request.queue.name)
        if lane is None:
            limits.check_queue(request.queue)
            return self._create(request.queue)
        return self._change(lane, limits.updated(lane.message, request.queue, request.update_mask))

    def _change(self, lane: Lane, queue: Message) -> Message:
        self._store.put_queue(queue.name, queue.SerializeToString())
        lane.configure(queue)
        return queue

    def get_queue(self, request: Message) -> Message:
        return self._lane(request.name).message

    def list_queues(self, request: Message) -> Message:
        if request.filter:
            raise invalid("filter is not supported here")
        size = limits.page_of(request.page_size, MAX_QUEUES)
        after = _from_token(request.page_token)
        names = sorted(name for name in self.lanes if name.startswith(f"{request.parent}/queues/") and name > after)
        answer = ListQueuesResponse(queues=[self.lanes[name].message for name in names[:size]])
        if len(names) > size:
            answer.next_page_token = _token(names[size - 1])
        return answer

    def delete_queue(self, request: Message) -> Message:
        lane = self._lane(request.name)
        self._store.delete_queue(lane.id)
        lane.close()
        lane.end_all()
        del self.lanes[request.name]
        return Empty()

    def pause_queue(self, request: Message) -> Message:
        return self._set_state(request.name, PAUSED)

    def resume_queue(self, request: Message) -> Message:
        return self._set_state(request.name, RUNNING)

    def _set_state(self, name: str, state: int) -> Message:
        lane = self._lane(name)
        queue = Queue()
        queue.CopyFrom(lane.message)
        queue.state = state
        return self._change(lane, queue)

    def purge_queue(self, request: Message) -> Message:
        lane = self._lane(request.name)
        self._store.purge(lane.id)
        lane.end_all()
        queue = Queue()
        queue.CopyFrom(lane.message)
        set_seconds(queue.purge_time, time.time())
        return self._change(lane, queue)

    # Tasks.

    async def create_task(self, request: Message) -> bytes:
        """Answers once the task is committed. Returns the serialized Task."""
        lane, task, now = self._lane(request.parent), request.task, limits.now_s()
        limits.check_task(task, request.parent, now)
        due = seconds(task.schedule_time)
        is_kept = due < now + KEEP_S and len(lane.tasks) < KEEP_TASKS
        name = task.name[len(request.parent) + len("/tasks/") :]
        pending = Pending(lane, name, due, now, message=task if is_kept else None)
        stored = self._store.insert(pending, task.SerializeToString(), lane.add)
        answer = _shown(task, request.response_view)
        try:
            is_new = await stored
        except sqlite3.Error:
            raise ApiError(Status.UNAVAILABLE, "the task could not be stored") from None
        if not is_new:
            raise ApiError(
                Status.ALREADY_EXISTS,
                "The task cannot be created because a task with this name existed too recently.",
            )
        return answer

    def _find(self, name: str) -> Pending:
        queue, _, task_id = name.rpartition("/tasks/")
        lane = self._lane(queue)
        found = self._store.find(lane.id, task_id)
        if found is None:
            raise missing(name)
        number, is_over = found
        if is_over:
            raise ApiError(Status.NOT_FOUND, "The task no longer exists, but existed recently")
        return lane.tasks[number]

    def get_task(self, request: Message) -> bytes:
        pending = self._find(request.name)
        return _shown(_as_it_is(pending, self._store.message(pending.id)), request.response_view)

    def list_tasks(self, request: Message) -> Message:
        self._store.flush()
        lane = self._lane(request.parent)
        size = limits.page_of(request.page_size, MAX_TASKS)
        after = _from_token(request.page_token) or "0"
        if not after.isdigit():
            raise invalid("pageToken is not one of ours")
        numbers = heapq.nsmallest(size + 1, (number for number in lane.tasks if number > int(after)))
        answer = ListTasksResponse()
        for number in numbers[:size]:
            task = _as_it_is(lane.tasks[number], self._store.message(number))
            answer.tasks.append(Task.FromString(_shown(task, request.response_view)))
        if len(numbers) > size:
            answer.next_page_token = _token(str(numbers[size - 1]))
        return answer

    def delete_task(self, request: Message) -> Message:
        pending = self._find(request.name)
        pending.lane.end(pending)
        self._store.finish(pending)
        self._store.flush()
        return Empty()

    def run_task(self, request: Message) -> bytes:
        """Dispatches a task now, even from a paused queue or over its limits. If it is under way, that is enough."""
        pending = self._find(request.name)
        if not pending.is_in_flight:
            pending.due = limits.now_s()
            pending.lane.start(pending)
        return _shown(_as_it_is(pending, self._store.message(pending.id)), request.response_view)


def _shown(task: Message, view: int) -> bytes:
    """A task as it is answered: without its body unless FULL is asked for. The message itself stays as it is."""
    body = task.http_request.body
    task.view = view or BASIC
    if view != FULL:
        task.http_request.ClearField("body")
    answer: bytes = task.SerializeToString()
    task.ClearField("view")
    if body:
        task.http_request.body = body
    return answer


def _as_it_is(pending: Pending, message: bytes) -> Message:
    """The stored task with what has happened to it since."""
    task = Task.FromString(message)
    set_seconds(task.schedule_time, pending.due)
    task.dispatch_count, task.response_count = pending.dispatches, pending.responses
    if pending.first_at:
        set_seconds(task.first_attempt.dispatch_time, pending.first_at)
        set_seconds(task.last_attempt.dispatch_time, pending.last_at)
    if pending.reason:
        status = task.last_attempt.response_status
        unanswered = CODE_UNAVAILABLE if not pending.previous else CODE_UNKNOWN
        status.code, status.message = GRPC_CODES.get(pending.previous, unanswered), pending.reason
    return task


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid("pageToken is not one of ours") from None


def grpc_handler(service: CloudTasks) -> Any:
    """The service as gRPC wants it: raw messages in, raw messages or bytes out."""
    methods: dict[str, Callable[[Message], Message]] = {
        "CreateQueue": service.create_queue,
        "UpdateQueue": service.update_queue,
        "GetQueue": service.get_queue,
        "ListQueues": service.list_queues,
        "DeleteQueue": service.delete_queue,
        "PauseQueue": service.pause_queue,
        "ResumeQueue": service.resume_queue,
        "PurgeQueue": service.purge_queue,
        "GetTask": service.get_task,
        "ListTasks": service.list_tasks,
        "DeleteTask": service.delete_task,
        "RunTask": service.run_task,
    }
    handlers = {name: _rpc(name, _soon(method)) for name, method in methods.items()}
    handlers["CreateTask"] = _rpc("CreateTask", service.create_task)
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _soon(method: Callable[[Message], Message]) -> Callable[[Message], Awaitable[Message]]:
    async def answer(request: Message) -> Message:
        return method(request)

    return answer


def _rpc(name: str, method: Callable[[Message], Awaitable[Message]]) -> Any:
    async def call(request: Message, context: Any) -> Message:
        try:
            return await method(request)
        except ApiError as refused:
            await context.abort(refused.status, refused.message)

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=request_class(f"{name}Request").FromString, response_serializer=_serialized
    )


def _serialized(answer: Message) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()
