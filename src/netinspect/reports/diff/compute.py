"""Two sides to the report of their difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.comparison import Comparison
from netinspect.records.trace import Trace
from netinspect.reports.diff.counts import group
from netinspect.reports.diff.loading import build_loading
from netinspect.reports.diff.modules import compare_modules
from netinspect.reports.diff.pairing import Pair, Pairing
from netinspect.reports.diff.record import (
    Diff,
    DiffRow,
    ModuleChange,
    MovedValues,
    OpenChoice,
    TieChange,
    ValueSummary,
)
from netinspect.reports.diff.sections import (
    choose_for_both,
    choose_for_model,
    has_section,
    no_section,
    tails,
)
from netinspect.reports.diff.state_dict import (
    StateDict,
    StateDictEntry,
    side_of_checkpoint,
    side_of_trace,
)

Differences = Literal["name", "shape", "dtype", "trainable", "kind", "values"]


def take_sides(
    a: Trace | Checkpoint, b: Trace | Checkpoint, section: str | None = None
) -> tuple[StateDict, StateDict]:
    """Bring two subjects to one form.

    Args:
        a: One header.
        b: The other.
        section: Keys that lead to the part of a checkpoint that shall be compared; None to choose.

    Raises:
        UsageError: Neither has such a part.
    """
    if section is not None:
        _check_section(a, b, section)
    if isinstance(a, Checkpoint) and isinstance(b, Checkpoint):
        wanted = [
            section if section is not None and has_section(each, section) else None for each in (a, b)
        ]
        choice_a, choice_b = choose_for_both(a, b, *wanted)
        return side_of_checkpoint(a, choice_a), side_of_checkpoint(b, choice_b)
    if isinstance(a, Checkpoint):
        assert isinstance(b, Trace)
        model = side_of_trace(b)
        return _matching_sections(a, model, section), model
    model = side_of_trace(a)
    return model, side_of_trace(b) if isinstance(b, Trace) else _matching_sections(b, model, section)


def _matching_sections(checkpoint: Checkpoint, model: StateDict, section: str | None) -> StateDict:
    wanted = tails((name, member.shape) for name, member in model.members.items())
    return side_of_checkpoint(checkpoint, choose_for_model(checkpoint, wanted, section))


def _check_section(a: Trace | Checkpoint, b: Trace | Checkpoint, section: str) -> None:
    checkpoints = [each for each in (a, b) if isinstance(each, Checkpoint)]
    if not checkpoints:
        raise UsageError(
            "--section is for checkpoints, and both sides are models", hint="leave --section out"
        )
    if not any(has_section(each, section) for each in checkpoints):
        raise no_section(checkpoints[0], section)


def report(
    a: StateDict,
    b: StateDict,
    pairing: Pairing,
    *,
    values: Mapping[str, Comparison] | None = None,
    moved: Sequence[tuple[str, str]] = (),
    shows: Literal["changes", "counts"] = "changes",
    fold: bool = True,
    sort: str | None = None,
) -> Diff:
    """Tell the difference of two sides.

    Args:
        a: One side.
        b: The other.
        pairing: Which names of both are the same tensor.
        values: How the values of pairs differ, by the names of `b`; None where they were not compared.
        moved: Names in `a` and in `b` that are no pair, and have the same values.
        shows: What the view shows.
        fold: Whether the view folds changes that are identical.
        sort: `change` for the largest change of values first; None for the order of the names.
    """
    rows = list(_rows(a, b, pairing, values))
    ties = tuple(_tie_changes(a, b, pairing))
    modules: tuple[ModuleChange, ...] = ()
    if a.trace is not None and b.trace is not None:
        modules = tuple(compare_modules(a.trace, b.trace, pairing))
    counts = Counter(row.change for row in rows)
    return Diff(
        a=a.record(),
        b=b.record(),
        differs=bool(rows or ties or modules),
        same=len(pairing.pairs) - counts["changed"] - counts["renamed"],
        added=counts["added"],
        removed=counts["removed"],
        changed=counts["changed"],
        renamed=counts["renamed"],
        rows=tuple(sorted(rows, key=_largest_first) if sort == "change" else rows),
        renames=pairing.renames,
        guesses=pairing.guesses,
        open_choices=tuple(
            OpenChoice(old=one.old, new=one.new, other_old=other.old, other_new=other.new, names=names)
            for one, other, names in pairing.open_choices
        ),
        moved=tuple(MovedValues(old=old, new=new) for old, new in moved),
        ties=ties,
        modules=modules,
        loading=build_loading(a, b, pairing),
        groups=group(a, b, pairing, rows),
        values=None if values is None else _summary(values, pairing, a, b),
        shows=shows,
        fold=fold,
    )


def _rows(
    a: StateDict, b: StateDict, pairing: Pairing, values: Mapping[str, Comparison] | None
) -> Iterator[DiffRow]:
    """All that is not the same, in the order of `b`, what was removed behind what was before it."""
    place = {name: number for number, name in enumerate(b.members)}
    partner = {pair.old: pair.new for pair in pairing.pairs}
    removed: dict[int, list[str]] = {}
    at = -1
    for name in a.members:
        if name in partner:
            at = place[partner[name]]
        else:
            removed.setdefault(at, []).append(name)
    paired = {pair.new: pair for pair in pairing.pairs}
    gone, come = _branches(partner, pairing.removed), _branches(paired, pairing.added)
    came_from = {new: old for old, new in pairing.perhaps.items()}
    yield from (_removed(a, name, pairing, gone[name]) for name in removed.get(-1, ()))
    for number, name in enumerate(b.members):
        pair = paired.get(name)
        if pair is None:
            yield DiffRow(
                change="added",
                old=None,
                new=b.described(name),
                differs=(),
                renames=(),
                perhaps=came_from.get(name, ""),
                branch=come[name],
            )
        else:
            value = values.get(name) if values is not None else None
            row = _pair_row(a, b, pair, value)
            if row is not None:
                yield row
        yield from (_removed(a, each, pairing, gone[each]) for each in removed.get(number, ()))


def _branches(paired: Iterable[str], alone: Iterable[str]) -> dict[str, str]:
    """Return, for names without a partner, the largest module around them in which nothing has one."""
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


def _removed(a: StateDict, name: str, pairing: Pairing, branch: str) -> DiffRow:
    return DiffRow(
        change="removed",
        old=a.described(name),
        new=None,
        differs=(),
        renames=(),
        perhaps=pairing.perhaps.get(name, ""),
        branch=branch,
    )


def _pair_row(a: StateDict, b: StateDict, pair: Pair, value: Comparison | None) -> DiffRow | None:
    one, other = a.members[pair.old], b.members[pair.new]
    differs = tuple(_differences(one, other, value))
    if not differs:
        return None
    return DiffRow(
        change="renamed" if differs == ("name",) else "changed",
        old=a.described(pair.old),
        new=b.described(pair.new),
        differs=differs,
        renames=pair.renames,
        perhaps="",
        values=value,
    )


def _differences(
    one: StateDictEntry, other: StateDictEntry, value: Comparison | None
) -> Iterator[Differences]:
    if one.name != other.name:
        yield "name"
    if one.shape != other.shape and one.is_sized and other.is_sized:
        yield "shape"
    if one.dtype != other.dtype:
        yield "dtype"
    if None not in (one.trainable, other.trainable) and one.trainable != other.trainable:
        yield "trainable"
    if "tensor" not in (one.kind, other.kind) and one.kind != other.kind:
        yield "kind"
    if value is not None and _is_changed(value, same_type=one.dtype == other.dtype):
        yield "values"


def check_sort(sort: str | None, *, values: bool) -> None:
    """Check what rows shall be sorted by, before values are read.

    Raises:
        UsageError: It is no such word, or there are no values to sort by.
    """
    if sort is None:
        return
    if sort != "change":
        raise UsageError(f"cannot sort by {sort!r}", hint="--sort change: the largest change first")
    if not values:
        raise UsageError("--sort change needs the values", hint="add --compare-values")


def _largest_first(row: DiffRow) -> tuple[int, float]:
    """Names that came and went first; then what could not be compared; then the largest change."""
    if row.old is None or row.new is None:
        return 0, 0.0
    if row.values is None or row.values.max_absolute is None:
        return 1, 0.0
    return 2, -row.values.max_absolute


def _tie_changes(a: StateDict, b: StateDict, pairing: Pairing) -> Iterator[TieChange]:
    forward = {pair.old: pair.new for pair in pairing.pairs}
    back = {pair.new: pair.old for pair in pairing.pairs}
    for names in a.tied.values():
        old = [name for name in names if name in forward]
        new = [forward[name] for name in old]
        if len({b.members[name].memory for name in new}) > 1:
            yield TieChange(change="untied", old=tuple(old), new=tuple(new))
    for names in b.tied.values():
        new = [name for name in names if name in back]
        old = [back[name] for name in new]
        if len({a.members[name].memory for name in old}) > 1:
            yield TieChange(change="tied", old=tuple(old), new=tuple(new))


def _is_changed(value: Comparison, *, same_type: bool) -> bool:
    """Whether values differ; where they cannot be read, and the type is the same, the bytes tell."""
    if value.equal is None:
        return same_type and value.identical is False
    return not value.equal


def _summary(
    values: Mapping[str, Comparison], pairing: Pairing, a: StateDict, b: StateDict
) -> ValueSummary:
    old = {pair.new: pair.old for pair in pairing.pairs}
    changed = {
        name: each
        for name, each in values.items()
        if _is_changed(each, same_type=a.members[old[name]].dtype == b.members[name].dtype)
    }
    # A counter that went on by a thousand is not what changed most.
    numbers = [name for name in changed if "int" not in b.members[name].dtype] or list(changed)
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
        why_unknown=next((each.not_compared for each in values.values() if each.not_compared), ""),
    )
