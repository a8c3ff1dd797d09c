"""What is asked of the hub, through its own client: a list of files, where one is, a part of it.

The client (`huggingface_hub`) knows the address of the hub, the user's token, proxies and certificates,
and tries again what may succeed. It is imported when it is used, and only what its versions since 0.24
have in common.
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
"""Not 429: the client would wait as long as it is reported to, which may be minutes."""

_SLOWEST = 6
"""Times the time-out that one part may take in all."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


@record
class Listing:
    """The files of a repository at one commit."""

    repository: str
    commit: str
    sizes: dict[str, int | None]
    """By path; None if the hub does not report."""


@record
class RemoteFile:
    """One file, and where its bytes are."""

    name: str
    address: str
    """Where anybody finds it."""

    location: str
    """Where its bytes are at present; may hold a signature that is no one's business."""

    headers: dict[str, str]
    size: int


class Client:
    """The hub's client, as far as it is needed."""

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
        """Provide one; meanwhile its library keeps warnings to itself, such as each further try."""
        logger = logging.getLogger("huggingface_hub")
        client = cls()
        before = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield client
        finally:
            logger.setLevel(before)

    def list_files(self, repository: str, revision: str | None) -> Listing:
        """Ask for the files of a repository, at its newest commit or another.

        Raises:
            LoadError: It is not there, may not be seen, or the hub cannot be reached.
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
        except (
            Exception
        ) as error:  # the clients of requests, httpx and httpx2 each have their own errors
            raise self._explain(error, repository, revision) from error

    def locate(self, listing: Listing, name: str) -> RemoteFile:
        """Ask where the bytes of a file are.

        Raises:
            LoadError: It is not there, may not be seen, or the hub cannot be reached.
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
            # Somebody else's machine: what it needs to know is in the address.
            headers = {key: value for key, value in headers.items() if key.lower() != "authorization"}
        stated = listing.sizes.get(name)
        size = stated if found.size is None else found.size
        if size is None or (stated is not None and stated != size):
            what = (
                "no size" if size is None else f"{size:,} bytes in one place and {stated:,} in another"
            )
            raise LoadError(f"the hub states {what} for {name}", hint="try again later")
        return RemoteFile(name=name, address=url, location=location, headers=headers, size=size)

    def fetch(self, file: RemoteFile, begin: int, end: int) -> bytes:
        """Fetch the bytes of a file from `begin` up to `end`.

        Raises:
            LoadError: They cannot be fetched, or something else comes.
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
        """Ask for something without reading it yet; what the hub cannot do just now is tried again."""
        options = {
            "headers": headers,
            "timeout": self._timeout,
            "max_retries": _RETRIES,
            "retry_on_status_codes": _RETRIED,
        }
        if hasattr(self._utils, "http_stream_backoff"):
            # It takes an error of ours for one of its own, and would try again: it sees none.
            caught: Exception | None = None
            with self._utils.http_stream_backoff("GET", url, **options) as response:
                try:
                    yield response
                except Exception as error:  # of any kind, it is raised again
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
        # `requests` waits until it has as many bytes as it is asked for, be it for hours.
        parts = response.iter_raw() if hasattr(response, "iter_raw") else response.iter_content(64)
        stop = time.monotonic() + _SLOWEST * self._timeout
        body = bytearray()
        for part in parts:
            body += part
            if len(body) > length:
                raise LoadError(f"more came of {file.name} than was asked for")
            if time.monotonic() > stop:
                raise LoadError(
                    f"{file.name} comes too slowly",
                    cause=f"{len(body):,} of {length:,} bytes in {_SLOWEST * self._timeout:g} s",
                    hint="try again, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds",
                )
        if len(body) < length:
            raise _interrupted(file.name, f"{len(body):,} of {length:,} bytes came")
        return bytes(body)

    def _explain(
        self, error: Exception, repository: str, revision: str | None = None, name: str | None = None
    ) -> LoadError:
        """Describe in our words what went wrong, and what to do about it."""
        utils = self._utils
        what = f"{name} of {repository}" if name else repository
        if isinstance(error, LoadError):
            return error
        if isinstance(error, utils.GatedRepoError):
            return LoadError(
                f"{repository} is gated",
                cause="its authors let in whom they know",
                hint=f"ask for access at {self._endpoint}/{repository}, and {_LOG_IN}",
            )
        if isinstance(error, utils.RevisionNotFoundError):
            return LoadError(f"{repository} has no revision {revision}")
        if isinstance(error, utils.RepositoryNotFoundError):
            return LoadError(
                f"the hub has no model {repository}, or does not show it",
                hint=f"check the spelling; for a private model {_LOG_IN}",
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
                f"the hub does not answer when asked for {what}",
                cause=f"nothing came for {self._timeout:g} s",
                hint="try again, or set HF_HUB_DOWNLOAD_TIMEOUT to more seconds",
            )
        if any(each in kind for each in ("RemoteProtocol", "Chunked", "ReadError", "IncompleteRead")):
            return _interrupted(what, _without_query(str(error)) or kind)
        is_network = any(each in kind for each in ("Connect", "Proxy", "Network"))
        # An answer that is not a JSON is, in `requests`, a kind of OSError too.
        if is_network or (isinstance(error, OSError) and not isinstance(error, ValueError)):
            return LoadError(
                f"cannot reach the hub at {self._endpoint}",
                cause=_without_query(str(error)) or kind,
                hint="check the network and HF_ENDPOINT; a local folder needs no network",
            )
        return LoadError(
            f"the hub's answer about {what} is not understood",
            cause=f"{kind}: {_without_query(str(error))}",
        )

    def _refusal(self, status: int, headers: Any, what: str) -> LoadError:
        """Describe what an answer with an error means."""
        if status in (401, 403):
            return LoadError(
                f"the hub does not give access to {what}",
                cause="it does not accept the token" if status == 401 else "the token does not allow it",
                hint=_LOG_IN,
            )
        if status == 429:
            wait = str(headers.get("Retry-After") or "").strip()
            return LoadError(
                "the hub was asked too often",
                cause=f"it wants {wait} s of rest" if wait.isdecimal() else None,
                hint=f"wait, or {_LOG_IN}, which allows more",
            )
        if status >= 500:
            return LoadError(f"the hub fails when asked for {what}", cause=f"it answers {status}")
        return LoadError(f"the hub refuses to give {what}", cause=f"it answers {status}")


def _check_range(response: Any, file: RemoteFile, begin: int, end: int) -> None:
    """Make sure that what comes is what was asked for, before it comes."""
    if response.status_code != 206:
        raise LoadError(
            f"only the whole of {file.name} can be had from {urlsplit(file.location).hostname}",
            cause=f"asked for a part, it answers {response.status_code}",
            hint="nothing was fetched; fetch the file, and name it on the disk",
        )
    stated = response.headers.get("Content-Range") or ""
    match = _CONTENT_RANGE.fullmatch(stated)
    if match is None or tuple(map(int, match.groups())) != (begin, end - 1, file.size):
        raise CheckpointError(
            f"another part of {file.name} came than was asked for",
            cause=f"bytes {begin}-{end - 1} of {file.size} were, and it is {stated[:60]!r}",
            hint="try again later",
        )
    if (response.headers.get("Content-Encoding") or "identity") != "identity":
        raise LoadError(f"{file.name} comes compressed, although it was asked for as it is")


def _interrupted(what: str, cause: str) -> LoadError:
    return LoadError(f"{what} did not come whole", cause=cause, hint="try again")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _without_query(text: str) -> str:
    """Leave out what may be a signature."""
    return re.sub(r"\?\S*", "", text)
