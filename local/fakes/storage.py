"""A fake of Google Cloud Storage's JSON API over HTTP: objects with generations, resumable uploads, ranges.

    python -m local.fakes.storage --port 9023 --bucket films --folder /var/tmp/films

Lead a client to it with STORAGE_EMULATOR_HOST. An upload is one session of parts; `ifGenerationMatch` is held against
the object when its last byte arrives, as against the one that is read. What was uploaded is on disk, so that films may
be large. `POST /_faults` is that of `local.fakes.faults`; the calls are named look, read, begin, part; `code` is an
HTTP status with the API's own error.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from local.fakes.serving import FakeVendor, Request, Response, Route
from shared.core.canonical import JsonObject

_OBJECT = re.compile(r"/(?:download/)?storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)")
_UPLOAD = re.compile(r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o")
_PART = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
Act = Callable[[Request, "re.Match[str]"], Response]


@dataclass
class Kept:
    """An object, or an upload on its way to be one."""

    name: str
    file: Path
    told: JsonObject
    wanted: str | None = None  # the generation that it may replace; "0": none
    generation: int = 0


@dataclass
class FakeBooks:
    """What is kept, by name, and every object that was ever completed, in order."""

    objects: dict[str, Kept] = field(default_factory=dict)
    uploads: dict[str, Kept] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # uploads whose last byte came too late


class FakeStorage(FakeVendor):
    """`with FakeStorage(folder) as fake:`, then `fake.base_url` and `fake.books`."""

    def __init__(self, folder: Path, port: int = 0, *, bucket: str = "films") -> None:
        super().__init__(port)
        self.books, self._folder, self._bucket, self._lock = FakeBooks(), folder, bucket, threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)

    def routes(self) -> dict[tuple[str, str], Route]:
        return {}

    def route(self, method: str, path: str) -> Route | None:
        """Bucket and name stand inside of the paths."""
        if method == "GET" and (found := _OBJECT.fullmatch(path)):
            return ("read" if path.startswith("/download/") else "look", self._in_bucket(self._read, found))
        if (found := _UPLOAD.fullmatch(path)) and method in ("POST", "PUT"):
            is_new = method == "POST"
            return ("begin" if is_new else "part", self._in_bucket(self._begin if is_new else self._take, found))
        return super().route(method, path)

    def coded(self, request: Request, code: str) -> Response:
        return _refused(int(code), "A fault from the script")

    def _in_bucket(self, act: Act, found: re.Match[str]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            if found["bucket"] != self._bucket:
                return _refused(404, "The specified bucket does not exist.")
            with self._lock:
                return act(request, found)

        return answer

    def _read(self, request: Request, found: re.Match[str]) -> Response:
        """What the object is, or its bytes (`alt=media`)."""
        kept = self.books.objects.get(unquote(found["name"]))
        if kept is None or request.query.get("generation", str(kept.generation)) != str(kept.generation):
            return _refused(404, f"No such object: {self._bucket}/{unquote(found['name'])}")
        if request.query.get("ifGenerationMatch", str(kept.generation)) != str(kept.generation):
            return _refused(412, "At least one of the pre-conditions you specified did not hold.")
        return _bytes_of(kept, request) if request.query.get("alt") == "media" else Response(200, self._row(kept))

    def _begin(self, request: Request, found: re.Match[str]) -> Response:
        """A session for the parts of a large object; a small one arrives whole, with what it is told to be."""
        is_whole = request.query.get("uploadType") == "multipart"
        told, data = _form(request) if is_whole else (request.json() or {}, b"")
        name, upload_id = request.query.get("name") or told["name"], f"u{request.number}"
        upload = Kept(name, self._folder / upload_id, told, request.query.get("ifGenerationMatch"))
        upload.file.write_bytes(data)
        if is_whole:
            return self._complete(upload)
        self.books.uploads[upload_id] = upload
        address = f"{self.base_url}{request.path}?uploadType=resumable&upload_id={upload_id}"
        return Response(200, headers={"location": address})

    def _take(self, request: Request, found: re.Match[str]) -> Response:
        """The next part; or how much is there, if the range says `*`."""
        upload = self.books.uploads.get(request.query.get("upload_id", ""))
        told = _PART.fullmatch(request.headers.get("content-range", ""))
        if upload is None or told is None:
            return _refused(404 if upload is None else 400, "No such upload, or no good Content-Range.")
        there, total = upload.file.stat().st_size, told[3]
        if told[1] is not None:
            if int(told[1]) > there or int(told[2]) - int(told[1]) + 1 != len(request.body):
                return _refused(400, "The part does not follow what is there.")
            with upload.file.open("r+b") as file:
                file.seek(int(told[1]))
                file.write(request.body)
            there = max(there, int(told[2]) + 1)
        if total == "*" or there < int(total):
            return Response(308, headers={"range": f"bytes=0-{there - 1}"} if there else {})
        return self._complete(upload)

    def _complete(self, upload: Kept) -> Response:
        now = self.books.objects.get(upload.name)
        if now is upload:  # the answer was lost, and is asked for again
            return Response(200, self._row(upload))
        if upload.wanted not in (None, str(0 if now is None else now.generation)):
            self.books.refused.append(upload.name)
            return _refused(412, "At least one of the pre-conditions you specified did not hold.")
        self.books.written.append(upload.name)
        upload.generation = 1_700_000_000_000_000 + len(self.books.written)
        self.books.objects[upload.name] = upload
        return Response(200, self._row(upload))

    def _row(self, kept: Kept) -> JsonObject:
        return {
            **kept.told,
            "kind": "storage#object",
            "name": kept.name,
            "bucket": self._bucket,
            "generation": str(kept.generation),
            "metageneration": "1",
            "size": str(kept.file.stat().st_size),
            "crc32c": _crc32c(kept.file),
        }


def _form(request: Request) -> tuple[JsonObject, bytes]:
    """What the object is told to be, and its bytes: the two parts of a multipart/related body."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    told, data = request.body.split(b"--" + boundary)[1:3]
    row: JsonObject = json.loads(told.partition(b"\r\n\r\n")[2])
    return row, data.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def _bytes_of(kept: Kept, request: Request) -> Response:
    size = kept.file.stat().st_size
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    first, last = (int(asked[1]), int(asked[2] or size - 1)) if asked else (0, size - 1)
    if first >= size:
        return _refused(416, "The requested range cannot be satisfied.")
    with kept.file.open("rb") as file:
        file.seek(first)
        data = file.read(min(last, size - 1) - first + 1)
    headers = {
        "content-type": "video/mp4",
        "content-range": f"bytes {first}-{first + len(data) - 1}/{size}",
        "x-goog-generation": str(kept.generation),
    }
    return Response(206 if asked else 200, headers=headers, data=data)


def _crc32c(file: Path) -> str:
    import google_crc32c

    total = google_crc32c.Checksum()
    with file.open("rb") as reading:
        while part := reading.read(1 << 20):
            total.update(part)
    return base64.b64encode(total.digest()).decode()


def _refused(status: int, message: str) -> Response:
    return Response(status, {"error": {"code": status, "message": message, "errors": [{"message": message}]}})


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(description="A fake of Google Cloud Storage on this machine.")
    parser.add_argument("--port", type=int, default=9023)
    parser.add_argument("--bucket", default="films")
    parser.add_argument("--folder", type=Path, required=True, help="where uploads are kept")
    given = parser.parse_args()
    fake = FakeStorage(given.folder, given.port, bucket=given.bucket)
    print(f"fake storage on {fake.base_url}", flush=True)
    fake.serve()


if __name__ == "__main__":
    main()
