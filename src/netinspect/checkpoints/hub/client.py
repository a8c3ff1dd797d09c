"""Requests to the model hub: list files, locate one, fetch a part of it.

They use the hub's own client (`huggingface_hub`), which provides the endpoint, the user's token,
proxies, certificates and retries. It is imported when it is used. Only the API that all its versions
since 0.24 have is used.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

from netinspect.errors import CheckpointError, LoadError
from netinspect.records.base import record
from netinspect.version import __version__

_RETRIES = 2
_RETRIED = (500, 502, 503, 504)
"""Not 429: the client would wait as long as the hub asks, which may be minutes."""

_SLOWEST = 6
"""Multiple of the timeout after which a slow response is aborted."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


@record
class Listing:
    """Files of a repository at one commit."""

    repository: str
    commit: str
    sizes: dict[str, int | None]
    """Sizes by path; None if the hub does not report it."""


@record
class RemoteFile:
    """One file and the location of its bytes."""

    name: str
    address: str
    """Public address."""

    location: str
    """Current address of the bytes; may contain a signature, which must not be shown."""

    headers: dict[str, str]
    size: int


class Client:
    """Wrapper of the hub's client."""

    def __init__(self) -> None:
        try:
            from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url, utils
        except ImportError as error:
            raise LoadError(
                "reading from the model hub needs huggingface_hub",
                cause=str(error),
                hint="pip install 'netinspect[hub]'",
            ) from error
        self._utils: Any = utils
        self._locate: Any = get_hf_file_metadata
        self._url: Any = hf_hub_url
        self._endpoint: str = constants.ENDPOINT
        self._timeout: float = constants.HF_HUB_DOWNLOAD_TIMEOUT
        self._api = HfApi(
            endpoint=self._endpoint, library_name="netinspect", library_version=__version__
        )

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Client]:
        """Open a client; warnings of its library, such as those on retries, are off meanwhile."""
        logger = logging.getLogger("huggingface_hub")
        client = cls()
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield client
        finally:
            logger.setLevel(before)

    def list_files(self, repository: str, revision: str | None) -> Listing:
        """List the files of a repository at its newest commit or at a revision.

        Raises:
            LoadError: The repository does not exist, is not accessible, or the hub cannot be reached.
        """
        try:
            info = self._api.model_info(
                repository, revision=revision, files_metadata=True, timeout=self._timeout
            )
            return Listing(
                repository=repository,
                commit=info.sha or revision or "main",
                sizes={each.rfilename: each.size for each in info.siblings or ()},
            )
        except Exception as error:  # requests, httpx and httpx2 each have their own exceptions
            raise self._explain(error, repository, revision) from error

    def locate(self, listing: Listing, name: str) -> RemoteFile:
        """Find the location of a file's bytes.

        Raises:
            LoadError: The file does not exist, is not accessible, or the hub cannot be reached.
        """
        url = self._url(listing.repository, name, revision=listing.commit)
        try:
            found = self._locate(
                url, timeout=self._timeout, library_name="netinspect", library_version=__version__
            )
            headers = self._utils.build_hf_headers(
                library_name="netinspect", library_version=__version__
            )
        except Exception as error:  # as above
            raise self._explain(error, listing.repository, listing.commit, name) from error
        location = urljoin(url, found.location)
        if _origin(location) != _origin(url):
            # Another host gets no token: its address contains the signature that it needs.
            headers = {key: value for key, value in headers.items() if key.lower() != "authorization"}
        listed = listing.sizes.get(name)
        size = listed if found.size is None else found.size
        if size is None or (listed is not None and listed != size):
            what = "no size" if size is None else f"two sizes, {size:,} and {listed:,} bytes,"
            raise LoadError(f"the hub reports {what} for {name}", hint="try again later")
        return RemoteFile(name=name, address=url, location=location, headers=headers, size=size)

    def fetch(self, file: RemoteFile, begin: int, end: int) -> bytes:
        """Fetch the bytes of a file from `begin` up to `end`.

        Raises:
            LoadError: They cannot be fetched, or the response has other content.
        """
        headers = {
            **file.headers,
            "Range": f"bytes={begin}-{end - 1}",
            "Accept-Encoding": "identity",
        }
        try:
            with self._stream(file.location, headers) as response:
                if response.status_code >= 400:
                    raise self._refusal(response.status_code, response.headers, file.name)
                _check_range(response, file, begin, end)
                return self._body(response, file, end - begin)
        except LoadError:
            raise
        except Exception as error:  # as above
            raise self._explain(error, file.name) from error

    @contextmanager
    def _stream(self, url: str, headers: dict[str, str]) -> Iterator[Any]:
        """Start a request without reading the response; temporary errors of the hub are retried."""
        options = {
            "headers": headers,
            "timeout": self._timeout,
            "max_retries": _RETRIES,
            "retry_on_status_codes": _RETRIED,
        }
        if hasattr(self._utils, "http_stream_backoff"):
            # The client would retry after an exception of ours: it must not see one.
            caught: Exception | None = None
            with self._utils.http_stream_backoff("GET", url, **options) as response:
                try:
                    yield response
                except Exception as error:  # of any type; it is raised below
                    caught = error
            if caught is not None:
                raise caught
        else:  # before 1.0, with requests
            response = self._utils.http_backoff("GET", url, stream=True, **options)
            try:
                yield response
            finally:
                response.close()

    def _body(self, response: Any, file: RemoteFile, length: int) -> bytes:
        # `requests` waits, without a limit, until it has the requested number of bytes.
        parts = response.iter_raw() if hasattr(response, "iter_raw") else response.iter_content(64)
        stop = time.monotonic() + _SLOWEST * self._timeout
        body = bytearray()
        for part in parts:
            body += part
            if len(body) > length:
                raise LoadError(f"the response for {file.name} is longer than requested")
            if time.monotonic() > stop:
                raise LoadError(
                    f"{file.name} is received too slowly",
                    cause=f"{len(body):,} of {length:,} bytes in {_SLOWEST * self._timeout:g} s",
                    hint="try again, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds",
                )
        if len(body) < length:
            raise _interrupted(file.name, f"received {len(body):,} of {length:,} bytes")
        return bytes(body)

    def _explain(
        self, error: Exception, repository: str, revision: str | None = None, name: str | None = None
    ) -> LoadError:
        """Return a LoadError for an exception of the client, with a hint."""
        utils = self._utils
        what = f"{name} of {repository}" if name else repository
        if isinstance(error, LoadError):
            return error
        if isinstance(error, utils.GatedRepoError):
            return LoadError(
                f"{repository} is gated",
                cause="access to this repository is restricted by its owners",
                hint=f"request access at {self._endpoint}/{repository}, and {_LOG_IN}",
            )
        if isinstance(error, utils.RevisionNotFoundError):
            return LoadError(f"{repository} has no revision {revision}")
        if isinstance(error, utils.RepositoryNotFoundError):
            return LoadError(
                f"the hub has no model {repository}, or does not show it",
                hint=f"check the name; for a private model {_LOG_IN}",
            )
        if isinstance(error, utils.EntryNotFoundError):
            return LoadError(f"{repository} has no file {name}")
        if isinstance(error, utils.HFValidationError):
            return LoadError(f"{repository!r} cannot be the name of a model", cause=str(error))
        response = getattr(error, "response", None)
        if (status := getattr(response, "status_code", None)) is not None:
            return self._refusal(status, getattr(response, "headers", {}), what)
        kind = type(error).__name__
        if "Timeout" in kind:
            return LoadError(
                f"the hub does not respond to a request for {what}",
                cause=f"no response for {self._timeout:g} s",
                hint="try again, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds",
            )
        if any(each in kind for each in ("RemoteProtocol", "Chunked", "ReadError", "IncompleteRead")):
            return _interrupted(what, _without_query(str(error)) or kind)
        is_network = any(each in kind for each in ("Connect", "Proxy", "Network"))
        # In `requests`, the exception for a response that is not JSON is an OSError too.
        if is_network or (isinstance(error, OSError) and not isinstance(error, ValueError)):
            return LoadError(
                f"cannot reach the hub at {self._endpoint}",
                cause=_without_query(str(error)) or kind,
                hint="check the network and HF_ENDPOINT; a local folder needs no network",
            )
        return LoadError(
            f"the hub's response about {what} cannot be parsed",
            cause=f"{kind}: {_without_query(str(error))}",
        )

    def _refusal(self, status: int, headers: Any, what: str) -> LoadError:
        """Return the error for a response with an error status."""
        if status in (401, 403):
            return LoadError(
                f"the hub does not give access to {what}",
                cause="it does not accept the token" if status == 401 else "the token does not allow it",
                hint=_LOG_IN,
            )
        if status == 429:
            wait = str(headers.get("Retry-After") or "").strip()
            return LoadError(
                "too many requests to the hub",
                cause=f"it asks to wait {wait} s" if wait.isdecimal() else None,
                hint=f"wait, or {_LOG_IN}, which allows more",
            )
        if status >= 500:
            return LoadError(
                f"the hub failed on a request for {what}", cause=f"it responds with status {status}"
            )
        return LoadError(f"the hub refuses to give {what}", cause=f"it responds with status {status}")


def _check_range(response: Any, file: RemoteFile, begin: int, end: int) -> None:
    """Check that the response has the requested range, before its body is read."""
    if response.status_code != 206:
        raise LoadError(
            f"{urlsplit(file.location).hostname} does not serve parts of {file.name}",
            cause=f"expected status 206 for a range, got {response.status_code}",
            hint="nothing was fetched; download the file and use its path",
        )
    received = response.headers.get("Content-Range") or ""
    match = _CONTENT_RANGE.fullmatch(received)
    if match is None or tuple(map(int, match.groups())) != (begin, end - 1, file.size):
        raise CheckpointError(
            f"the response has another part of {file.name} than requested",
            cause=f"expected bytes {begin}-{end - 1} of {file.size}, got {received[:60]!r}",
            hint="try again later",
        )
    if (response.headers.get("Content-Encoding") or "identity") != "identity":
        raise LoadError(f"{file.name} was sent compressed although that was not requested")


def _interrupted(what: str, cause: str) -> LoadError:
    return LoadError(f"{what} was not received completely", cause=cause, hint="try again")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _without_query(text: str) -> str:
    """Remove the query of addresses, which may contain a signature."""
    return re.sub(r"\?\S*", "", text)
