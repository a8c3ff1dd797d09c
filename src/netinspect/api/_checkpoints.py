"""Public functions that read checkpoints, without torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netinspect._utils.classes import is_target, plain_name
from netinspect.api._view import View
from netinspect.errors import LoadError, UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.distribution import Finding, ValueSummary

if TYPE_CHECKING:
    from netinspect.reports.globals.record import Globals


def summarize_values(
    checkpoint: Checkpoint, numbers: Sequence[int], progress: Callable[[int, int], None] | None = None
) -> tuple[list[ValueSummary], list[Finding]]:
    """Read values of a checkpoint's tensors, each memory once and in bounded memory.

    Args:
        checkpoint: The checkpoint; its files must not have changed since it was read.
        numbers: The tensors, by their places in it.
        progress: Called with bytes done and total bytes.

    Returns:
        The statistics of each tensor, and the anomalies among them.

    Raises:
        CheckpointError: A file ends too early.
        LoadError: One cannot be read, or changed.
    """
    from netinspect.checkpoints.distributed.pieces import locate_pieces
    from netinspect.checkpoints.values import anomalies, statistics
    from netinspect.checkpoints.values.data import CheckpointData

    checkpoint = locate_pieces(checkpoint, numbers)
    tensors = [checkpoint.tensors[number] for number in numbers]
    with CheckpointData(checkpoint) as data:
        summaries = statistics.summarize_values(data, tensors, progress)
        return summaries, anomalies.detect_anomalies(data, tensors, summaries)


def pickle_globals(
    source: str | os.PathLike[str], *, online: bool = False, name: str | None = None
) -> View[Globals]:
    """Show what loading a file would import and call; nothing of it is imported or called here.

    A pickle that cannot be read to its end shows what it names before, and where it breaks.
    Members of archives and files of folders are judged by their content, as deep as they nest; what was
    not examined is in `Globals.unexamined`, with the reason.

    Args:
        source: A file, a folder with all folders in it, or a model on the hub (`hf:org/name`).
        online: Whether pickles may be fetched from the hub.
        name: Name of the file in the view; None for its path.

    Raises:
        CheckpointError: It is damaged, and no pickle was found in it.
        LoadError: It cannot be read.
        UsageError: It is not a path.
    """
    from netinspect.reports.globals.compute import list_globals
    from netinspect.targets.target import file_mode, is_on_hub

    text = path_of(source)
    if is_on_hub(text):
        from netinspect.checkpoints.hub.repository import scan_hub

        return View(list_globals(scan_hub(text, online=online)))
    from netinspect.checkpoints.pickle_globals import scan_pickles

    if not os.path.lexists(text) and file_mode(Path(text)) is None:
        raise LoadError(
            f"no such file: {text!r}",
            hint="name a file with pickles, a folder, or hf:org/name; a model itself has none to read",
        )
    return View(list_globals(scan_pickles(text, name)))


def path_of(source: object) -> str:
    """Return the path or name of a checkpoint.

    Raises:
        UsageError: It is something else, such as the tensors themselves.
    """
    if not is_target(source):
        raise UsageError(
            f"expected the path of a checkpoint or a name such as hf:org/name, "
            f"got {plain_name(type(source))}",
            hint="tensors in memory are not a file: name the file that they are from",
        )
    return os.fspath(source)


def refuse_for_checkpoint(option: str, given: object, why: str) -> None:
    """Refuse an option that does not apply to checkpoints.

    Raises:
        UsageError: It was given.
    """
    if given:
        raise UsageError(f"{option} is for models: {why}", hint="leave it out, or name the model itself")
