"""The calls of Cloud Tasks v2, through the real client: what they answer, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf import field_mask_pb2

from tests.support.tasks import PARENT, Queue, connect, make_queue, running_server

NOWHERE = "http://127.0.0.1:9/never"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tasks_v2.CloudTasksClient]:
    with running_server(tmp_path_factory.mktemp("tasks")) as server, connect(server.port) as connected:
        yield connected


@pytest.fixture
def queue(client: tasks_v2.CloudTasksClient) -> Queue:
    """A queue of this test alone, paused: its tasks stay."""
    made = make_queue(client, f"q-{uuid4().hex}")
    client.pause_queue(name=made.name)
    return made


def in_s(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_new_queue_has_every_setting(client: tasks_v2.CloudTasksClient) -> None:
    """What is left open when a queue is made gets the documented default."""
    made = client.get_queue(name=make_queue(client, "defaults").name)

    assert made.state == tasks_v2.Queue.State.RUNNING
    assert (made.rate_limits.max_dispatches_per_second, made.rate_limits.max_concurrent_dispatches) == (500, 1000)
    assert made.rate_limits.max_burst_size == 500
    assert (made.retry_config.max_attempts, made.retry_config.max_doublings) == (100, 16)
    assert made.retry_config.min_backoff == timedelta(seconds=0.1)
    assert made.retry_config.max_backoff == timedelta(hours=1)


def test_an_update_changes_what_its_mask_names(client: tasks_v2.CloudTasksClient) -> None:
    """Fields outside the mask keep their value, and a named zero counts."""
    queue = make_queue(client, "masked", rates={"max_concurrent_dispatches": 7}, retry={"max_attempts": 3})
    wanted = {"name": queue.name, "retry_config": {"max_attempts": 9, "max_doublings": 0}}
    mask = field_mask_pb2.FieldMask(paths=["retry_config.max_attempts", "retry_config.max_doublings"])

    changed = client.update_queue(queue=tasks_v2.Queue(wanted), update_mask=mask)

    assert (changed.retry_config.max_attempts, changed.retry_config.max_doublings) == (9, 0)
    assert changed.rate_limits.max_concurrent_dispatches == 7
    assert client.get_queue(name=queue.name) == changed


def test_an_update_without_mask_replaces_all_but_the_state(client: tasks_v2.CloudTasksClient, queue: Queue) -> None:
    """Without a mask every setting is replaced; a paused queue stays paused."""
    changed = client.update_queue(queue=tasks_v2.Queue({"name": queue.name, "rate_limits": {"max_burst_size": 3}}))

    assert changed.state == tasks_v2.Queue.State.PAUSED
    assert changed.rate_limits.max_burst_size == 500


def test_an_update_of_no_queue_makes_it(client: tasks_v2.CloudTasksClient) -> None:
    """UpdateQueue creates a queue that does not exist."""
    name = f"{PARENT}/queues/by-update"

    client.update_queue(queue=tasks_v2.Queue(name=name))

    assert client.get_queue(name=name).state == tasks_v2.Queue.State.RUNNING


@pytest.mark.parametrize("path", ["state", "name", "nothing.like_this"])
def test_an_update_refuses_other_fields(client: tasks_v2.CloudTasksClient, queue: Queue, path: str) -> None:
    """A mask may name neither output-only nor unknown fields."""
    with pytest.raises(exceptions.InvalidArgument, match="updateMask"):
        client.update_queue(queue=tasks_v2.Queue(name=queue.name), update_mask=field_mask_pb2.FieldMask(paths=[path]))


@pytest.mark.parametrize(
    ("queue_id", "settings"),
    [
        ("has_underscore", {}),
        ("a" * 101, {}),
        ("fast", {"rate_limits": {"max_dispatches_per_second": 501}}),
        ("wide", {"rate_limits": {"max_concurrent_dispatches": 5001}}),
        ("tries", {"retry_config": {"max_attempts": -2}}),
        ("waits", {"retry_config": {"min_backoff": {"seconds": 9}, "max_backoff": {"seconds": 8}}}),
    ],
)
def test_a_wrong_queue_is_refused(client: tasks_v2.CloudTasksClient, queue_id: str, settings: dict[str, Any]) -> None:
    """Names and settings outside the documented limits make no queue."""
    name = f"{PARENT}/queues/{queue_id}"
    with pytest.raises(exceptions.InvalidArgument):
        client.create_queue(parent=PARENT, queue=tasks_v2.Queue({"name": name, **settings}))

    with pytest.raises(exceptions.NotFound):
        client.get_queue(name=name)


def test_a_queue_is_made_once(client: tasks_v2.CloudTasksClient, queue: Queue) -> None:
    """A second queue of the same name is refused."""
    with pytest.raises(exceptions.AlreadyExists):
        client.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=queue.name))


def test_queues_are_listed_in_pages(client: tasks_v2.CloudTasksClient) -> None:
    """Every queue of a location is listed once, however small the page."""
    place = "projects/p/locations/paged"
    names = [f"{place}/queues/q{number}" for number in range(5)]
    for name in names:
        client.create_queue(parent=place, queue=tasks_v2.Queue(name=name))

    listed = client.list_queues(request={"parent": place, "page_size": 2})

    assert [queue.name for queue in listed] == names


def test_a_deleted_queue_takes_its_tasks_along(client: tasks_v2.CloudTasksClient, queue: Queue) -> None:
    """After DeleteQueue neither the queue nor its tasks are there; a new queue of that name is empty."""
    queue.create(NOWHERE, "one")
    client.delete_queue(name=queue.name)
    with pytest.raises(exceptions.NotFound):
        client.get_task(name=f"{queue.name}/tasks/one")

    client.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=queue.name))

    assert queue.is_empty()
    assert queue.create(NOWHERE, "one")


def test_a_task_is_shown_without_its_body(client: tasks_v2.CloudTasksClient, queue: Queue) -> None:
    """Only the FULL view holds the body, for CreateTask, GetTask and ListTasks alike."""
    made = queue.create(NOWHERE, "t", body=b"secret", headers={"A": "b"})
    basic = client.get_task(name=made.name)
    full = client.get_task(request={"name": made.name, "response_view": tasks_v2.Task.View.FULL})
    listed = client.list_tasks(request={"parent": queue.name, "response_view": tasks_v2.Task.View.FULL})

    assert made.http_request.body == basic.http_request.body == b""
    assert basic.http_request.headers == {"A": "b"}
    assert basic.http_request.http_method == tasks_v2.HttpMethod.POST
    assert full.http_request.body == b"secret"
    assert [task.http_request.body for task in listed] == [b"secret"]


def test_tasks_are_listed_in_pages(queue: Queue) -> None:
    """Every waiting task is listed once, however small the page, and no finished one."""
    for number in range(7):
        queue.create(NOWHERE, f"t{number}")
    queue.client.delete_task(name=f"{queue.name}/tasks/t3")

    listed = [task.name[-2:] for task in queue.client.list_tasks(request={"parent": queue.name, "page_size": 2})]

    assert sorted(listed) == ["t0", "t1", "t2", "t4", "t5", "t6"]


@pytest.mark.parametrize("token", ["!!!", "bm90LWEtbnVtYmVy"])
def test_a_foreign_page_token_is_refused(queue: Queue, token: str) -> None:
    """A page token must be one that this server gave."""
    with pytest.raises(exceptions.InvalidArgument, match="pageToken"):
        queue.client.list_tasks(request={"parent": queue.name, "page_token": token})


def test_an_unnamed_task_gets_a_name(queue: Queue) -> None:
    """Tasks without a name are never taken for one another."""
    names = {queue.create(NOWHERE).name for _ in range(20)}

    assert len(names) == 20
    assert all(name.startswith(f"{queue.name}/tasks/") for name in names)


def test_a_pending_name_is_taken(queue: Queue) -> None:
    """The same name twice is ALREADY_EXISTS while the first task waits."""
    queue.create(NOWHERE, "twice")

    with pytest.raises(exceptions.AlreadyExists):
        queue.create(NOWHERE, "twice", schedule_time=in_s(60))


def test_a_deleted_name_stays_taken(queue: Queue) -> None:
    """A deleted task is gone, but its name is not free for a day."""
    made = queue.create(NOWHERE, "gone")
    queue.client.delete_task(name=made.name)

    with pytest.raises(exceptions.NotFound, match="existed recently"):
        queue.client.get_task(name=made.name)
    with pytest.raises(exceptions.AlreadyExists):
        queue.create(NOWHERE, "gone")


def test_two_queues_may_use_one_name(client: tasks_v2.CloudTasksClient, queue: Queue) -> None:
    """A task's name is its own within its queue only."""
    other = make_queue(client, f"q-{uuid4().hex}")
    client.pause_queue(name=other.name)

    assert queue.create(NOWHERE, "same").name != other.create(NOWHERE, "same").name


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"dispatch_deadline": timedelta(seconds=14)}, "dispatchDeadline"),
        ({"dispatch_deadline": timedelta(seconds=1801)}, "dispatchDeadline"),
        ({"schedule_time": in_s(31 * 86_400)}, "30 days"),
        ({"body": b"x" * 1_100_000}, "too large"),
        ({"body": b"x", "http_method": tasks_v2.HttpMethod.GET}, "body"),
        ({"headers": {"A": "x" * 82_000}}, "80 KB"),
        ({"headers": {"A": "b\r\nX-Forged: yes"}}, "headers"),
        ({"headers": {"A b": "c"}}, "headers"),
        ({"retry_config": {"max_attempts": -5}}, "maxAttempts"),
    ],
)
def test_a_task_outside_the_limits_is_refused(queue: Queue, fields: dict[str, Any], told: str) -> None:
    """The documented limits hold, the answer names the field, and nothing is stored."""
    with pytest.raises(exceptions.InvalidArgument, match=told):
        queue.create(NOWHERE, "wrong", **fields)

    assert queue.is_empty()


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host/x", "http:///x", "http://user:pw@host/", "http://host:port/", "http://host/" + "x" * 2100],
)
def test_a_url_that_cannot_be_called_is_refused(queue: Queue, url: str) -> None:
    """The URL must be http or https, name a host, and be at most 2,083 characters long."""
    with pytest.raises(exceptions.InvalidArgument, match="url"):
        queue.create(url)


@pytest.mark.parametrize("task_id", ["has.dot", "has/slash", "a" * 501, "", "ü"])
def test_a_wrong_task_id_is_refused(queue: Queue, task_id: str) -> None:
    """A task id is 1 to 500 letters, digits, hyphens and underscores."""
    with pytest.raises(exceptions.InvalidArgument, match="Task.name"):
        queue.create(NOWHERE, task_id)


def test_a_task_at_the_limits_is_taken(queue: Queue) -> None:
    """The limits themselves are allowed."""
    queue.create(NOWHERE, "a" * 500, dispatch_deadline=timedelta(seconds=15), schedule_time=in_s(29.9 * 86_400))
    queue.create(NOWHERE, dispatch_deadline=timedelta(minutes=30), body=b"x" * 1_000_000)

    assert len(queue.task_ids()) == 2


def test_a_task_needs_its_queue(client: tasks_v2.CloudTasksClient) -> None:
    """Without a queue of that name there is no task."""
    with pytest.raises(exceptions.NotFound):
        Queue(client, f"{PARENT}/queues/nowhere").create(NOWHERE)


def test_what_is_not_here_says_so(queue: Queue) -> None:
    """App Engine tasks and OAuth tokens are refused by name, not ignored."""
    with pytest.raises(exceptions.MethodNotImplemented, match="http_request"):
        queue.client.create_task(parent=queue.name, task=tasks_v2.Task(app_engine_http_request={"relative_uri": "/x"}))
    with pytest.raises(exceptions.MethodNotImplemented, match="oauth_token"):
        queue.client.create_task(
            parent=queue.name,
            task=tasks_v2.Task(http_request={"url": NOWHERE, "oauth_token": {"service_account_email": "a@b"}}),
        )
