"""What the service answers instead of a result."""

from __future__ import annotations

import grpc

Status = grpc.StatusCode


class ApiError(Exception):
    """A gRPC status and a sentence for the caller."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def invalid(message: str) -> ApiError:
    return ApiError(Status.INVALID_ARGUMENT, message)


def missing(name: str) -> ApiError:
    return ApiError(Status.NOT_FOUND, f"Requested entity was not found: {name}")
