"""Checkpoints on the model hub, of which only the headers are fetched.

A target is `hf:org/name`, `hf:org/name@revision`, `hf:org/name/file.safetensors` or a folder in a
repository. Old models without an organization are `hf:name`, and their files `hf:name@revision/file`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import unquote

from netinspect._utils.process import without_collector
from netinspect.checkpoints.folders.read_folder import read_file, read_file_set, read_index
from netinspect.checkpoints.folders.weight_sets import is_index, is_weights
from netinspect.checkpoints.hub.client import Client, Listing
from netinspect.checkpoints.hub.remote import DownloadBudget, RemoteSource
from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import LoadError, UsageError
from netinspect.records.base import record, replace
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.pickles import PickleScan

_PREFIX = "hf:"

_PART = r"[A-Za-z0-9_.-]{1,96}"
_REFERENCE = re.compile(
    rf"(?P<first>{_PART})(?:/(?P<second>{_PART}))?"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[^/@]+|[^/@]+))?(?:/(?P<path>.+))?"
)
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@record
class Reference:
    """Repository, revision and path of a target on the hub."""

    repository: str
    revision: str | None
    path: str
    """Path of a file or folder in the repository; empty for the top folder."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a target.

        Raises:
            UsageError: The target has no known form.
        """
        match = _REFERENCE.fullmatch(text.removeprefix(_PREFIX))
        # `a/b` is an organization and a name: a file of an old model needs a revision before it.
        if match is None or (match["path"] and not (match["second"] or match["revision"])):
            raise UsageError(
                f"{text!r} names no model of the hub",
                hint="write hf:org/name, hf:org/name@revision or hf:org/name/file.safetensors",
            )
        first, second = match["first"], match["second"]
        return cls(
            repository=f"{first}/{second}" if second else first,
            revision=None if match["revision"] is None else unquote(match["revision"]),
            path=(match["path"] or "").strip("/"),
        )


def read_hub(text: str, *, online: bool) -> Checkpoint:
    """Read the headers of a model on the hub.

    Args:
        text: The target as typed, with `hf:` in front.
        online: Allow requests to the hub.

    Raises:
        UsageError: The target has no known form.
        LoadError: Requests are not allowed, or the model does not exist or cannot be reached.
        CheckpointError: The model is damaged, or not a checkpoint.
    """
    with _opened(text, online) as (file_set, name):
        if not name:
            found = read_file_set(file_set)
        else:
            found = read_index(file_set, name) if is_index(name) else read_file(file_set, name)
    return replace(found, target=text)


def scan_hub(text: str, *, online: bool) -> PickleScan:
    """Read the pickles of one or all files of a model on the hub; see `read_hub`."""
    from netinspect.checkpoints.pickle_globals import scan_file, scan_file_set

    with _opened(text, online) as (file_set, name):
        found = scan_file(file_set, name) if name else scan_file_set(file_set)
    return replace(found, target=text)


@contextmanager
def _opened(text: str, online: bool) -> Iterator[tuple[HubFolder, str]]:
    """Open the folder of a target, with the name of a file in it, empty for the whole folder."""
    reference = Reference.parse(text)
    if not online:
        raise LoadError(
            f"{text} is on the model hub, but network access is off",
            hint="--online fetches the headers of its files (never the weights); a local folder needs "
            "no network",
        )
    for variable in _OFFLINE:
        if os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE"):
            raise LoadError(
                f"{text} is on the model hub, and {variable} is set",
                hint=f"unset {variable} to fetch it",
            )
    with without_collector(), Client.opened() as client:
        listing = client.list_files(reference.repository, reference.revision)
        folder, _, name = reference.path.rpartition("/")
        if reference.path in listing.sizes:
            yield HubFolder(client, listing, folder, text), name
            return
        file_set = HubFolder(client, listing, reference.path, text)
        if reference.path and not (file_set.names() or file_set.folders()):
            raise LoadError(
                f"{reference.repository} has no file {reference.path}",
                hint=_some_files(listing),
            )
        yield file_set, ""


def _some_files(listing: Listing) -> str:
    weights = [name for name in listing.sizes if is_weights(name)]
    named = (weights or list(listing.sizes))[:5]
    return f"it has {', '.join(named)}" if named else "it has no files at all"


class HubFolder:
    """Folder of a repository at one commit."""

    remote = True

    def __init__(
        self,
        client: Client,
        listing: Listing,
        folder: str,
        name: str,
        budget: DownloadBudget | None = None,
    ) -> None:
        self.name = name
        self._client = client
        self._listing = listing
        self._prefix = f"{folder}/" if folder else ""
        self._budget = DownloadBudget(name) if budget is None else budget

    def names(self) -> list[str]:
        """Return the sorted names of the files; see `FileSet`."""
        start = len(self._prefix)
        return sorted(
            each[start:]
            for each in self._listing.sizes
            if each.startswith(self._prefix) and "/" not in each[start:]
        )

    def walk(self) -> Iterator[tuple[str, str | None]]:
        """Iterate over the files of the folder and all subfolders; see `FileSet`."""
        for each in sorted(self._listing.sizes):
            if each.startswith(self._prefix):
                yield each.removeprefix(self._prefix), None

    def folders(self) -> dict[str, list[str]]:
        """Return the names of the entries of each subfolder; see `FileSet`."""
        found: dict[str, list[str]] = {}
        for each in sorted(self._listing.sizes):
            folder, slash, name = each.removeprefix(self._prefix).partition("/")
            if each.startswith(self._prefix) and slash:
                found.setdefault(folder, []).append(name)
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[ByteSource]:
        """Open one file; see `FileSet`. Files at a commit do not change."""
        path = self._prefix + name
        if path not in self._listing.sizes:
            raise LoadError(f"{self._listing.repository} has no file {path}")
        file = self._client.locate(self._listing, path)

        def fetch(begin: int, end: int) -> bytes:
            self._budget.take(end - begin)
            return self._client.fetch(file, begin, end)

        yield RemoteSource(name, file.address, file.size, fetch)

    def contains(self, name: str) -> bool:
        """Return whether a file exists; a repository has no links to other files; see `FileSet`."""
        return self._prefix + name in self._listing.sizes

    def subfolder(self, name: str) -> HubFolder:
        """Return a subfolder, which shares the download budget; see `FileSet`."""
        return HubFolder(
            self._client, self._listing, f"{self._prefix}{name}", f"{self.name}/{name}", self._budget
        )
