"""What every test may ask for: a database, and the rooms of the engine around it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from shared.config import Settings, use_settings
from shared.engine.rooms import Rooms
from shared.store.session import Store, current_store
from tests.support.agents import registered_agents
from tests.support.database import Cluster, settings_for
from tests.support.queues import HeldQueue

logging.getLogger("alembic").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    started = Cluster.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def shared_settings(cluster: Cluster) -> Iterator[Settings]:
    """One database for all tests that stay inside their own workspace. Each delivery does one step."""
    made = settings_for(cluster.fresh(), step_retry_base_s=0.01, step_retry_floor_s=0.01, continue_within_s=0)
    yield made
    use_settings(made)
    current_store().close()


@pytest.fixture
def settings(shared_settings: Settings) -> Settings:
    use_settings(shared_settings)
    return shared_settings


@pytest.fixture
def store(settings: Settings) -> Store:
    return current_store()


@pytest.fixture
def workspace() -> UUID:
    """A workspace that no other test uses."""
    return uuid4()


@pytest.fixture
def queue() -> HeldQueue:
    return HeldQueue()


@pytest.fixture
def rooms(settings: Settings, store: Store, queue: HeldQueue) -> Iterator[Rooms]:
    with registered_agents():
        yield Rooms(settings=settings, store=store, queue=queue)
