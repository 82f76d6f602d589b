"""Finds the API to talk to: a deployed one, the stack that runs on this machine, or one started for this command."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import click

from cli.client import Api, ApiError
from shared.config import Settings, current_settings, process_environ
from shared.providers.dataset.places import own_folder

SUBJECT = "local-user"


def found_api() -> Api | None:
    """The API that is there: the deployed one, or that of the stack that runs here. None: neither."""
    from local.stack import running

    settings = current_settings()
    if settings.army_api_url:
        if settings.army_token is None:
            raise click.UsageError("ARMY_API_URL is set, but ARMY_TOKEN is not: it takes a user's ID token")
        if not settings.army_api_url.startswith(("https://", "http://")):
            raise ApiError("ARMY_API_URL must begin with https:// or http://")
        return Api(settings.army_api_url, settings.army_token.get_secret_value())
    found = running(settings.army_home)
    return None if found is None else Api(found.url, local_token(settings))


@contextmanager
def reachable_api() -> Iterator[Api]:
    """An API that answers. A stack started here is ended at the end of the command."""
    settings = current_settings()
    api = found_api()
    if api is not None:
        yield api
        return
    from local.stack import Stack

    click.echo(f"no stack runs in {settings.army_home}; starting one for this command", err=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # ended from outside, the stack of this command ends with it
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    with Stack(settings.army_home, process_environ(), told=lambda line: click.echo(f"  {line}", err=True)) as stack:
        yield Api(stack.url, local_token(settings))


def stack_stays() -> bool:
    """True if a run goes on after this command: in a deployment, or in a stack that was up before."""
    from local.stack import running

    settings = current_settings()
    if settings.army_api_url:
        return True
    found = running(settings.army_home)
    return found is not None and found.pid != os.getpid()


def local_token(settings: Settings) -> str:
    """A token as Firebase would give it to the owner of the local workspace, signed by this machine's signer."""
    from local.signer import Signer

    signer = Signer(settings.army_home.absolute() / "signer")
    return signer.user_token(settings.army_workspace_id, SUBJECT, settings=settings, roles=("owner",), ttl_s=12 * 3600)


def taken_in(dataset: Path, settings: Settings) -> str:
    """Puts an account data file where only this workspace can read it, and returns the name to ask for it by."""
    if settings.army_api_url:
        raise click.UsageError("--dataset takes a file of this machine, which the API at ARMY_API_URL cannot read")
    root = (settings.tiktok_dataset or settings.army_home / "datasets").absolute()
    if root.is_file():
        if root.samefile(dataset):
            return root.name
        raise click.UsageError(f"TIKTOK_DATASET is the file {root.name}; unset it to use another one")
    folder = own_folder(root, settings.army_workspace_id)
    if dataset.absolute().parent in (root, folder):
        return dataset.name
    folder.mkdir(parents=True, exist_ok=True)
    mark = sha256()
    with dataset.open("rb") as file:
        while chunk := file.read(1 << 20):
            mark.update(chunk)
    name = f"{mark.hexdigest()[:8]}-{dataset.name}"
    if not (folder / name).exists():
        unfinished = folder / f".{name}.unfinished"
        shutil.copyfile(dataset, unfinished)
        unfinished.rename(folder / name)
    return name
