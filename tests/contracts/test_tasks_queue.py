"""The product's way into Cloud Tasks, against the local server: one task per name, and clear words when it fails."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from shared.config import Settings
from shared.errors import InvalidInputError, TerminalError, TransientError
from shared.queue.tasks import AT_ONCE, StepQueue, Wake
from tests.support.tasks import Queue, Target, TasksServer, connect, eventually, running_server, running_target

STEPS = "projects/p/locations/l/queues/steps"
EMAIL = "tasks@p.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksServer]:
    with running_server(tmp_path_factory.mktemp("tasks"), "--queue", "steps:2000:50") as started:
        yield started


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running_target() as started:
        yield started


def settings_for(server: TasksServer, target: Target, **others: str) -> Settings:
    given = {
        "cloud_tasks_emulator_host": f"127.0.0.1:{server.port}",
        "gcp_project": "p",
        "gcp_location": "l",
        "executor_url": target.url("/"),
        "task_token_audience": "https://executor",
        "task_token_email": EMAIL,
    }
    return Settings.model_validate(given | others)


@pytest.fixture
def queue(server: TasksServer, target: Target) -> Iterator[StepQueue]:
    opened = StepQueue(settings_for(server, target), patience_s=5)
    yield opened
    opened.close()


@pytest.fixture
def path() -> str:
    return f"/tasks/{uuid4().hex}"


def test_a_wake_up_is_one_json_post(queue: StepQueue, target: Target, path: str) -> None:
    """The executor gets the body as JSON, with a token, below the name that the parts make."""
    body = {"run_id": "r1", "text": "Füße \ud800", "n": 3}
    queue.wake(path, body, name_parts=["run", 1, "step"], deadline_s=60)
    hit = target.wait(path, 1)[0]

    assert (hit.method, json.loads(hit.body)) == ("POST", body)
    assert hit.headers["content-type"] == "application/json"
    assert hit.headers["authorization"].startswith("Bearer ey")
    assert hit.task_header("TaskName") == Wake(path, {}, ("run", 1, "step")).task_id


def test_a_name_wakes_once(queue: StepQueue, target: Target, path: str) -> None:
    """Equal parts are one task, and asking again is no error; another generation is another task."""
    for generation in (1, 1, 2, 2, 1):
        queue.wake(path, {"generation": generation}, name_parts=[path, generation])
    queue.wake(path, {"generation": "last"}, name_parts=[path, "1"])

    hits = target.wait(path, 3)
    assert [json.loads(hit.body)["generation"] for hit in hits] == [1, 2, "last"]


def test_a_window_wakes_once_when_it_ends(server: TasksServer, queue: StepQueue, target: Target, path: str) -> None:
    """However often it is asked for, by this process and by another: one task, due when the window is over."""
    other = StepQueue(settings_for(server, target), patience_s=5)
    began = time.time()
    asked = Wake(path, {}, (path,), window_s=0.5)
    for _ in range(20):
        queue.wake_many([asked])
        other.wake_many([asked])
    asking_s = time.time() - began
    other.close()

    hits = target.wait(path, 1 + int(asking_s / 0.5))
    queue.wake(path, {"n": "end"}, name_parts=[path, "end"])
    target.wait(path, len(hits) + 1)
    first_window = int(began // 0.5) + 1
    assert hits[0].task_header("TaskName") == Wake(path, {}, (path, first_window)).task_id
    assert len(hits) <= 2 + int(asking_s / 0.5)


@pytest.mark.parametrize(("now_s", "number"), [(10.0, 11), (10.999, 11), (11.0, 12)])
def test_a_window_ends_with_its_number(now_s: float, number: int) -> None:
    """Every moment of a window has the same name and the same end, which is never in the past."""
    made = Wake("/x", {}, ("run",), window_s=1.0).in_window(now_s)

    assert made == Wake("/x", {}, ("run", number), due=datetime.fromtimestamp(number, UTC))
    assert made.due is not None and made.due.timestamp() > now_s


def test_parts_do_not_run_together() -> None:
    """Names differ where parts differ, also by type and by where one part ends."""
    parts: list[tuple[str | int, ...]] = [("a", "b"), ("ab",), ("a", "b", ""), ("a,b",), (1,), ("1",), (11,), (1, 1)]

    names = {Wake("/x", {}, part).task_id for part in parts}
    assert len(names) == len(parts)
    assert all(len(name) == 32 for name in names)


def test_many_at_once(queue: StepQueue, target: Target, path: str) -> None:
    """A whole fan-out is woken, however wide, and again without a second delivery."""
    items = [Wake(path, {"n": number}, (path, number)) for number in range(AT_ONCE + 10)]
    queue.wake_many(items)
    queue.wake_many(items)
    queue.wake_many([])
    queue.wake(path, {"n": "end"}, name_parts=[path, "end"])

    hits = target.wait(path, len(items) + 1)
    assert sorted(str(json.loads(hit.body)["n"]) for hit in hits) == sorted(["end", *map(str, range(len(items)))])


def test_threads_share_one_queue(queue: StepQueue, target: Target, path: str) -> None:
    """Wake-ups from many threads at once all arrive, though none had opened the channel before."""
    threads = [
        threading.Thread(target=queue.wake, args=(path, {"n": n}), kwargs={"name_parts": [path, n]}) for n in range(8)
    ]
    for thread in threads:
        thread.start()

    assert {json.loads(hit.body)["n"] for hit in target.wait(path, 8)} == set(range(8))
    for thread in threads:
        thread.join(10)


def test_a_due_time_is_kept(queue: StepQueue, target: Target, path: str) -> None:
    """A wake-up for later comes no earlier."""
    due = datetime.now(UTC) + timedelta(seconds=0.3)
    queue.wake(path, {}, name_parts=[path], due=due)
    target.wait(path, 1)

    assert datetime.now(UTC) >= due


def test_a_deadline_is_held_to_what_the_api_allows(server: TasksServer, target: Target, path: str) -> None:
    """Deadlines below 15 s and above 30 min become the nearest allowed ones."""
    queue = StepQueue(settings_for(server, target))
    later = datetime.now(UTC) + timedelta(hours=1)
    for deadline_s in (0.5, 99.5, 1e6):
        queue.wake(path, {}, name_parts=[path, str(deadline_s)], due=later, deadline_s=deadline_s)
    queue.close()

    with connect(server.port) as client:
        tasks = client.list_tasks(parent=STEPS)
        deadlines = {task.dispatch_deadline.total_seconds() for task in tasks if path in task.http_request.url}
        client.purge_queue(name=STEPS)
    assert deadlines == {15, 99.5, 1800}


@pytest.mark.parametrize(
    ("due", "told"),
    [
        (datetime(2030, 1, 1), "time zone"),
        (datetime.now(UTC) + timedelta(days=31), "30 days"),
    ],
)
def test_a_wrong_due_time_is_refused(queue: StepQueue, path: str, due: datetime, told: str) -> None:
    """A time without zone, or beyond what Cloud Tasks takes, is refused with its field."""
    with pytest.raises(InvalidInputError, match=told) as refused:
        queue.wake(path, {}, name_parts=[path], due=due)

    assert refused.value.field == "due"


def test_a_task_that_is_too_large_is_terminal(queue: StepQueue, path: str) -> None:
    """What the queue can never take is not tried again."""
    with pytest.raises(TerminalError, match="too large"):
        queue.wake(path, {"text": "x" * 1_100_000}, name_parts=[path])


def test_a_missing_queue_is_told(server: TasksServer, target: Target, path: str) -> None:
    """A queue that is not there is named at once; it may be made later."""
    queue = StepQueue(settings_for(server, target, step_queue="nowhere"))

    with pytest.raises(TransientError, match="queues/nowhere refused a task: NOT_FOUND"):
        queue.wake(path, {}, name_parts=[path])
    queue.close()


def test_no_server_is_told_in_time(server: TasksServer, target: Target, path: str) -> None:
    """Without a server a wake-up fails within its patience, single or many."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    queue = StepQueue(settings_for(server, target, cloud_tasks_emulator_host=nobody), patience_s=0.3)

    with pytest.raises(TransientError, match="did not take a task in time"):
        queue.wake(path, {}, name_parts=[path])
    with pytest.raises(TransientError, match="did not take a task in time"):
        queue.wake_many([Wake(path, {}, (path, n)) for n in range(3)])
    queue.close()


def test_a_restart_is_waited_for(tmp_path: Path, target: Target, path: str) -> None:
    """A wake-up that meets a server just killed is taken by the next one, once."""
    with running_server(tmp_path, "--queue", "steps:500:50") as server:
        queue = StepQueue(settings_for(server, target), patience_s=15)
        queue.wake(path, {"n": 1}, name_parts=[path, 1])
        target.wait(path, 1)
        with connect(server.port) as client:
            eventually(Queue(client, STEPS).is_empty)
        server.kill()
        waiting = threading.Thread(target=queue.wake, args=(path, {"n": 2}), kwargs={"name_parts": [path, 2]})
        waiting.start()
        server.start()
        waiting.join(20)

        assert [json.loads(hit.body)["n"] for hit in target.wait(path, 2)] == [1, 2]
        queue.close()
