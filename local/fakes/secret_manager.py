"""A fake of Secret Manager over gRPC: secrets with versions, of which a destroyed one is refused.

Lead a client to it with SECRET_MANAGER_EMULATOR_HOST. `down` makes the next so many calls fail as an outage does, of
one kind if `down_on` names it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import secretmanager_v1 as sm
from google.protobuf.empty_pb2 import Empty

SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


class FakeSecretManager:
    """`with FakeSecretManager() as fake:`, then `fake.host`. `fake.secrets` is its book: by name, the bytes of each
    version, None for a destroyed one."""

    def __init__(self, port: int = 0) -> None:
        self.secrets: dict[str, list[bytes | None]] = {}
        self.down, self.down_on, self.closed = 0, "", False
        self._lock = threading.RLock()
        self._server = grpc.server(ThreadPoolExecutor(4))
        calls: dict[str, tuple[Any, Any, Any]] = {
            "CreateSecret": (self._create, sm.CreateSecretRequest, sm.Secret),
            "AddSecretVersion": (self._add, sm.AddSecretVersionRequest, sm.SecretVersion),
            "AccessSecretVersion": (self._access, sm.AccessSecretVersionRequest, sm.AccessSecretVersionResponse),
            "GetSecretVersion": (self._get, sm.GetSecretVersionRequest, sm.SecretVersion),
            "DestroySecretVersion": (self._destroy, sm.DestroySecretVersionRequest, sm.SecretVersion),
            "DeleteSecret": (self._delete, sm.DeleteSecretRequest, None),
        }
        handlers = {name: self._unary(name, *call) for name, call in calls.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.host = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    def __enter__(self) -> FakeSecretManager:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait(5)

    def _unary(self, name: str, act: Callable[[Any, Any], Any], asked: Any, answered: Any) -> Any:
        def answer(request: Any, context: Any) -> Any:
            with self._lock:
                if self.closed:
                    context.abort(grpc.StatusCode.PERMISSION_DENIED, "closed")
                if self.down and self.down_on in ("", name):
                    self.down -= 1
                    context.abort(grpc.StatusCode.INTERNAL, "down")
                return act(request, context)

        out = Empty.SerializeToString if answered is None else answered.serialize
        return grpc.unary_unary_rpc_method_handler(answer, asked.deserialize, out)

    def _create(self, request: Any, context: Any) -> Any:
        name = f"{request.parent}/secrets/{request.secret_id}"
        if name in self.secrets:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, name)
        self.secrets[name] = []
        return sm.Secret(name=name)

    def _add(self, request: Any, context: Any) -> Any:
        self._versions(request.parent, context).append(request.payload.data)
        return sm.SecretVersion(name=f"{request.parent}/versions/{len(self.secrets[request.parent])}")

    def _access(self, request: Any, context: Any) -> Any:
        name, number = self._place(request.name, context)
        data = self.secrets[name][number - 1]
        if data is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the version is destroyed")
        return sm.AccessSecretVersionResponse(name=f"{name}/versions/{number}", payload=sm.SecretPayload(data=data))

    def _get(self, request: Any, context: Any) -> Any:
        name, number = self._place(request.name, context)
        return sm.SecretVersion(name=f"{name}/versions/{number}")

    def _destroy(self, request: Any, context: Any) -> Any:
        name, number = self._place(request.name, context)
        self.secrets[name][number - 1] = None
        return sm.SecretVersion(name=request.name)

    def _delete(self, request: Any, context: Any) -> Any:
        self._versions(request.name, context)
        del self.secrets[request.name]
        return Empty()

    def _versions(self, name: str, context: Any) -> list[bytes | None]:
        if name not in self.secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, name)
        return self.secrets[name]

    def _place(self, path: str, context: Any) -> tuple[str, int]:
        """The secret and the number of a version; `latest` is the one that was added last."""
        name, _, told = path.partition("/versions/")
        versions = self._versions(name, context)
        number = len(versions) if told == "latest" else int(told)
        if not 1 <= number <= len(versions):
            context.abort(grpc.StatusCode.NOT_FOUND, path)
        return name, number
