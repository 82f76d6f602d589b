"""Cloud Tasks for one machine: the real google.cloud.tasks.v2 gRPC service over SQLite and one event loop."""
