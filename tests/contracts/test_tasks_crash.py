"""The local queue killed, stopped, started twice or wrongly: what was promised is kept."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from local.tasks.server import main
from tests.support.tasks import (
    PARENT,
    ROOT,
    Queue,
    Reply,
    Target,
    TasksServer,
    connect,
    eventually,
    make_queue,
    running_server,
    running_target,
)

NOWHERE = "http://127.0.0.1:9/never"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TasksServer]:
    with running_server(tmp_path, "--queue", "steps:400:50", time_scale=0.01) as started:
        yield started


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksServer]:
    """A server that no test ends."""
    with running_server(tmp_path_factory.mktemp("steady")) as started:
        yield started


@pytest.fixture
def queue(server: TasksServer) -> Iterator[Queue]:
    """The queue that the command line asked for."""
    with connect(server.port) as client:
        yield Queue(client, f"{PARENT}/queues/steps")


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running_target() as started:
        yield started


def in_s(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_kill_loses_no_task(server: TasksServer, queue: Queue, target: Target) -> None:
    """After SIGKILL an attempt that was under way is made again and counted, and scheduled tasks keep their time."""
    gate = threading.Event()
    target.plan("/cut", Reply(gate=gate))
    queue.create(target.url("/cut"), "cut")
    queue.create(target.url("/after-cut"), schedule_time=in_s(0.2))
    due = in_s(1.0)
    queue.create(target.url("/later"), "later", schedule_time=due)
    target.wait("/after-cut", 1)
    server.kill()
    gate.set()
    server.start()

    again = target.wait("/cut", 2)[1]
    assert (again.task_header("TaskName"), again.task_header("TaskRetryCount")) == ("cut", "1")
    assert [hit.task_header("TaskName") for hit in target.wait("/later", 1)] == ["later"]
    assert datetime.now(UTC) >= due


def test_a_kill_frees_no_name(server: TasksServer, queue: Queue, target: Target) -> None:
    """Names of finished and of waiting tasks stay taken after SIGKILL, and a paused queue stays paused."""
    queue.create(target.url("/named"), "done")
    target.wait("/named", 1)
    eventually(queue.is_empty)
    queue.client.pause_queue(name=queue.name)
    queue.create(target.url("/named"), "waiting")
    server.kill()
    server.start()
    eventually(lambda: _is_reached(queue))

    for name in ("done", "waiting"):
        with pytest.raises(exceptions.AlreadyExists):
            queue.create(target.url("/named"), name)
    assert queue.task_ids() == ["waiting"]
    assert queue.client.get_queue(name=queue.name).state == tasks_v2.Queue.State.PAUSED
    assert len(target.hits("/named")) == 1


def _is_reached(queue: Queue) -> bool:
    """Whether the client has found the new server."""
    try:
        queue.client.get_queue(name=queue.name)
    except exceptions.ServiceUnavailable:
        return False
    return True


def test_what_was_answered_is_delivered(server: TasksServer, queue: Queue, target: Target) -> None:
    """Killed in the middle of a burst, the server delivers each task whose creation it had answered."""
    answered: list[str] = []

    def create_until_cut(sender: int) -> None:
        for number in range(10_000):
            try:
                queue.create(target.url("/burst"), f"{sender}-{number}")
            except exceptions.GoogleAPICallError:
                return
            answered.append(f"{sender}-{number}")

    senders = [threading.Thread(target=create_until_cut, args=(sender,)) for sender in range(3)]
    for sender in senders:
        sender.start()
    target.wait("/burst", 60)
    server.kill()
    for sender in senders:
        sender.join(20)
    server.start()

    eventually(lambda: set(answered) <= {hit.task_header("TaskName") for hit in target.hits("/burst")})
    assert len(answered) >= 30


def test_a_stop_waits_for_attempts(server: TasksServer, queue: Queue, target: Target) -> None:
    """SIGTERM lets an attempt end, so that it is not made again; nothing new begins."""
    gate = threading.Event()
    target.plan("/drain", Reply(gate=gate))
    queue.create(target.url("/drain"))
    target.wait("/drain", 1)
    stopped: list[int] = []
    stopper = threading.Thread(target=lambda: stopped.append(server.stop()))
    stopper.start()
    eventually(lambda: "stopping" in server.log.read_text())
    gate.set()
    stopper.join(20)
    server.start()

    assert stopped == [0]
    with connect(server.port) as client:
        assert Queue(client, queue.name).is_empty()
    assert len(target.hits("/drain")) == 1


def test_a_name_is_free_after_a_day(tmp_path: Path) -> None:
    """Once a name's reservation has ended it can be used again, by one task."""
    with running_server(tmp_path, time_scale=0.2 / 86_400) as quick, connect(quick.port) as client:
        queue = make_queue(client, "names")
        client.pause_queue(name=queue.name)
        client.delete_task(name=queue.create(NOWHERE, "again").name)
        assert _is_taken(queue)

        eventually(lambda: not _is_taken(queue))
        assert _is_taken(queue)
        assert queue.task_ids() == ["again"]


def _is_taken(queue: Queue) -> bool:
    try:
        queue.create(NOWHERE, "again")
    except exceptions.AlreadyExists:
        return True
    return False


def test_the_command_line_makes_queues(server: TasksServer, queue: Queue) -> None:
    """--queue makes a queue with its rate and width, and leaves one that exists as it is."""
    server.stop()
    again = TasksServer(server.folder, "--queue", "steps:1:1", "--queue", "wide:3000:200")
    again.start()
    try:
        with connect(again.port) as client:
            limits = {made.name.rsplit("/", 1)[1]: made.rate_limits for made in client.list_queues(parent=PARENT)}
    finally:
        again.close()

    assert (limits["steps"].max_dispatches_per_second, limits["steps"].max_concurrent_dispatches) == (400, 50)
    assert (limits["wide"].max_dispatches_per_second, limits["wide"].max_concurrent_dispatches) == (3000, 200)


def run_server(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, which must come soon."""
    command = [sys.executable, "-m", "local.tasks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_two_servers_do_not_share_a_file(steady: TasksServer, tmp_path: Path) -> None:
    """A second server on the same file ends at once and says that the file is locked."""
    second = run_server("--port", "0", "--db", str(steady.folder / "tasks.db"), "--signing-key", str(tmp_path))

    assert second.returncode == 1
    assert "cannot start: database is locked" in second.stderr


def test_two_servers_do_not_share_a_port(steady: TasksServer, tmp_path: Path) -> None:
    """A second server on the same port ends at once, instead of taking half of the calls."""
    second = run_server("--port", str(steady.port), "--db", str(tmp_path / "other.db"), "--signing-key", str(tmp_path))

    assert second.returncode == 1
    assert "cannot start" in second.stderr


@pytest.mark.parametrize("text", ["steps", "steps:fast:1", "a_b:1:1", "steps:0.5:99999"])
def test_a_wrong_queue_argument_is_told(tmp_path: Path, text: str) -> None:
    """--queue that is not NAME:RATE:CONCURRENT, or out of bounds, stops the start."""
    given = ["--port", "0", "--db", str(tmp_path / "t.db"), "--signing-key", str(tmp_path), "--queue", text]

    with pytest.raises(SystemExit, match=f"cannot start: --queue {text}"):
        main(given)
    assert list(tmp_path.iterdir()) == []


def test_help_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """--help lists every flag."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    shown = capsys.readouterr().out
    for flag in ("--port", "--db", "--signing-key", "--queue", "--project", "--location", "--time-scale"):
        assert flag in shown


def test_ctrl_c_is_a_stop(server: TasksServer) -> None:
    """SIGINT ends the server as SIGTERM does: status 0, no traceback."""
    assert server.end(signal.SIGINT) == 0
    assert "Traceback" not in server.log.read_text()
