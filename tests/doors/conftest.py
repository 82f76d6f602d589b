"""The doors of these tests: real functions, tokens, certificates, database and queue; the queue dispatches nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local.doors import make_app
from local.signer import Signer, certs_server
from shared.config import use_settings
from shared.store.session import current_store
from tests.support.database import Cluster, settings_for
from tests.support.doors import CALLBACK, QUEUE, Doors, HeldTasks, Person, Rows
from tests.support.exports import scraped_items, write_csv
from tests.support.tasks import TasksServer, running_server


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="session")
def certs_url(signer: Signer) -> Iterator[str]:
    server = certs_server(signer, 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/certs"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def tasks_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksServer]:
    with running_server(tmp_path_factory.mktemp("queue"), "--queue", f"{QUEUE}:1000:8") as server:
        yield server


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of account data with one file of two accounts."""
    folder = tmp_path_factory.mktemp("datasets")
    write_csv(folder / "brands.csv", scraped_items(seed=5, accounts=2, videos_each=12))
    outside = folder.parent / "secret.csv"
    outside.write_text("a line of a file that nobody may read\n")
    (folder / "link.csv").symlink_to(outside)
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where these doors keep files: assets and secrets."""
    return tmp_path_factory.mktemp("army")


@pytest.fixture(scope="session")
def all_doors(
    cluster: Cluster, signer: Signer, certs_url: str, tasks_server: TasksServer, datasets: Path, home: Path
) -> Iterator[Doors]:
    settings = settings_for(
        cluster.fresh(),
        army_home=home,
        gcp_project="p",
        gcp_location="l",
        cloud_tasks_emulator_host=f"127.0.0.1:{tasks_server.port}",
        executor_url="http://127.0.0.1:9",
        user_token_certs_url=certs_url,
        task_token_certs_url=certs_url,
        tiktok_dataset=datasets,
        studio_callback_url=CALLBACK,
        step_retry_base_s=0.01,
    )
    use_settings(settings)
    rows = Rows(settings)
    queue = HeldTasks(tasks_server.port)
    yield Doors(make_app(), signer, settings, rows, queue)
    queue.close()
    rows.close()
    use_settings(settings)
    current_store().close()


@pytest.fixture
def doors(all_doors: Doors) -> Doors:
    use_settings(all_doors.settings)
    return all_doors


@pytest.fixture
def person(doors: Doors) -> Person:
    """A user of a workspace that no other test uses."""
    return doors.person(uuid4())


@pytest.fixture
def stranger(doors: Doors) -> Person:
    """A user of another workspace."""
    return doors.person(uuid4(), "mallory")
