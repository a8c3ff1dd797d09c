"""The part of the Python API that reads checkpoints: files and folders with weights, without torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from netinspect.errors import LoadError, SavedTraceError, UsageError
from netinspect.kinds import is_a, is_target
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.distribution import Finding, ValueSummary
from netinspect.view import View

if TYPE_CHECKING:
    from netinspect.records.reports.globals import Globals
    from netinspect.records.trace import Trace


def read_checkpoint(source: Checkpoint | str | os.PathLike[str], *, online: bool = False) -> Checkpoint:
    """Read what a checkpoint holds: names, shapes, dtypes and places of its tensors, not their values.

    Nothing in it is run, and torch is not imported.

    Args:
        source: A file of safetensors, torch, GGUF, ONNX or NumPy; an index of shards; a folder with a
            model's files; a model on the hub (`hf:org/name`).
        online: Whether headers may be fetched from the hub.

    Raises:
        CheckpointError: It is damaged, or no checkpoint.
        LoadError: It cannot be read.
    """
    if is_a(source, Checkpoint):
        return source
    from netinspect.sources.target import is_on_hub

    text = os.fspath(source)
    if is_on_hub(text):
        from netinspect.checkpoints.hub.repository import read_hub

        return read_hub(text, online=online)
    from netinspect.checkpoints.read import read_checkpoint as read

    return read(text)


def summarize_values(
    checkpoint: Checkpoint, numbers: Sequence[int], progress: Callable[[int, int], None] | None = None
) -> tuple[list[ValueSummary], list[Finding]]:
    """Read values of a checkpoint's tensors, each memory once and in bounded memory.

    Args:
        checkpoint: The checkpoint; its files must be as they were when it was read.
        numbers: The tensors, by their places in it.
        progress: Told how many bytes are done, and of how many.

    Returns:
        What was found in each of them, and what stands out among them.

    Raises:
        CheckpointError: A file ends too early.
        LoadError: One cannot be read, or changed.
    """
    from netinspect.checkpoints.distributed.pieces import place_pieces
    from netinspect.checkpoints.values import findings, statistics
    from netinspect.checkpoints.values.data import CheckpointData

    checkpoint = place_pieces(checkpoint, numbers)
    tensors = [checkpoint.tensors[number] for number in numbers]
    with CheckpointData(checkpoint) as data:
        summaries = statistics.summarize_values(data, tensors, progress)
        return summaries, findings.find(data, tensors, summaries)


def pickle_globals(source: str | os.PathLike[str], *, online: bool = False) -> View[Globals]:
    """Show what loading a file would import and call; nothing of it is imported or called here.

    A pickle that cannot be read to its end shows what it names before, and tells where it breaks.
    Members of archives and files of folders are judged by their content, as deep as they nest; what was
    not examined is in `Globals.unexamined`, with the reason.

    Args:
        source: A file, a folder with all folders in it, or a model on the hub (`hf:org/name`).
        online: Whether pickles may be fetched from the hub.

    Raises:
        CheckpointError: It is damaged, and no pickle was found in it.
        LoadError: It cannot be read.
    """
    from netinspect.analyze.stored.globals import list_globals
    from netinspect.sources.target import file_mode, is_on_hub

    text = os.fspath(source)
    if is_on_hub(text):
        from netinspect.checkpoints.hub.repository import scan_hub

        return View(list_globals(scan_hub(text, online=online)))
    from netinspect.checkpoints.globals import scan_pickles

    if not os.path.lexists(text) and file_mode(Path(text)) is None:
        raise LoadError(
            f"there is no file {text!r}",
            hint="name a file with pickles, a folder, or hf:org/name; a model itself has none to read",
        )
    return View(list_globals(scan_pickles(text)))


def names_checkpoint(subject: object) -> TypeGuard[str | os.PathLike[str]]:
    """Tell whether a subject is a target that can be nothing else than a checkpoint.

    Raises:
        UsageError: It is a target that follows no known form.
        LoadError: It is a target that is not there.
    """
    if not is_target(subject):
        return False
    from netinspect.sources.target import parse_target

    return parse_target(os.fspath(subject), check=False).kind == "checkpoint"


def read_saved(path: str, name: str) -> Trace:
    """Read a saved trace; JSON of another known format, such as a model of XGBoost, is named.

    Raises:
        CheckpointError: It is of a known format.
        SavedTraceError: It is not a saved trace, or damaged.
        LoadError: It cannot be read.
    """
    from netinspect.records.saved import read_trace

    try:
        return read_trace(Path(path), name=name)
    except SavedTraceError:
        from netinspect.checkpoints.places import open_file
        from netinspect.checkpoints.recognize import unreadable_as
        from netinspect.checkpoints.unread.identify import identify

        with open_file(path, name) as source:
            unread = identify(source)
        if unread is not None:
            raise unreadable_as(name, unread) from None
        raise


def refuse_for_checkpoint(option: str, given: object, why: str) -> None:
    """Refuse an option that says nothing of a checkpoint.

    Raises:
        UsageError: It was given.
    """
    if given:
        raise UsageError(f"{option} is for models: {why}", hint="leave it out, or name the model itself")
