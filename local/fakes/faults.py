"""What shall go wrong in a fake vendor: a script of faults, each for the next requests of one call.

`POST /_faults` with {"faults": [{"on": "init", "what": "cut", "after": true}]}. `on` names the call ("any": all of
them), `what` is one of

    delay       the answer comes `seconds` late, after the fake has acted
    status      that HTTP `status` and no JSON
    code        the vendor's own error `code`
    cut         the connection is closed without an answer

and `after` says that the fake acts first, so that only the answer is lost or wrong. `times` requests are hit, after
`skip` that are not. A fake may know more kinds for what it makes (`on` "post", with a `value`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from shared.core.canonical import JsonObject

PLAIN = ("delay", "status", "code", "cut")


class Fault(BaseModel):
    """One line of the script."""

    model_config = ConfigDict(extra="forbid")

    on: str = "any"
    what: str
    after: bool = False
    times: int = Field(1, ge=1)
    skip: int = Field(0, ge=0)
    seconds: float = Field(0.0, ge=0, le=60)
    status: int = Field(500, ge=400, le=599)
    code: str = ""
    value: str | int = ""


@dataclass
class Script:
    """The faults that still wait. Shared by a server's threads."""

    made: tuple[str, ...] = ()  # the further kinds of this fake
    waiting: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, faults: list[JsonObject]) -> int:
        """Adds them. Raises ValueError for one that would never do anything; returns how many wait."""
        read = [Fault.model_validate(fault) for fault in faults]
        odd = [fault.what for fault in read if fault.what not in (self.made if fault.on == "post" else PLAIN)]
        if odd:
            raise ValueError(f"no such fault: {odd[0]!r}; there are {PLAIN}, and on post {self.made}")
        with self.lock:
            self.waiting.extend(read)
            return len(self.waiting)

    def take(self, call: str) -> Fault | None:
        """What happens to this request: the first fault for its call that skips no more."""
        with self.lock:
            for fault in self.waiting:
                if fault.on not in (call, "any"):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                return self._used(fault)
        return None

    def take_made(self) -> dict[str, str | int]:
        """What the next thing that is made shall be like: one of each kind, with its value."""
        with self.lock:
            found = {fault.what: fault for fault in reversed(self.waiting) if fault.on == "post"}
            return {what: self._used(fault).value for what, fault in found.items()}

    def clear(self) -> None:
        with self.lock:
            self.waiting.clear()

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self.waiting))

    def _used(self, fault: Fault) -> Fault:
        fault.times -= 1
        if not fault.times:
            self.waiting.remove(fault)
        return fault
