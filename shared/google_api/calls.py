"""Channels to Google's APIs or to their emulators on this machine, and which failures are worth another try."""

from __future__ import annotations

from typing import Any

from shared.errors import ProviderDownError, ProviderRefusedError

OWNER = (("authorization", "Bearer owner"),)  # to an emulator: past its rules, as a server is in the cloud
PASSING = frozenset(
    {"ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "UNKNOWN"}
)
PLAIN_CHANNEL = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


def transport_to(transport: Any, emulator_host: str | None) -> Any:
    """An open transport of this class: plain text to an emulator, else TLS with the identity of this service."""
    if emulator_host is None:
        return transport()
    import grpc

    return transport(channel=grpc.insecure_channel(emulator_host, options=PLAIN_CHANNEL))


def code_of(failed: Any) -> str:
    """The gRPC status of a google.api_core GoogleAPICallError, such as ABORTED."""
    return str(failed.grpc_status_code.name) if failed.grpc_status_code is not None else "UNKNOWN"


def told(what: str, failed: Any) -> ProviderDownError | ProviderRefusedError:
    """Our own error for a call that failed: transient if trying again may help."""
    code = code_of(failed)
    message = f"{what}: {code}, {str(failed.message)[:500]}"
    return ProviderDownError(message) if code in PASSING else ProviderRefusedError(code, message)
