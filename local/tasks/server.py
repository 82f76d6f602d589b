"""Runs the local Cloud Tasks server: one process, one event loop, one SQLite file."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sqlite3
import sys
from pathlib import Path

import grpc
import uvloop

from local.signer import Signer
from local.tasks.dispatch import Dispatcher
from local.tasks.errors import ApiError
from local.tasks.limits import check_queue
from local.tasks.service import CloudTasks, grpc_handler
from local.tasks.store import Store
from local.tasks.wire import Message, Queue

log = logging.getLogger("tasks")

HOST = "127.0.0.1"
DRAIN_S = 5.0
MAX_LOCAL_RATE = 100_000.0  # of --queue: one machine may want more than the 500 a second of the API


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.tasks", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one and logs it")
    parser.add_argument("--db", required=True, help="the SQLite file that holds queues and tasks")
    parser.add_argument(
        "--signing-key", required=True, type=Path, metavar="DIR", help="where local.signer keeps its key"
    )
    parser.add_argument("--project", default="tiktok-army-local", help="of --queue (default: %(default)s)")
    parser.add_argument("--location", default="local", help="of --queue (default: %(default)s)")
    parser.add_argument(
        "--queue",
        action="append",
        default=[],
        metavar="NAME:RATE:CONCURRENT",
        help="a queue to make if it is absent: dispatches a second (also above the API's 500), and at once",
    )
    parser.add_argument(
        "--time-scale",
        type=float,
        default=1.0,
        help="multiplies backoffs, Retry-After, dispatch deadlines and name reservations (for tests)",
    )
    given = parser.parse_args(argv)
    if given.time_scale <= 0:
        parser.error("--time-scale must be above 0")
    return given


def _queues(given: argparse.Namespace) -> list[Message]:
    """The queues of --queue, checked. ValueError names the one that is wrong."""
    place = f"projects/{given.project}/locations/{given.location}"
    found = []
    for text in given.queue:
        parts = text.split(":")
        try:
            name, rate, width = parts
            queue = Queue(name=f"{place}/queues/{name}")
            queue.rate_limits.max_dispatches_per_second = float(rate)
            queue.rate_limits.max_concurrent_dispatches = int(width)
            check_queue(queue, max_rate=MAX_LOCAL_RATE)
        except (ValueError, ApiError) as wrong:
            raise ValueError(f"--queue {text}: must be NAME:RATE:CONCURRENT ({wrong})") from None
        found.append(queue)
    return found


async def _serve(given: argparse.Namespace, queues: list[Message]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    signer = Signer(given.signing_key)
    store = Store(given.db, loop, time_scale=given.time_scale)
    dispatcher = Dispatcher(store, loop, signer.task_token, time_scale=given.time_scale)
    service = CloudTasks(store, dispatcher, loop)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc_handler(service),))
    port = server.add_insecure_port(f"{HOST}:{given.port}")
    waiting = service.load()
    for queue in queues:
        service.ensure_queue(queue)
    await server.start()
    log.info("listening on %s:%d, %d queues, %d tasks", HOST, port, len(service.lanes), waiting)
    await stop.wait()
    await _drain(server, service, dispatcher)
    store.close()


async def _drain(server: grpc.aio.Server, service: CloudTasks, dispatcher: Dispatcher) -> None:
    """Takes no more calls, begins no more attempts, and gives those under way a few seconds to end."""
    log.info("stopping")
    for lane in service.lanes.values():
        lane.close()
    await server.stop(grace=1.0)
    left = await dispatcher.drain(DRAIN_S)
    if left:
        log.warning("%d attempts still under way: they are made again after the next start", left)


def main(argv: list[str] | None = None) -> None:
    """The command. Ends with status 1 and one sentence if it cannot start."""
    given = _arguments(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s tasks %(levelname)s %(message)s")
    try:
        uvloop.run(_serve(given, _queues(given)))
    except (OSError, ValueError, RuntimeError, sqlite3.Error, ApiError) as wrong:
        sys.exit(f"local.tasks cannot start: {wrong}")
