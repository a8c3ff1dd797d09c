"""Which part of a checkpoint is the state dict that shall be compared.

A training checkpoint holds several dictionaries: the model's, a moving average of it, the optimizer's.
The one that is taken is that whose names and sizes fit the other side best; where several fit equally,
the one that by its name is the model's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netinspect.analysis.checkpoints.optimizer_states import optimizer_paths, within
from netinspect.errors import UsageError, suggestion
from netinspect.records.checkpoint import Checkpoint
from netinspect.reports.diff.record import LeftOut

_MODEL_NAMES = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
)
"""Keys under which a model's own state dict is kept, the commonest first."""

_MOST_CANDIDATES = 12
"""Dictionaries that are tried; a file may have thousands, and the largest come first."""

Tail = tuple[str, tuple[int | str, ...]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The part of a checkpoint that is compared."""

    section: str
    """Keys that lead to it."""

    others: tuple[str, ...]
    """Further parts that are compared, under their whole names."""

    why: str
    """Empty where there was no choice."""

    names: tuple[tuple[int, str], ...]
    """Which tensors, and the names that they have in it."""

    left_out: tuple[LeftOut, ...]


def tails(names_and_shapes: Iterable[tuple[str, tuple[int | str, ...]]]) -> Counter[Tail]:
    """Count tensors by the end of their name and their size, which no prefix changes."""
    return Counter((name.rpartition(".")[2], shape) for name, shape in names_and_shapes)


def choose_for_model(checkpoint: Checkpoint, wanted: Counter[Tail], section: str | None) -> Choice:
    """Choose the part that fits a model.

    Args:
        checkpoint: The checkpoint.
        wanted: The model's tensors, by `tails`.
        section: The part that the user named; None to choose.

    Raises:
        UsageError: There is no such part.
    """
    candidates = _candidates(checkpoint)
    if section is not None:
        return _choice(checkpoint, _named(checkpoint, section), "")
    if len(candidates) == 1:
        return _choice(checkpoint, candidates[0], "")
    fits = {each: _fit(_tails_of(checkpoint, each), wanted) for each in candidates}
    best = max(candidates, key=lambda each: (fits[each], _rank(each), len(each)))
    return _choice(checkpoint, best, _why(best, fits[best], fits))


def choose_for_both(
    a: Checkpoint, b: Checkpoint, section_a: str | None, section_b: str | None
) -> tuple[Choice, Choice]:
    """Choose the parts of two checkpoints that fit each other best.

    Where both have the model under the same key, and more keys in common, those are compared too,
    optimizers among them.

    Raises:
        UsageError: There is no part that was named.
    """
    if section_a is not None and section_b is not None:
        return _choice(a, _named(a, section_a), ""), _choice(b, _named(b, section_b), "")
    if section_a is not None:
        chosen = _choice(a, _named(a, section_a), "")
        return chosen, _choose_matching(b, _tails_of(a, section_a), section_a)
    if section_b is not None:
        chosen = _choice(b, _named(b, section_b), "")
        return _choose_matching(a, _tails_of(b, section_b), section_b), chosen
    candidates_a, candidates_b = _candidates(a), _candidates(b)
    if len(candidates_a) == len(candidates_b) == 1 and candidates_a == candidates_b:
        return _choice(a, candidates_a[0], ""), _choice(b, candidates_b[0], "")
    tails_a = {each: _tails_of(a, each) for each in candidates_a}
    tails_b = {each: _tails_of(b, each) for each in candidates_b}
    fits = {(x, y): _fit(tails_a[x], tails_b[y]) for x in candidates_a for y in candidates_b}
    x, y = max(fits, key=lambda each: (fits[each], each[0] == each[1], _rank(each[0]), _rank(each[1])))
    if x == y and x:
        shared = _tops(a) & _tops(b)
        if shared - {x.partition(".")[0]}:
            return _shared(a, x, shared), _shared(b, x, shared)
    of_a = {each: fits[each, y] for each in candidates_a}
    of_b = {each: fits[x, each] for each in candidates_b}
    return _choice(a, x, _why(x, fits[x, y], of_a)), _choice(b, y, _why(y, fits[x, y], of_b))


def _choose_matching(checkpoint: Checkpoint, wanted: Counter[Tail], section: str) -> Choice:
    """Choose what fits a part that was named, and that this checkpoint has not."""
    choice = choose_for_model(checkpoint, wanted, None)
    found = tails((name, checkpoint.tensors[number].shape) for number, name in choice.names)
    if not found & wanted:
        raise no_section(checkpoint, section)  # what is there is something else
    return choice


def _candidates(checkpoint: Checkpoint) -> list[str]:
    """Dictionaries that may be a model's state dict, those with most tensors first."""
    counts = Counter(tensor.section for tensor in checkpoint.tensors)
    for section, count in list(counts.items()):
        # Each part of a model may have a dictionary of its own; together they are those above them.
        while section:
            section = section.rpartition(".")[0]
            counts[section] += count
    is_optimizer = within(optimizer_paths(checkpoint, schedulers=True))
    models = [each for each in counts if each and not is_optimizer(each)]
    direct = {tensor.section for tensor in checkpoint.tensors}
    # The whole file is a state dict if tensors stand in it beside no others, or several parts do.
    if "" in direct or len([each for each in models if each in direct]) != 1:
        models.append("")
    return sorted(models, key=lambda each: (-counts[each], len(each)))[:_MOST_CANDIDATES]


def has_section(checkpoint: Checkpoint, section: str) -> bool:
    """Whether a checkpoint has such a part; all of it is one, by the empty name."""
    return not section or section in _known(checkpoint)


def _known(checkpoint: Checkpoint) -> dict[str, None]:
    known: dict[str, None] = {}
    for each in dict.fromkeys(tensor.section for tensor in checkpoint.tensors):
        while each:
            known[each] = None
            each = each.rpartition(".")[0]
    return known


def no_section(checkpoint: Checkpoint, section: str) -> UsageError:
    """Make the error of a part that a checkpoint has not."""
    known = _known(checkpoint)
    listed = ", ".join(list(known)[:_MOST_CANDIDATES])
    return UsageError(
        f"{checkpoint.target} has no section {section!r}",
        hint=suggestion(section, known)
        or (f"it has: {listed}" if known else "it is one flat dictionary: leave --section out"),
    )


def _named(checkpoint: Checkpoint, section: str) -> str:
    if not has_section(checkpoint, section):
        raise no_section(checkpoint, section)
    return section


def _members(checkpoint: Checkpoint, section: str) -> Iterable[tuple[int, str]]:
    start = f"{section}." if section else ""
    is_optimizer = within(optimizer_paths(checkpoint, schedulers=True))
    takes_all = is_optimizer(section)
    for index, tensor in enumerate(checkpoint.tensors):
        inside = tensor.section == section or not section or tensor.section.startswith(start)
        # The optimizer's own names mean nothing to a model.
        if inside and (takes_all or not is_optimizer(tensor.section)):
            yield index, tensor.name[len(start) :]


def _tails_of(checkpoint: Checkpoint, section: str) -> Counter[Tail]:
    return tails(
        (name, checkpoint.tensors[index].shape) for index, name in _members(checkpoint, section)
    )


def _fit(one: Counter[Tail], other: Counter[Tail]) -> float:
    """The share of both that is in both."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _rank(section: str) -> int:
    last = section.rpartition(".")[2]
    return -_MODEL_NAMES.index(last) if last in _MODEL_NAMES else -len(_MODEL_NAMES)


def _why(best: str, fit: float, fits: Mapping[str, float]) -> str:
    others = [each for each, other in fits.items() if each != best]
    if not others:
        return ""
    if any(fits[each] == fit for each in others):
        return "of several that fit alike"
    return "it fits the other side best"


def _choice(checkpoint: Checkpoint, section: str, why: str) -> Choice:
    names = tuple(_members(checkpoint, section))
    return Choice(section, (), why, names, _left_out(checkpoint, {index for index, _ in names}))


def _tops(checkpoint: Checkpoint) -> set[str]:
    return {tensor.section.partition(".")[0] for tensor in checkpoint.tensors}


def _shared(checkpoint: Checkpoint, section: str, shared: set[str]) -> Choice:
    names = tuple(
        (index, tensor.name)
        for index, tensor in enumerate(checkpoint.tensors)
        if tensor.section.partition(".")[0] in shared
    )
    others = tuple(sorted(each for each in shared - {section.partition(".")[0]} if each))
    left_out = _left_out(checkpoint, {index for index, _ in names})
    return Choice(section, others, "both sides have it", names, left_out)


def _left_out(checkpoint: Checkpoint, taken: set[int]) -> tuple[LeftOut, ...]:
    tensors: dict[str, Sequence[int]] = {}
    for index, tensor in enumerate(checkpoint.tensors):
        if index not in taken:
            top = tensor.section.partition(".")[0]
            count, size = tensors.get(top, (0, 0))
            tensors[top] = (count + 1, size + tensor.bytes)
    return tuple(
        LeftOut(section=section, tensors=count, bytes=size) for section, (count, size) in tensors.items()
    )
