"""Public function `diff`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

from netinspect._utils.classes import is_a
from netinspect.analysis.rows import Selection
from netinspect.api._load import is_checkpoint, load_or_read, resolve
from netinspect.api._options import BuildOptions, given, takes
from netinspect.api._view import View
from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.request import Target

if TYPE_CHECKING:
    from torch import nn

    from netinspect.records.checkpoint import StoredTensor
    from netinspect.records.comparison import Comparison
    from netinspect.records.named_tensors import NamedTensor
    from netinspect.records.trace import Trace
    from netinspect.reports.diff.pairing import Pairing
    from netinspect.reports.diff.record import Diff
    from netinspect.reports.diff.state_dict import StateDict

Progress = Callable[[int, int], None]


@takes(BuildOptions)
def diff(
    a: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    b: nn.Module | Trace | Checkpoint | str | os.PathLike[str],
    *,
    section: str | None = None,
    compare_values: bool = False,
    sort: str | None = None,
    top: int | None = None,
    counts: bool = False,
    fold: bool = True,
    progress: Progress | None = None,
    **options: Unpack[BuildOptions],
) -> View[Diff]:
    """Show what is different in two models or checkpoints: names, shapes, dtypes, ties, classes.

    Args:
        a: The old model or checkpoint; see `load` and `read_checkpoint`. Forward is not run.
        b: The new one.
        section: Keys that lead to the part of a checkpoint to compare, such as `state_dict`; None for
            the best match with the other side.
        compare_values: Compare the values of two checkpoints too, and find renamed tensors by them.
        sort: `change` for the largest change of values first, `elements` or `name`, and with
            `compare_values` also `max_absolute`, `max_relative`, `relative_norm` or `differing`; None
            for the order of names.
        top: Keep only so many tensors: those with the largest change of values, or without values the
            largest ones, unless sorted. The counts are of all tensors.
        counts: Show only counts, by module of the top level.
        fold: Whether identical changes share a row.
        progress: Called with bytes read and total bytes while values are compared.
        options: How targets are built, and `columns`, as for `summary`.

    Raises:
        UsageError: The section is missing, or there are no values to compare or sort by.
        LoadError: One of them could not be loaded.
    """
    from netinspect.reports.diff.compute import report, select_state_dicts
    from netinspect.reports.diff.pairing import pair_names
    from netinspect.reports.diff.row_keys import check_selection

    selection = Selection(sort=sort, top=top)
    check_selection(selection, values=compare_values)
    named = [resolve(each) for each in (a, b)]
    is_mixed = any(is_a(each, Target) and not is_checkpoint(each) for each in named)
    old, new = (load_or_read(each, is_mixed=is_mixed, run=False, **given(options)) for each in named)
    sides = select_state_dicts(old, new, section)
    shows: Literal["changes", "counts"] = "counts" if counts else "changes"
    if compare_values:
        pairing, found, moved = _compare(*sides, progress)
        return View(
            report(
                *sides,
                pairing,
                values=found,
                moved=moved,
                shows=shows,
                fold=fold,
                selection=selection,
            )
        )
    pairing = pair_names(sides[0].entries, sides[1].entries)
    return View(report(*sides, pairing, shows=shows, fold=fold, selection=selection))


def _compare(
    a: StateDict, b: StateDict, progress: Progress | None
) -> tuple[Pairing, Mapping[str, Comparison], list[tuple[str, str]]]:
    """Pair the tensors of two checkpoints, also by value, and compare the values of pairs.

    Returns:
        The pairing; the comparisons, by name in `b`; and pairs of names of changed tensors whose values
        moved from one to the other.
    """
    from netinspect.checkpoints.distributed.pieces import locate_pieces
    from netinspect.checkpoints.values.compare import compare_pairs
    from netinspect.checkpoints.values.data import CheckpointData
    from netinspect.checkpoints.values.fingerprints import same_content
    from netinspect.reports.diff.pairing import pair_names

    one, other = locate_pieces(_checkpoint_of(a)), locate_pieces(_checkpoint_of(b))
    with CheckpointData(one) as left, CheckpointData(other) as right:

        def stored(checkpoint: Checkpoint, tensor: NamedTensor) -> StoredTensor:
            assert tensor.stored is not None
            return checkpoint.tensors[tensor.stored.index]

        def find_equal_bytes(
            ones: Sequence[NamedTensor], others: Sequence[NamedTensor]
        ) -> list[tuple[str, str]]:
            places = [(left, stored(one, each)) for each in ones]
            places += [(right, stored(other, each)) for each in others]
            groups = same_content(places, progress)
            # Among several identical tensors, none can be matched to another.
            pairs = [group for group in groups if len(group) == 2 and group[0] < len(ones) <= group[1]]
            return [(ones[x].name, others[y - len(ones)].name) for x, y in pairs]

        pairing = pair_names(a.entries, b.entries, find_equal_bytes)
        same_shape = [(a.entries[pair.old], b.entries[pair.new]) for pair in pairing.pairs]
        same_shape = [(x, y) for x, y in same_shape if x.shape == y.shape]
        tensors = [(stored(one, x), stored(other, y)) for x, y in same_shape]
        found = compare_pairs(left, right, tensors, progress)
        changed = [pair for pair, each in zip(same_shape, found, strict=True) if each.equal is False]
        moved = find_equal_bytes([x for x, _ in changed], [y for _, y in changed])
    # A vector may be all zeros in several places.
    moved = [(old, new) for old, new in moved if len(a.entries[old].shape) > 1]
    return pairing, {y.name: each for (_, y), each in zip(same_shape, found, strict=True)}, moved


def _checkpoint_of(side: StateDict) -> Checkpoint:
    if side.checkpoint is None:
        target = side.trace.target if side.trace is not None else ""
        raise UsageError(
            f"cannot compare the values of {target}: expected a checkpoint, got a model",
            hint="save its weights with torch.save(model.state_dict(), FILE), and compare FILE",
        )
    return side.checkpoint
