"""What the API refuses, and what it fills in: the documented limits of Cloud Tasks (quotas page and v2 reference)."""

from __future__ import annotations

import re
import time
import uuid

from google.protobuf import field_mask_pb2

from local.tasks.errors import ApiError, Status, invalid
from local.tasks.http import target_of
from local.tasks.wire import POST, WITH_BODY, Message, Queue, seconds, set_seconds

LOCATION_NAME = re.compile(r"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+")
QUEUE_NAME = re.compile(LOCATION_NAME.pattern + r"/queues/[A-Za-z0-9-]{1,100}")
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~A-Za-z0-9-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")

MAX_TASK_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 80 * 1024
MAX_URL_CHARS = 2083
MAX_AHEAD_S = 30 * 86_400.0
MIN_DEADLINE_S, MAX_DEADLINE_S = 15.0, 1800.0
MAX_RATE, MAX_CONCURRENT = 500.0, 5000
MAX_DURATION_S = 10 * 365 * 86_400.0

DEFAULT_ATTEMPTS, DEFAULT_DOUBLINGS = 100, 16
DEFAULT_MIN_BACKOFF_S, DEFAULT_MAX_BACKOFF_S = 0.1, 3600.0
DEFAULT_RATE, DEFAULT_CONCURRENT = 500.0, 1000


def check_task(task: Message, parent: str, now: float) -> None:
    """Refuses a new task that Cloud Tasks would refuse, and fills in its name, method and times."""
    if task.ByteSize() > MAX_TASK_BYTES:
        raise invalid(f"Task size too large: {task.ByteSize()} bytes, at most {MAX_TASK_BYTES}")
    if not task.HasField("http_request"):
        raise ApiError(Status.UNIMPLEMENTED, "Task.http_request is required: this server makes HTTP attempts only")
    _check_times(task, now)
    _name(task, parent)
    check_request(task.http_request)
    if task.HasField("retry_config"):
        fill_retry(task.retry_config)


def _check_times(task: Message, now: float) -> None:
    deadline_s = seconds(task.dispatch_deadline)
    if task.HasField("dispatch_deadline") and not MIN_DEADLINE_S <= deadline_s <= MAX_DEADLINE_S:
        raise invalid("Task.dispatchDeadline must be between [15s, 30m]")
    due = seconds(task.schedule_time)
    if due > now + MAX_AHEAD_S:
        raise invalid("Task.scheduleTime is too far in the future: at most 30 days")
    set_seconds(task.schedule_time, max(due, now))
    task.create_time.seconds = int(now)


def _name(task: Message, parent: str) -> None:
    if not task.name:
        task.name = f"{parent}/tasks/{uuid.uuid4().int % 10**19}"
        return
    queue, found, task_id = task.name.rpartition("/tasks/")
    if not found or queue != parent or not TASK_ID.fullmatch(task_id):
        raise invalid(f"Task.name must be {parent}/tasks/TASK_ID, TASK_ID of 1 to 500 of [A-Za-z0-9_-]")


def check_request(request: Message) -> None:
    """Refuses an HTTP request that could not be made. The method is POST unless it says otherwise."""
    request.http_method = request.http_method or POST
    if len(request.url) > MAX_URL_CHARS:
        raise invalid(f"HttpRequest.url is too long: at most {MAX_URL_CHARS} characters")
    try:
        target_of(request.url)
    except ValueError as wrong:
        raise invalid(f"HttpRequest.url is not valid: {wrong}") from None
    if request.body and request.http_method not in WITH_BODY:
        raise invalid("HttpRequest.body is allowed with POST, PUT and PATCH only")
    if request.HasField("oauth_token"):
        raise ApiError(Status.UNIMPLEMENTED, "HttpRequest.oauth_token: this server signs OIDC tokens only")
    _check_headers(request)


def _check_headers(request: Message) -> None:
    size = 0
    for name, value in request.headers.items():
        size += len(name) + len(value)
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise invalid("HttpRequest.headers holds a name or value with characters that HTTP does not allow")
    if size >= MAX_HEADER_BYTES:
        raise invalid("HttpRequest.headers must be less than 80 KB")


def fill_retry(config: Message, *, zero_doublings: bool = False) -> None:
    """Sets what a RetryConfig leaves open, and refuses what makes no sense."""
    config.max_attempts = config.max_attempts or DEFAULT_ATTEMPTS
    if not zero_doublings:
        config.max_doublings = config.max_doublings or DEFAULT_DOUBLINGS
    if not config.HasField("min_backoff"):
        set_seconds(config.min_backoff, DEFAULT_MIN_BACKOFF_S)
    if not config.HasField("max_backoff"):
        set_seconds(config.max_backoff, max(DEFAULT_MAX_BACKOFF_S, seconds(config.min_backoff)))
    if config.max_attempts < -1:
        raise invalid("RetryConfig.maxAttempts must be at least -1 (unlimited)")
    if config.max_doublings < 0:
        raise invalid("RetryConfig.maxDoublings must not be negative")
    durations = (config.min_backoff, config.max_backoff, config.max_retry_duration)
    if not all(0 <= seconds(duration) <= MAX_DURATION_S for duration in durations):
        raise invalid("RetryConfig: a duration is negative or longer than ten years")
    if seconds(config.min_backoff) > seconds(config.max_backoff):
        raise invalid("RetryConfig.minBackoff must not be greater than maxBackoff")


def _fill_rates(rates: Message, max_rate: float) -> None:
    rates.max_dispatches_per_second = rates.max_dispatches_per_second or DEFAULT_RATE
    rates.max_concurrent_dispatches = rates.max_concurrent_dispatches or DEFAULT_CONCURRENT
    if not 0 < rates.max_dispatches_per_second <= max_rate:
        raise invalid(f"RateLimits.maxDispatchesPerSecond must be between 0 and {max_rate:g}")
    if not 1 <= rates.max_concurrent_dispatches <= MAX_CONCURRENT:
        raise invalid(f"RateLimits.maxConcurrentDispatches must be between 1 and {MAX_CONCURRENT}")
    rates.max_burst_size = max(1, int(rates.max_dispatches_per_second))


def check_queue(queue: Message, *, zero_doublings: bool = False, max_rate: float = MAX_RATE) -> None:
    """Refuses a queue that Cloud Tasks would refuse, and sets everything it leaves open."""
    if not QUEUE_NAME.fullmatch(queue.name):
        raise invalid("Queue.name must be projects/P/locations/L/queues/Q, Q of 1 to 100 of [A-Za-z0-9-]")
    if queue.HasField("http_target"):
        raise ApiError(Status.UNIMPLEMENTED, "Queue.http_target: this server does not override requests")
    _fill_rates(queue.rate_limits, max_rate)
    fill_retry(queue.retry_config, zero_doublings=zero_doublings)


def updated(old: Message, new: Message, mask: Message) -> Message:
    """`old` with the fields of `new` that the mask names; without a mask, all. State and name stay."""
    result = Queue()
    if mask.paths:
        if not all(_is_changeable(path) for path in mask.paths):
            raise invalid(f"updateMask names an unknown or output-only field: {', '.join(mask.paths)}")
        result.CopyFrom(old)
        mask.MergeMessage(new, result, True)
    else:
        result.CopyFrom(new)
    result.name, result.state = old.name, old.state
    result.purge_time.CopyFrom(old.purge_time)
    check_queue(
        result,
        zero_doublings="retry_config.max_doublings" in mask.paths,
        max_rate=max(MAX_RATE, old.rate_limits.max_dispatches_per_second),
    )
    return result


def _is_changeable(path: str) -> bool:
    known = field_mask_pb2.FieldMask(paths=[path]).IsValidForDescriptor(Queue.DESCRIPTOR)
    return bool(known) and path not in ("name", "state", "purge_time")


def page_of(size: int, largest: int) -> int:
    """The page size to use: the largest unless a smaller one is asked for."""
    if size < 0:
        raise invalid("pageSize must not be negative")
    return min(size or largest, largest)


def now_s() -> float:
    """This moment, in seconds since 1970, to the microsecond as the API keeps it."""
    return int(time.time() * 1_000_000) / 1_000_000
