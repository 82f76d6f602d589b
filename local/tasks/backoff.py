"""When a failed attempt is made again (RetryConfig of google.cloud.tasks.v2), and when it is given up."""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass

from local.tasks.wire import Message, seconds

RETENTION_S = 31 * 86_400.0
"""A task older than this is dropped, whatever its retry settings say."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """The retry settings of a queue or of one task. Times in seconds; `max_attempts` -1 is unlimited."""

    max_attempts: int
    max_duration_s: float
    min_backoff_s: float
    max_backoff_s: float
    max_doublings: int

    @classmethod
    def of(cls, config: Message) -> RetryRule:
        """Reads a complete RetryConfig. Unlike the cloud, fractions of a second are kept: tests need short waits."""
        return cls(
            max_attempts=config.max_attempts,
            max_duration_s=seconds(config.max_retry_duration),
            min_backoff_s=seconds(config.min_backoff),
            max_backoff_s=seconds(config.max_backoff),
            max_doublings=config.max_doublings,
        )

    def delay_s(self, attempts: int) -> float:
        """The wait after attempt number `attempts` (1 is the first): doubles, then grows evenly, then stays.

        10 s, 300 s, 3 doublings: 10, 20, 40, 80, 160, 240, 300, 300 (the documented example).
        """
        doublings = min(self.max_doublings, 64)
        if attempts - 1 <= doublings:
            wait = self.min_backoff_s * 2.0 ** (attempts - 1)
        else:
            wait = self.min_backoff_s * 2.0**doublings * (attempts - doublings)
        return min(self.max_backoff_s, wait)

    def is_exhausted(self, attempts: int, since_first_s: float) -> bool:
        """Both limits must be reached; a duration of 0 leaves only the number of attempts."""
        if self.max_attempts == -1 or attempts < self.max_attempts:
            return False
        return self.max_duration_s == 0 or since_first_s >= self.max_duration_s


def retry_after_s(value: str | None) -> float:
    """The seconds a Retry-After header asks for, as a number or as a date; 0 if there is none or it makes no sense."""
    if not value:
        return 0.0
    if value.isascii() and value.isdigit():
        return min(float(value[:10]), RETENTION_S)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return min(max(0.0, at.timestamp() - time.time()), RETENTION_S)
