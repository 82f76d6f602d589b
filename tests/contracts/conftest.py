"""The emulators, started by the first test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.emulators import FIRESTORE, PUBSUB
from tests.support.emulators import running_emulator


@pytest.fixture(scope="session")
def firestore_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_emulator(FIRESTORE, tmp_path_factory.mktemp("firestore")) as host:
        yield host


@pytest.fixture(scope="session")
def pubsub_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_emulator(PUBSUB, tmp_path_factory.mktemp("pubsub")) as host:
        yield host
