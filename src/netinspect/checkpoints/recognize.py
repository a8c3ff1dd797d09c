"""Recognition of formats by content; file names are not considered."""

from __future__ import annotations

from netinspect.checkpoints.formats.table import FORMATS, HEAD, TITLES, load
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat
from netinspect.checkpoints.unsupported.identify import describe_unknown, identify
from netinspect.errors import CheckpointError

_TITLES = f"{', '.join(TITLES[:-1])} or {TITLES[-1]}"
_MISTAKEN = ("lfs", "html", "xml error", "hub error")
"""Keys of files that were downloaded in place of the requested one."""

_COMPRESSED = "compressed by "
"""Start of the names of formats that have to be decompressed first."""


def recognize(source: ByteSource) -> str | None:
    """Return the name of a file's format in `FORMATS`; None for any other format.

    The file may still turn out to be damaged.

    Raises:
        LoadError: The file cannot be read.
    """
    head = source.read(0, min(HEAD, source.size))
    for each in FORMATS:
        found = load(each.matches)(source) if isinstance(each.matches, str) else each.matches(head)
        if found:
            return each.name
    return None


def unreadable(source: ByteSource) -> CheckpointError:
    """Return the error for a file without a reader: its format and a program that reads it.

    Raises:
        LoadError: The file cannot be read.
    """
    other = "a model is named by its .py file; a saved trace is what --save FILE wrote"
    message = f"{source.name} is not a checkpoint"
    if not source.size:
        return CheckpointError(message, cause="it is empty", hint="fetch it again")
    unread = identify(source)
    if unread is None:
        cause, hint = describe_unknown(source)
        return CheckpointError(
            message, cause=cause or f"unknown format: not {_TITLES}", hint=hint or other
        )
    inner = _inside(source)
    if inner is not None:
        is_nested = inner.name.startswith(_COMPRESSED)  # the outer one has to be decompressed first
        hint = unread.hint if is_nested else inner.hint
        inner = inner._replace(name=f"{inner.name}, {unread.name}", hint=hint)
    return unreadable_as(source.name, inner or unread)


def _inside(source: ByteSource) -> UnreadFormat | None:
    """Return the format of the content of a compressed file; None for others or if it is unknown."""
    from netinspect.checkpoints.io.compressed import method_of
    from netinspect.checkpoints.io.decompressed import peek_inside

    method = method_of(source.read(0, min(HEAD, source.size)))
    inside = None if method is None else peek_inside(source, method)
    return None if inside is None else identify(inside)


def unreadable_as(name: str, unread: UnreadFormat) -> CheckpointError:
    """Return the error for a file or folder of a format that is not read."""
    message = f"{name} is not a checkpoint"
    if unread.is_model:
        message += " that netinspect reads"
    return CheckpointError(message, cause=unread.describe(), hint=unread.advice(name))


def find_mistaken(source: ByteSource) -> UnreadFormat | None:
    """Return the format of a file that was downloaded in place of the requested one, or None.

    Raises:
        LoadError: The file cannot be read.
    """
    unread = identify(source) if source.size else None
    return unread if unread in [CATALOG[key] for key in _MISTAKEN] else None
