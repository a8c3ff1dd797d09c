"""Model hub on the loopback interface that answers like the real one to reads of headers.

It speaks HTTP/1.1 with persistent connections, answers for files with a redirect to a second server (the
"CDN", which has another port and must see no token), and can be reported to misbehave.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class File:
    """The start of a file, and its size; the rest is zeros, which are never read."""

    head: bytes
    size: int = -1
    stored_elsewhere: bool = True
    """Large files are on the CDN; small ones come from the hub itself."""

    def __post_init__(self) -> None:
        if self.size < 0:
            self.size = len(self.head)

    def part(self, begin: int, end: int) -> bytes:
        return self.head[begin:end].ljust(end - begin, b"\0")


@dataclass
class Repository:
    files: dict[str, File]
    revisions: tuple[str, ...] = ("main", COMMIT)
    refusal: tuple[int, str] | None = None
    """Status and X-Error-Code for requests without a token."""


@dataclass
class Request:
    server: str
    method: str
    path: str
    range: str | None
    token: str | None
    sent: int = 0


@dataclass
class Hub:
    """A running hub."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    """Faults by the end of the path."""

    renamed: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    endpoint: str = ""
    cdn: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def fault(self, path: str) -> str:
        return next((fault for end, fault in self.faults.items() if path.endswith(end)), "")

    def of(self, server: str, method: str | None = None) -> list[Request]:
        return [
            each for each in self.requests if each.server == server and method in (None, each.method)
        ]

    def sent(self) -> int:
        return sum(each.sent for each in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    kind: str

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.path = unquote(urlsplit(self.path).path)
        self.request_seen = Request(
            self.kind,
            self.command,
            self.path,
            self.headers.get("Range"),
            self.headers.get("Authorization"),
        )
        self.hub.requests.append(self.request_seen)
        renamed = next((each for each in self.hub.renamed if f"/{each}/" in f"{self.path}/"), None)
        try:
            if renamed is not None:
                there = self.path.replace(renamed, self.hub.renamed[renamed])
                self._send(307, {"Location": there})
            elif self.kind == "cdn":
                repository, name = self.path[1:].split("/-/")
                self._file(self.hub.repositories[repository].files[name])
            elif self.path.startswith("/api/models/"):
                self._model(self.path.removeprefix("/api/models/"))
            else:
                self._resolve()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.request_seen.sent += len(body)

    def _error(self, status: int, code: str, **headers: str) -> None:
        named = {"X-Error-Code": code} if code else {}
        self._send(status, {**named, **headers}, b'{"error": "no"}')

    def _may_see(self, repository: Repository) -> bool:
        if repository.refusal is not None and self.request_seen.token != "Bearer right":
            self._error(*repository.refusal)
            return False
        return True

    def _status_fault(self) -> bool:
        """Answer with the status that a fault names: `429`, or `503 once` for the first time only."""
        fault = self.hub.fault(self.path)
        status, _, once = fault.partition(" ")
        if not status.isdecimal():
            return False
        if once:
            self.hub.faults = {}
        self._error(int(status), "", **({"Retry-After": "77"} if status == "429" else {}))
        return True

    def _model(self, rest: str) -> None:
        name, _, revision = rest.partition("/revision/")
        repository = self.hub.repositories.get(name)
        if self._status_fault():
            return
        if self.hub.fault(self.path) == "hang":
            self.hub.stopping.wait(60)
            return
        if self.hub.fault(self.path) == "nonsense":
            self._send(200, {"Content-Type": "application/json"}, b"<html>Welcome to the hotel</html>")
            return
        if repository is None:
            # The answer of the real hub to anonymous requests for missing or private models.
            self._error(401, "RepoNotFound")
            return
        if not self._may_see(repository):
            return
        if revision and revision not in repository.revisions:
            self._error(404, "RevisionNotFound")
            return
        files = [
            {"rfilename": path, "size": file.size, "blobId": "1"}
            for path, file in repository.files.items()
        ]
        body = {"_id": "1", "id": name, "modelId": name, "sha": COMMIT, "siblings": files, "tags": []}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _resolve(self) -> None:
        name, _, rest = self.path[1:].partition("/resolve/")
        revision, _, path = rest.partition("/")
        repository = self.hub.repositories.get(name)
        if self._status_fault():
            return
        if repository is None:
            self._error(401, "RepoNotFound")
            return
        if not self._may_see(repository):
            return
        file = repository.files.get(path)
        if file is None or revision not in repository.revisions:
            self._error(404, "EntryNotFound")
            return
        etag = f'"{hashlib.sha256(file.head).hexdigest()}"'
        about = {"X-Repo-Commit": COMMIT, "ETag": etag, "Accept-Ranges": "bytes"}
        if not file.stored_elsewhere:
            self._file(file, about)
            return
        size = file.size + (self.hub.fault(self.path) == "wrong size")
        about |= {"X-Linked-Size": str(size), "X-Linked-ETag": etag}
        about["Location"] = f"{self.hub.cdn}/{name}/-/{path}?Signature=secret"
        self._send(302, about)

    def _file(self, file: File, about: dict[str, str] | None = None) -> None:
        fault = self.hub.fault(self.path)
        if self.command == "HEAD":
            self._send_head(file, about or {})
            return
        if self._status_fault():
            return
        asked = self.headers.get("Range")
        if asked is None or fault == "ignores Range":
            self._endless(file)
            return
        begin, end = (int(each) for each in asked.removeprefix("bytes=").split("-"))
        end = min(end + 1, file.size)
        body = file.part(begin, end)
        content_range = {
            "another range": f"bytes {begin + 1}-{end}/{file.size}",
            "another size": f"bytes {begin}-{end - 1}/{file.size + 1}",
            "no Content-Range": "",
        }.get(fault, f"bytes {begin}-{end - 1}/{file.size}")
        headers = {"Content-Range": content_range, **(about or {})}
        if fault == "hang":
            self.hub.stopping.wait(60)
        elif fault == "cut":
            self._send(206, headers | {"Content-Length": str(len(body))}, body[: len(body) // 2])
            self.close_connection = True
        elif fault == "short":
            self._send(206, headers, body[:-1])
        elif fault == "more":
            # Without a length: it goes on until the connection ends.
            self.send_response(206)
            self.send_header("Content-Range", content_range)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while not self.hub.stopping.is_set():
                self.wfile.write(body)
                self.request_seen.sent += len(body)
        elif fault == "drips":
            self.send_response(206)
            self.send_header("Content-Range", content_range)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif fault == "compressed":
            self._send(206, headers | {"Content-Encoding": "gzip"}, body)
        else:
            self._send(206, headers, body)

    def _send_head(self, file: File, about: dict[str, str]) -> None:
        self.send_response(200)
        for key, value in {"Content-Length": str(file.size), **about}.items():
            self.send_header(key, value)
        self.end_headers()

    def _endless(self, file: File) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(file.size))
        self.end_headers()
        for begin in range(0, file.size, 1 << 20):
            part = file.part(begin, min(begin + (1 << 20), file.size))
            self.wfile.write(part)
            self.request_seen.sent += len(part)


@contextmanager
def running() -> Iterator[Hub]:
    """Run a hub and its CDN until the end of the block."""
    hub = Hub()
    servers = []
    for kind in ("hub", "cdn"):
        handler = type("Handler", (_Handler,), {"hub": hub, "kind": kind})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
    hub.endpoint, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        hub.stopping.set()
        for server in servers:
            server.shutdown()
            server.socket.close()
