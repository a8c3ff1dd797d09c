"""The part of the Python API that compares: two models, two checkpoints, or one of each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from netinspect.api import load
from netinspect.records.checkpoint import Checkpoint
from netinspect.stored import names_checkpoint, read_checkpoint
from netinspect.view import View

if TYPE_CHECKING:
    from torch import nn

    from netinspect.records.reports.diff import Diff
    from netinspect.records.trace import Trace


def diff(
    a: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    b: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *,
    section: str | None = None,
    stat: bool = False,
    full: bool = False,
) -> View[Diff]:
    """Show what is different in two models or checkpoints: names, shapes, dtypes, ties, classes.

    Args:
        a: What to compare, as it was; see `load` and `read_checkpoint`. Forward is not run.
        b: What to compare it with, as it is.
        section: Keys that lead to the part of a checkpoint to compare, such as `state_dict`; None for
            the part that fits the other side best.
        stat: Show only counts, by module of the top level.
        full: Show each tensor by itself, and nothing folded.

    Raises:
        UsageError: There is no such section.
        LoadError: One of them could not be loaded.
    """
    from netinspect.analyze.diff.pairing import pair_up
    from netinspect.analyze.diff.report import report, take_sides

    sides = take_sides(_subject(a), _subject(b), section)
    pairing = pair_up(sides[0].members, sides[1].members)
    shows: Literal["changes", "stat"] = "stat" if stat else "changes"
    return View(report(*sides, pairing, shows=shows, full=full))


def _subject(
    subject: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
) -> Trace | Checkpoint:
    if isinstance(subject, Checkpoint) or names_checkpoint(subject):
        return read_checkpoint(subject)
    return load(subject, run=False)
