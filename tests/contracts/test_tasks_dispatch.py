"""What the queue sends and when: headers, retries, rates, pauses. Waits run a hundred times faster than they say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import uuid4

import pytest
from google.api_core import exceptions
from google.auth import jwt
from google.cloud import tasks_v2

from local.signer import Signer
from tests.support.tasks import (
    Queue,
    Reply,
    Target,
    TasksServer,
    connect,
    eventually,
    gaps,
    make_queue,
    running_server,
    running_target,
)

SCALE = 0.01
QUICK = {"min_backoff": timedelta(seconds=1), "max_backoff": timedelta(seconds=1)}  # 10 ms
SLACK_S = 0.002  # clocks are read in two processes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksServer]:
    with running_server(tmp_path_factory.mktemp("tasks"), time_scale=SCALE) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: TasksServer) -> Iterator[tasks_v2.CloudTasksClient]:
    with connect(server.port) as connected:
        yield connected


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running_target() as started:
        yield started


@pytest.fixture
def queue(client: tasks_v2.CloudTasksClient) -> Queue:
    return make_queue(client, f"q-{uuid4().hex}", retry=QUICK)


@pytest.fixture
def path() -> str:
    """A path that no other test calls."""
    return f"/{uuid4().hex}"


def in_s(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_an_attempt_is_the_request_of_the_task(queue: Queue, target: Target, path: str) -> None:
    """Method, path, query, headers and body arrive as they were given, with the headers of Cloud Tasks beside them."""
    made = queue.create(
        target.url(path + "?a=1&b=c%20d"),
        "t1",
        http_method=tasks_v2.HttpMethod.PUT,
        headers={"Content-Type": "application/json", "X-Own": "yes"},
        body=b'{"n": 1}',
    )
    hit = target.wait(path + "?a=1&b=c%20d", 1)[0]

    assert (hit.method, hit.body) == ("PUT", b'{"n": 1}')
    assert (hit.headers["content-type"], hit.headers["x-own"]) == ("application/json", "yes")
    assert hit.headers["user-agent"] == "Google-Cloud-Tasks"
    assert hit.task_header("QueueName") == queue.name.rsplit("/", 1)[1]
    assert hit.task_header("TaskName") == "t1"
    assert (hit.task_header("TaskRetryCount"), hit.task_header("TaskExecutionCount")) == ("0", "0")
    assert float(hit.task_header("TaskETA") or 0) == pytest.approx(made.schedule_time.timestamp())
    assert hit.task_header("TaskPreviousResponse") is None


def test_a_task_cannot_speak_for_the_queue(queue: Queue, target: Target, path: str) -> None:
    """Headers that belong to the queue are replaced: nobody forges a retry count, a host or a user agent."""
    forged = {"X-CloudTasks-TaskRetryCount": "9", "Host": "elsewhere", "User-Agent": "me", "Content-Length": "1"}
    queue.create(target.url(path), headers=forged, body=b"whole")
    hit = target.wait(path, 1)[0]

    assert hit.headers["host"] == f"127.0.0.1:{target.port}"
    assert (hit.headers["user-agent"], hit.task_header("TaskRetryCount")) == ("Google-Cloud-Tasks", "0")
    assert hit.body == b"whole"


def test_an_attempt_carries_a_signed_token(server: TasksServer, queue: Queue, target: Target, path: str) -> None:
    """The OIDC token is signed by the local key, for the audience, or else for the URL."""
    email = "tasks@p.iam.gserviceaccount.com"
    queue.create(target.url(path), oidc_token={"service_account_email": email, "audience": "https://executor"})
    queue.create(target.url(path), oidc_token={"service_account_email": email})
    certs = Signer(server.keys).certs

    tokens = [hit.headers["authorization"].removeprefix("Bearer ") for hit in target.wait(path, 2)]
    claims = [jwt.decode(token, certs=certs) for token in tokens]

    assert {claim["aud"] for claim in claims} == {"https://executor", target.url(path)}
    assert {(claim["email"], claim["email_verified"], claim["iss"]) for claim in claims} == {
        (email, True, "https://accounts.google.com")
    }


def test_a_name_works_once(queue: Queue, target: Target, path: str) -> None:
    """A name stays taken after its task has succeeded, and nothing is sent twice."""
    queue.create(target.url(path), "once")
    target.wait(path, 1)
    eventually(queue.is_empty)

    with pytest.raises(exceptions.AlreadyExists):
        queue.create(target.url(path), "once")
    queue.create(target.url(path), "another")
    assert [hit.task_header("TaskName") for hit in target.wait(path, 2)] == ["once", "another"]


def test_a_scheduled_task_waits(queue: Queue, target: Target, path: str) -> None:
    """A task is not sent before its time, and one that is due overtakes it."""
    due = in_s(0.3)
    queue.create(target.url(path), "later", schedule_time=due)
    queue.create(target.url(path), "now")
    hits = target.wait(path, 2)

    assert [hit.task_header("TaskName") for hit in hits] == ["now", "later"]
    assert datetime.now(UTC) >= due


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_success(queue: Queue, target: Target, path: str, status: int) -> None:
    """Every status from 200 to 299 ends a task, with or without a body."""
    target.plan(path, status)
    queue.create(target.url(path))
    target.wait(path, 1)

    eventually(queue.is_empty)
    assert len(target.hits(path)) == 1


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_anything_else_is_tried_again(queue: Queue, target: Target, path: str, status: int) -> None:
    """Another status is a failed attempt. The next one says which, and 5xx are no executions."""
    target.plan(path, status, status)
    queue.create(target.url(path))
    hits = target.wait(path, 3)

    assert [hit.task_header("TaskRetryCount") for hit in hits] == ["0", "1", "2"]
    assert hits[2].task_header("TaskExecutionCount") == ("0" if status >= 500 else "2")
    assert hits[2].task_header("TaskPreviousResponse") == str(status)
    assert str(status) in (hits[2].task_header("TaskRetryReason") or "")
    eventually(queue.is_empty)


def test_waits_double_then_grow_evenly(client: tasks_v2.CloudTasksClient, target: Target, path: str) -> None:
    """2 s, 1 doubling, at most 5 s: waits of 2, 4, 5 and 5 s (here hundredths)."""
    backoff = {"min_backoff": timedelta(seconds=2), "max_backoff": timedelta(seconds=5), "max_doublings": 1}
    queue = make_queue(client, "doubling", retry=backoff)
    target.plan(path, *[HTTPStatus.INTERNAL_SERVER_ERROR] * 4)
    queue.create(target.url(path))

    waits = gaps(target.wait(path, 5))
    for wait, least in zip(waits, (0.02, 0.04, 0.05, 0.05), strict=True):
        assert wait >= least - SLACK_S


def test_a_task_is_given_up(client: tasks_v2.CloudTasksClient, server: TasksServer, target: Target, path: str) -> None:
    """After max_attempts a task is dropped, with a warning that names it."""
    queue = make_queue(client, "three-tries", retry={"max_attempts": 3, **QUICK})
    target.plan(path, *[500] * 9)
    made = queue.create(target.url(path))

    eventually(queue.is_empty)
    assert len(target.hits(path)) == 3
    assert f"giving up {made.name}" in server.log.read_text()


def test_both_limits_must_be_reached(client: tasks_v2.CloudTasksClient, target: Target, path: str) -> None:
    """Attempts alone do not end a task while its retry duration lasts."""
    queue = make_queue(
        client, "ten-seconds", retry={"max_attempts": 1, "max_retry_duration": timedelta(seconds=10), **QUICK}
    )
    target.plan(path, *[500] * 999)
    queue.create(target.url(path))

    eventually(queue.is_empty)
    hits = target.hits(path)
    assert len(hits) > 1
    assert hits[-1].at - hits[0].at >= 10 * SCALE - SLACK_S - 0.02


def test_minus_one_never_gives_up(client: tasks_v2.CloudTasksClient, target: Target, path: str) -> None:
    """max_attempts -1 goes on where a small number would have ended."""
    queue = make_queue(client, "endless", retry={"max_attempts": -1, **QUICK})
    target.plan(path, *[500] * 12)
    queue.create(target.url(path))

    assert len(target.wait(path, 13)) == 13


def test_a_task_may_have_its_own_retries(queue: Queue, target: Target, path: str) -> None:
    """The retry settings of a task win over its queue's."""
    target.plan(path, *[500] * 9)
    queue.create(target.url(path), retry_config={"max_attempts": 2, **QUICK})

    eventually(queue.is_empty)
    assert len(target.hits(path)) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded(queue: Queue, target: Target, path: str, status: int) -> None:
    """The target may ask for a longer wait than the backoff: 20 s here, a hundredth of it in truth."""
    target.plan(path, Reply(status, {"Retry-After": "20"}))
    queue.create(target.url(path))

    assert gaps(target.wait(path, 2))[0] >= 20 * SCALE - SLACK_S


def test_no_target_is_a_failed_attempt(queue: Queue, path: str) -> None:
    """A refused connection is tried again until someone is there."""
    with running_target() as gone:
        port = gone.port
    made = queue.create(f"http://127.0.0.1:{port}{path}")
    eventually(lambda: queue.client.get_task(name=made.name).dispatch_count >= 2)

    with running_target(port) as back:
        hit = back.wait(path, 1)[0]
    assert int(hit.task_header("TaskRetryCount") or 0) >= 2
    assert (hit.task_header("TaskRetryReason") or "").startswith("UNAVAILABLE")
    assert hit.task_header("TaskPreviousResponse") is None


def test_the_deadline_ends_an_attempt(queue: Queue, target: Target, path: str) -> None:
    """No answer within dispatch_deadline: the attempt failed, although the target works on."""
    gate = threading.Event()
    target.plan(path, Reply(gate=gate))
    queue.create(target.url(path), dispatch_deadline=timedelta(seconds=15))
    hits = target.wait(path, 2)
    gate.set()

    assert hits[1].at - hits[0].at >= 15 * SCALE - SLACK_S
    assert hits[1].task_header("TaskRetryReason") == "DEADLINE_EXCEEDED"
    eventually(queue.is_empty)


def test_a_paused_queue_sends_nothing(queue: Queue, target: Target, path: str) -> None:
    """Tasks made during a pause wait for the end of it; the other queues go on."""
    queue.client.pause_queue(name=queue.name)
    queue.create(target.url(path), "held")
    other = make_queue(queue.client, f"q-{uuid4().hex}")
    other.create(target.url(path + "-other"))
    target.wait(path + "-other", 1)
    assert target.hits(path) == []

    queue.client.resume_queue(name=queue.name)

    assert target.wait(path, 1)[0].task_header("TaskName") == "held"


def test_a_purge_drops_what_waits(queue: Queue, target: Target, path: str) -> None:
    """PurgeQueue ends all waiting tasks; what is made afterwards is sent."""
    queue.client.pause_queue(name=queue.name)
    for number in range(30):
        queue.create(target.url(path), f"t{number}")
    purged = queue.client.purge_queue(name=queue.name)
    queue.client.resume_queue(name=queue.name)
    queue.create(target.url(path), "after")

    assert [hit.task_header("TaskName") for hit in target.wait(path, 1)] == ["after"]
    assert purged.purge_time is not None
    with pytest.raises(exceptions.AlreadyExists):
        queue.create(target.url(path), "t7")


@pytest.mark.parametrize("way", ["purge", "delete"])
def test_a_dropped_task_is_not_tried_again(queue: Queue, target: Target, path: str, way: str) -> None:
    """A task that is purged or deleted while its attempt runs ends with it, even if that fails."""
    gate = threading.Event()
    target.plan(path, Reply(500, gate=gate))
    made = queue.create(target.url(path), "dropped")
    target.wait(path, 1)
    if way == "purge":
        queue.client.purge_queue(name=queue.name)
    else:
        queue.client.delete_task(name=made.name)
    gate.set()
    queue.create(target.url(path), "after", schedule_time=in_s(0.1))

    assert [hit.task_header("TaskName") for hit in target.wait(path, 2)] == ["dropped", "after"]


def test_a_task_can_be_run_by_hand(queue: Queue, target: Target, path: str) -> None:
    """RunTask sends a task now: before its time, and from a paused queue."""
    queue.client.pause_queue(name=queue.name)
    made = queue.create(target.url(path), schedule_time=in_s(3600))

    answered = queue.client.run_task(name=made.name)

    assert answered.dispatch_count == 1
    target.wait(path, 1)
    eventually(queue.is_empty)


def test_the_rate_is_kept(client: tasks_v2.CloudTasksClient, target: Target, path: str) -> None:
    """20 a second: the first 20 may go at once, the next 6 take 0.3 s."""
    queue = make_queue(client, "slow", rates={"max_dispatches_per_second": 20})
    for _ in range(26):
        queue.create(target.url(path))

    hits = target.wait(path, 26)
    assert hits[25].at - hits[0].at >= 0.28


def test_so_many_at_once(client: tasks_v2.CloudTasksClient, target: Target, path: str) -> None:
    """Never more than max_concurrent_dispatches are under way, and an answer makes room for the next."""
    queue = make_queue(client, "narrow", rates={"max_concurrent_dispatches": 3})
    gates = [threading.Event() for _ in range(9)]
    target.plan(path, *[Reply(gate=gate) for gate in gates])
    for _ in range(9):
        queue.create(target.url(path))
    for number, gate in enumerate(gates):
        target.wait(path, min(number + 3, 9))
        gate.set()

    eventually(queue.is_empty)
    assert target.most_in_flight[path] == 3


def test_a_new_rate_counts_at_once(client: tasks_v2.CloudTasksClient, target: Target, path: str) -> None:
    """A queue that was held to one task at a time sends the others when it is widened."""
    queue = make_queue(client, "widened", rates={"max_concurrent_dispatches": 1})
    gate = threading.Event()
    target.plan(path, *[Reply(gate=gate)] * 4)
    for _ in range(4):
        queue.create(target.url(path))
    target.wait(path, 1)

    client.update_queue(queue=tasks_v2.Queue({"name": queue.name, "rate_limits": {"max_concurrent_dispatches": 4}}))

    assert len(target.wait(path, 4)) == 4
    gate.set()
    eventually(queue.is_empty)


def test_counts_show_on_the_task(queue: Queue, target: Target, path: str) -> None:
    """GetTask tells how often a task was sent, what came back, and when it is due again."""
    target.plan(path, Reply(500, {"Retry-After": "3600"}))
    made = queue.create(target.url(path))
    eventually(lambda: queue.client.get_task(name=made.name).response_count)
    shown = queue.client.get_task(name=made.name)

    assert (shown.dispatch_count, shown.response_count) == (1, 1)
    assert shown.last_attempt.response_status.code == 13
    assert shown.schedule_time > made.schedule_time + timedelta(seconds=30)
    assert shown.first_attempt.dispatch_time == shown.last_attempt.dispatch_time
