"""Google's own emulators of Firestore and Pub/Sub, started with java from the gcloud SDK, where both are there.

What an emulator holds is gone when it ends. Neither checks a token's signature, so neither is for anything but tests
and one machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RULES = Path(__file__).parent.parent / "infra" / "firestore.rules"
JAVA = ("-Duser.language=en", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
SDK_PLACES = (Path("/usr/lib/google-cloud-sdk"), Path("/opt/google-cloud-sdk"), Path.home() / "google-cloud-sdk")
FIRESTORE_JAR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
PUBSUB_JAR = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
FIRESTORE_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


@dataclass(frozen=True, slots=True)
class Emulator:
    """How to find one, and how to call it."""

    name: str
    jar: str
    main: str | None
    more: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Why it cannot be started here; None: it can."""
        if shutil.which("java") is None:
            return "there is no java on PATH"
        if self._found() is None:
            return f"there is no gcloud SDK with its {self.name} emulator"
        return None

    def argv(self, port: int) -> list[str]:
        """The command line; only where nothing is missing."""
        jar, java = self._found(), shutil.which("java")
        if jar is None or java is None:
            raise FileNotFoundError(f"the {self.name} emulator cannot be started: {self.missing()}")
        what = ["-jar", str(jar)] if self.main is None else ["-cp", str(jar), self.main, "start"]
        return [java, *JAVA, *what, "--host=127.0.0.1", f"--port={port}", *self.more]

    def _found(self) -> Path | None:
        return next((jar for root in _sdk_roots() for jar in sorted(root.glob(self.jar))), None)


FIRESTORE = Emulator("Firestore", FIRESTORE_JAR, FIRESTORE_MAIN, (f"--rules={RULES}",))
PUBSUB = Emulator("Pub/Sub", PUBSUB_JAR, None)


def _sdk_roots() -> Iterator[Path]:
    gcloud = shutil.which("gcloud")
    if gcloud is not None:
        yield Path(gcloud).resolve().parent.parent
    yield from SDK_PLACES
