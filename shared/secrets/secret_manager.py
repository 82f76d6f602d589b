"""Secrets in Google Cloud's Secret Manager. A reference is the full name of a version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from shared.errors import NotEnoughSettingsError, NotFoundError, ProviderDownError
from shared.secrets.store import SECRET_NAME, checked_name, no_such_version

_REFERENCE = re.compile(rf"projects/[a-z0-9-]{{1,64}}/secrets/{SECRET_NAME.pattern}/versions/[1-9]\d{{0,9}}")
TIMEOUT_S = 10.0


class ManagedSecrets:
    """The secrets of a project. `emulator` is the address of a server in place of Google's."""

    def __init__(self, project: str, emulator: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._project, self._emulator, self._timeout_s = project, emulator, timeout_s

    def put(self, name: str, value: str) -> str:
        try:
            return self._add(name, value)
        except NotFoundError:
            self._create(name)
            return self._add(name, value)

    def get(self, reference: str) -> str:
        if _REFERENCE.fullmatch(reference) is None:
            raise no_such_version()
        with self._asking():
            found = self._client.access_secret_version(name=reference, **self._patience)
        return str(found.payload.data.decode())

    def newest(self, name: str) -> str | None:
        with suppress(NotFoundError), self._asking():
            found = self._client.get_secret_version(name=f"{self._path(name)}/versions/latest", **self._patience)
            return str(found.name)
        return None

    def forget(self, reference: str) -> None:
        if _REFERENCE.fullmatch(reference) is not None:
            with suppress(NotFoundError), self._asking():
                self._client.destroy_secret_version(name=reference, **self._patience)

    def forget_all(self, name: str) -> None:
        with suppress(NotFoundError), self._asking():
            self._client.delete_secret(name=self._path(name), **self._patience)

    def _add(self, name: str, value: str) -> str:
        from google.cloud.secretmanager_v1 import SecretPayload

        with self._asking():
            payload = SecretPayload(data=value.encode())
            added = self._client.add_secret_version(parent=self._path(name), payload=payload, **self._patience)
        return str(added.name)

    def _create(self, name: str) -> None:
        from google.api_core.exceptions import AlreadyExists
        from google.cloud.secretmanager_v1 import Replication, Secret

        secret = Secret(replication=Replication(automatic=Replication.Automatic()), labels={"of": "tiktok-army"})
        with suppress(AlreadyExists), self._asking():
            told = {"parent": f"projects/{self._project}", "secret_id": checked_name(name)}
            self._client.create_secret(**told, secret=secret, **self._patience)

    def _path(self, name: str) -> str:
        return f"projects/{self._project}/secrets/{checked_name(name)}"

    @property
    def _client(self) -> Any:
        return _client(self._emulator)

    @property
    def _patience(self) -> dict[str, Any]:
        return {"timeout": self._timeout_s}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What the library raises, as errors that say what happens next. None of them quotes a payload."""
        from google.api_core import exceptions as api
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

        try:
            yield
        except api.AlreadyExists:
            raise
        except (api.NotFound, api.FailedPrecondition):  # no such version, or one that is destroyed
            raise no_such_version() from None
        except (api.PermissionDenied, api.Unauthenticated, DefaultCredentialsError) as closed:
            told = "let this service account add, read, destroy and delete secrets in GCP_PROJECT"
            raise NotEnoughSettingsError(f"settings: SECRET_STORE: Secret Manager is closed to us: {told}") from closed
        except (api.GoogleAPIError, GoogleAuthError) as down:
            raise ProviderDownError(f"Secret Manager does not answer well ({type(down).__name__})") from down


@cache
def _client(emulator: str | None) -> Any:
    """One for the process: it keeps a connection and a token."""
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    if emulator is None:
        return SecretManagerServiceClient()
    import grpc
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
        SecretManagerServiceGrpcTransport,
    )

    channel = grpc.insecure_channel(emulator, options=(("grpc.enable_http_proxy", 0),))
    return SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))
