"""Computation of the `diff` report from two state dicts and their pairing; called by `api.diff`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from netinspect.analysis.rows import ALL_ROWS, Selection
from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.comparison import Comparison
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.trace import Trace
from netinspect.reports.diff.counts import group
from netinspect.reports.diff.loading import build_loading
from netinspect.reports.diff.modules import compare_modules
from netinspect.reports.diff.pairing import Pairing
from netinspect.reports.diff.record import (
    Diff,
    DiffRow,
    ModuleChange,
    MovedValues,
    OpenChoice,
    TieChange,
    ValueSummary,
)
from netinspect.reports.diff.row_keys import row_keys
from netinspect.reports.diff.rules import Pair
from netinspect.reports.diff.sections import (
    choose_for_both,
    choose_for_model,
    has_section,
    signatures,
    unknown_section,
)
from netinspect.reports.diff.state_dict import (
    StateDict,
    checkpoint_state_dict,
    is_sized,
    model_state_dict,
)

Differences = Literal["name", "shape", "dtype", "trainable", "kind", "values"]


def select_state_dicts(
    a: Trace | Checkpoint, b: Trace | Checkpoint, section: str | None = None
) -> tuple[StateDict, StateDict]:
    """Convert both inputs to state dicts, choosing the sections of checkpoints that match best.

    Args:
        a: The old model or checkpoint.
        b: The new one.
        section: Keys that lead to the part of a checkpoint to compare; None to choose it.

    Raises:
        UsageError: Neither has such a section.
    """
    if section is not None:
        _check_section(a, b, section)
    if isinstance(a, Checkpoint) and isinstance(b, Checkpoint):
        wanted = [
            section if section is not None and has_section(each, section) else None for each in (a, b)
        ]
        choice_a, choice_b = choose_for_both(a, b, *wanted)
        return checkpoint_state_dict(a, choice_a), checkpoint_state_dict(b, choice_b)
    if isinstance(a, Checkpoint):
        assert isinstance(b, Trace)
        model = model_state_dict(b)
        return _matching_sections(a, model, section), model
    model = model_state_dict(a)
    return model, model_state_dict(b) if isinstance(b, Trace) else _matching_sections(b, model, section)


def _matching_sections(checkpoint: Checkpoint, model: StateDict, section: str | None) -> StateDict:
    wanted = signatures((name, entry.shape) for name, entry in model.entries.items())
    return checkpoint_state_dict(checkpoint, choose_for_model(checkpoint, wanted, section))


def _check_section(a: Trace | Checkpoint, b: Trace | Checkpoint, section: str) -> None:
    checkpoints = [each for each in (a, b) if isinstance(each, Checkpoint)]
    if not checkpoints:
        raise UsageError(
            "--section requires a checkpoint, but both sides are models", hint="remove --section"
        )
    if not any(has_section(each, section) for each in checkpoints):
        raise unknown_section(checkpoints[0], section)


def report(
    a: StateDict,
    b: StateDict,
    pairing: Pairing,
    *,
    values: Mapping[str, Comparison] | None = None,
    moved: Sequence[tuple[str, str]] = (),
    shows: Literal["changes", "counts"] = "changes",
    fold: bool = True,
    selection: Selection = ALL_ROWS,
) -> Diff:
    """Build the report of the difference between two state dicts.

    Args:
        a: The old state dict.
        b: The new one.
        pairing: Which names in `a` and `b` are the same tensor.
        values: Comparison of the values of each pair, by name in `b`; None if values were not compared.
        moved: Names in `a` and in `b` that are not a pair but have the same values.
        shows: What the view shows.
        fold: Whether the view folds identical changes.
        selection: Tensors to show; by default all, in the order of names. The counts are of all tensors.
    """
    rows = list(_rows(a, b, pairing, values))
    ties = tuple(_tie_changes(a, b, pairing))
    modules: tuple[ModuleChange, ...] = ()
    if a.trace is not None and b.trace is not None:
        modules = tuple(compare_modules(a.trace, b.trace, pairing))
    counts = Counter(row.change for row in rows)
    shown, hidden = selection.apply(rows, row_keys(values=values is not None))
    return Diff(
        a=a.side_record(),
        b=b.side_record(),
        differs=bool(rows or ties or modules),
        same=len(pairing.pairs) - counts["changed"] - counts["renamed"],
        added=counts["added"],
        removed=counts["removed"],
        changed=counts["changed"],
        renamed=counts["renamed"],
        rows=shown,
        hidden=len(hidden),
        renames=pairing.renames,
        guesses=pairing.guesses,
        open_choices=tuple(
            OpenChoice(old=one.old, new=one.new, other_old=other.old, other_new=other.new, names=names)
            for one, other, names in pairing.open_choices
        ),
        moved_values=tuple(MovedValues(old=old, new=new) for old, new in moved),
        ties=ties,
        modules=modules,
        loading=build_loading(a, b, pairing),
        groups=group(a, b, pairing, rows),
        values=None if values is None else _summarize_values(values, pairing, a, b),
        shows=shows,
        fold=fold and selection.top is None,
    )


def _rows(
    a: StateDict, b: StateDict, pairing: Pairing, values: Mapping[str, Comparison] | None
) -> Iterator[DiffRow]:
    """Yield every difference in the order of `b`; a removed name follows its predecessor in `a`."""
    position = {name: number for number, name in enumerate(b.entries)}
    partner = {pair.old: pair.new for pair in pairing.pairs}
    removed: dict[int, list[str]] = {}
    at = -1
    for name in a.entries:
        if name in partner:
            at = position[partner[name]]
        else:
            removed.setdefault(at, []).append(name)
    paired = {pair.new: pair for pair in pairing.pairs}
    came_from = {new: old for old, new in pairing.guessed.items()}
    removed_modules = _one_sided_modules(partner, pairing.removed)
    added_modules = _one_sided_modules(paired, pairing.added)

    def alone(change: Literal["added", "removed"], name: str) -> DiffRow:
        is_old = change == "removed"
        return DiffRow(
            change=change,
            old=a.tensor_record(name) if is_old else None,
            new=None if is_old else b.tensor_record(name),
            differs=(),
            renames=(),
            guessed_name=(pairing.guessed if is_old else came_from).get(name, ""),
            branch=(removed_modules if is_old else added_modules)[name],
        )

    yield from (alone("removed", name) for name in removed.get(-1, ()))
    for number, name in enumerate(b.entries):
        pair = paired.get(name)
        if pair is None:
            yield alone("added", name)
        else:
            row = _pair_row(a, b, pair, None if values is None else values.get(name))
            if row is not None:
                yield row
        yield from (alone("removed", each) for each in removed.get(number, ()))


def _one_sided_modules(paired: Iterable[str], alone: Iterable[str]) -> dict[str, str]:
    """Map each unpaired name to the largest module around it without any paired name."""
    known: set[str] = set()
    for name in paired:
        path = name
        while path and path not in known:
            known.add(path)
            path = path.rpartition(".")[0]
    found: dict[str, str] = {}
    for name in alone:
        end = name.find(".")
        while end >= 0 and name[:end] in known:
            end = name.find(".", end + 1)
        found[name] = name[: max(end, 0)]
    return found


def _pair_row(a: StateDict, b: StateDict, pair: Pair, value: Comparison | None) -> DiffRow | None:
    one, other = a.entries[pair.old], b.entries[pair.new]
    differs = tuple(_differences(one, other, value))
    if not differs:
        return None
    return DiffRow(
        change="renamed" if differs == ("name",) else "changed",
        old=a.tensor_record(pair.old),
        new=b.tensor_record(pair.new),
        differs=differs,
        renames=pair.renames,
        guessed_name="",
        values=value,
    )


def _differences(
    one: NamedTensor, other: NamedTensor, value: Comparison | None
) -> Iterator[Differences]:
    if one.name != other.name:
        yield "name"
    if one.shape != other.shape and is_sized(one) and is_sized(other):
        yield "shape"
    if one.dtype != other.dtype:
        yield "dtype"
    if None not in (one.trainable, other.trainable) and one.trainable != other.trainable:
        yield "trainable"
    if "tensor" not in (one.kind, other.kind) and one.kind != other.kind:
        yield "kind"
    if value is not None and _is_changed(value, same_type=one.dtype == other.dtype):
        yield "values"


def _tie_changes(a: StateDict, b: StateDict, pairing: Pairing) -> Iterator[TieChange]:
    forward = {pair.old: pair.new for pair in pairing.pairs}
    back = {pair.new: pair.old for pair in pairing.pairs}
    for names in a.tied.values():
        old = [name for name in names if name in forward]
        new = [forward[name] for name in old]
        if len({b.entries[name].identity for name in new}) > 1:
            yield TieChange(change="untied", old=tuple(old), new=tuple(new))
    for names in b.tied.values():
        new = [name for name in names if name in back]
        old = [back[name] for name in new]
        if len({a.entries[name].identity for name in old}) > 1:
            yield TieChange(change="tied", old=tuple(old), new=tuple(new))


def _is_changed(value: Comparison, *, same_type: bool) -> bool:
    """Return whether values differ; unreadable values of equal dtypes are compared by their bytes."""
    if value.equal is None:
        return same_type and value.identical is False
    return not value.equal


def _summarize_values(
    values: Mapping[str, Comparison], pairing: Pairing, a: StateDict, b: StateDict
) -> ValueSummary:
    old = {pair.new: pair.old for pair in pairing.pairs}
    changed = {
        name: each
        for name, each in values.items()
        if _is_changed(each, same_type=a.entries[old[name]].dtype == b.entries[name].dtype)
    }
    # Step counters change by large numbers; report a floating-point tensor if one changed.
    numbers = [name for name in changed if "int" not in b.entries[name].dtype] or list(changed)
    largest = max(numbers, key=lambda name: changed[name].max_absolute or 0.0, default="")
    identical = sum(each.identical is True for each in values.values())
    equal = sum(each.equal is True and not each.identical for each in values.values())
    return ValueSummary(
        identical=identical,
        equal=equal,
        changed=len(changed),
        unknown=len(values) - identical - equal - len(changed),
        reshaped=len(pairing.pairs) - len(values),
        largest=largest,
        unknown_reason=next((each.not_compared for each in values.values() if each.not_compared), ""),
    )
