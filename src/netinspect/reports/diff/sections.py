"""Choice of the section of a checkpoint to compare.

A training checkpoint holds several dictionaries: the model's state dict, a moving average of it, the
optimizer's state. The section whose names and shapes match the other side best is chosen; among equally
good ones, the section with the most usual name of a model's state dict.
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
"""Usual keys of a model's state dict, the most common first."""

_MAX_CANDIDATES = 12
"""Maximum number of candidate sections, the largest first; a file may have thousands."""

Signature = tuple[str, tuple[int | str, ...]]


@dataclass(frozen=True, slots=True)
class SectionChoice:
    """The section of a checkpoint that is compared."""

    section: str
    """Keys that lead to it."""

    others: tuple[str, ...]
    """Further sections that are compared, under their full names."""

    reason: str
    """Why it was chosen; empty if there was no choice."""

    names: tuple[tuple[int, str], ...]
    """Index in `Checkpoint.tensors` and name within the section of each tensor."""

    left_out: tuple[LeftOut, ...]


def signatures(names_and_shapes: Iterable[tuple[str, tuple[int | str, ...]]]) -> Counter[Signature]:
    """Count tensors by last name component and shape, which no prefix changes."""
    return Counter((name.rpartition(".")[2], shape) for name, shape in names_and_shapes)


def choose_for_model(
    checkpoint: Checkpoint, wanted: Counter[Signature], section: str | None
) -> SectionChoice:
    """Choose the section that matches a model.

    Args:
        checkpoint: The checkpoint.
        wanted: Signatures of the model's tensors.
        section: The section that the user asked for; None to choose.

    Raises:
        UsageError: The section does not exist.
    """
    candidates = _candidates(checkpoint)
    if section is not None:
        return _choose_asked(checkpoint, section)
    if len(candidates) == 1:
        return _build_choice(checkpoint, candidates[0], "")
    fits = {each: _overlap(_section_signatures(checkpoint, each), wanted) for each in candidates}
    best = max(candidates, key=lambda each: (fits[each], _name_rank(each), len(each)))
    return _build_choice(checkpoint, best, _choice_reason(best, fits[best], fits))


def choose_for_both(
    a: Checkpoint, b: Checkpoint, section_a: str | None, section_b: str | None
) -> tuple[SectionChoice, SectionChoice]:
    """Choose the sections of two checkpoints that match each other best.

    If both have the model under the same key and more keys in common, those are compared too,
    including optimizers.

    Raises:
        UsageError: The requested section does not exist.
    """
    asked_a = None if section_a is None else _choose_asked(a, section_a)
    asked_b = None if section_b is None else _choose_asked(b, section_b)
    if section_a is not None and asked_a is not None:
        return asked_a, asked_b or _choose_matching(b, _section_signatures(a, section_a), section_a)
    if section_b is not None and asked_b is not None:
        return _choose_matching(a, _section_signatures(b, section_b), section_b), asked_b
    candidates_a, candidates_b = _candidates(a), _candidates(b)
    if len(candidates_a) == len(candidates_b) == 1 and candidates_a == candidates_b:
        return _build_choice(a, candidates_a[0], ""), _build_choice(b, candidates_b[0], "")
    signatures_a = {each: _section_signatures(a, each) for each in candidates_a}
    signatures_b = {each: _section_signatures(b, each) for each in candidates_b}
    fits = {
        (x, y): _overlap(signatures_a[x], signatures_b[y]) for x in candidates_a for y in candidates_b
    }
    x, y = max(
        fits, key=lambda each: (fits[each], each[0] == each[1], _name_rank(each[0]), _name_rank(each[1]))
    )
    if x == y and x:
        shared = _top_level_keys(a) & _top_level_keys(b)
        if shared - {x.partition(".")[0]}:
            return _choose_shared(a, x, shared), _choose_shared(b, x, shared)
    of_a = {each: fits[each, y] for each in candidates_a}
    of_b = {each: fits[x, each] for each in candidates_b}
    return _build_choice(a, x, _choice_reason(x, fits[x, y], of_a)), _build_choice(
        b, y, _choice_reason(y, fits[x, y], of_b)
    )


def _choose_matching(checkpoint: Checkpoint, wanted: Counter[Signature], section: str) -> SectionChoice:
    """Choose the section that matches one of the other checkpoint, which has no counterpart by name."""
    choice = choose_for_model(checkpoint, wanted, None)
    found = signatures((name, checkpoint.tensors[number].shape) for number, name in choice.names)
    if not found & wanted:
        raise unknown_section(checkpoint, section)  # the candidates have no tensor in common with it
    return choice


def _candidates(checkpoint: Checkpoint) -> list[str]:
    """Return sections that may be a model's state dict, those with most tensors first."""
    counts = Counter(tensor.section for tensor in checkpoint.tensors)
    for section, count in list(counts.items()):
        # Each part of a model may have its own dictionary; the section above them has all.
        while section:
            section = section.rpartition(".")[0]
            counts[section] += count
    is_optimizer = within(optimizer_paths(checkpoint, schedulers=True))
    models = [each for each in counts if each and not is_optimizer(each)]
    direct = {tensor.section for tensor in checkpoint.tensors}
    # The whole file is a candidate if it holds tensors directly or several sections do.
    if "" in direct or len([each for each in models if each in direct]) != 1:
        models.append("")
    return sorted(models, key=lambda each: (-counts[each], len(each)))[:_MAX_CANDIDATES]


def has_section(checkpoint: Checkpoint, section: str) -> bool:
    """Return whether a checkpoint has this section; the empty name means the whole checkpoint."""
    return not section or section in _all_sections(checkpoint)


def _all_sections(checkpoint: Checkpoint) -> dict[str, None]:
    known: dict[str, None] = {}
    for each in dict.fromkeys(tensor.section for tensor in checkpoint.tensors):
        while each:
            known[each] = None
            each = each.rpartition(".")[0]
    return known


def unknown_section(checkpoint: Checkpoint, section: str) -> UsageError:
    """Return the error for a section that the checkpoint does not have."""
    known = _all_sections(checkpoint)
    listed = ", ".join(list(known)[:_MAX_CANDIDATES])
    return UsageError(
        f"{checkpoint.target} has no section {section!r}",
        hint=suggestion(section, known)
        or (f"it has: {listed}" if known else "it is one flat dictionary: remove --section"),
    )


def _choose_asked(checkpoint: Checkpoint, section: str) -> SectionChoice:
    """Choose the section that the user asked for."""
    if not has_section(checkpoint, section):
        raise unknown_section(checkpoint, section)
    return _build_choice(checkpoint, section, "")


def _section_tensors(checkpoint: Checkpoint, section: str) -> Iterable[tuple[int, str]]:
    start = f"{section}." if section else ""
    is_optimizer = within(optimizer_paths(checkpoint, schedulers=True))
    takes_all = is_optimizer(section)
    for index, tensor in enumerate(checkpoint.tensors):
        inside = tensor.section == section or not section or tensor.section.startswith(start)
        # Names in the state of an optimizer are not names of a model.
        if inside and (takes_all or not is_optimizer(tensor.section)):
            yield index, tensor.name[len(start) :]


def _section_signatures(checkpoint: Checkpoint, section: str) -> Counter[Signature]:
    return signatures(
        (name, checkpoint.tensors[index].shape) for index, name in _section_tensors(checkpoint, section)
    )


def _overlap(one: Counter[Signature], other: Counter[Signature]) -> float:
    """Return the share of tensors that both have in common, between 0 and 1."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _name_rank(section: str) -> int:
    last = section.rpartition(".")[2]
    return -_MODEL_NAMES.index(last) if last in _MODEL_NAMES else -len(_MODEL_NAMES)


def _choice_reason(best: str, fit: float, fits: Mapping[str, float]) -> str:
    others = [each for each, other in fits.items() if each != best]
    if not others:
        return ""
    if any(fits[each] == fit for each in others):
        return "several sections match equally well"
    return "best match with the other side"


def _build_choice(checkpoint: Checkpoint, section: str, reason: str) -> SectionChoice:
    names = tuple(_section_tensors(checkpoint, section))
    return SectionChoice(section, (), reason, names, _left_out(checkpoint, names))


def _top_level_keys(checkpoint: Checkpoint) -> set[str]:
    return {tensor.section.partition(".")[0] for tensor in checkpoint.tensors}


def _choose_shared(checkpoint: Checkpoint, section: str, shared: set[str]) -> SectionChoice:
    names = tuple(
        (index, tensor.name)
        for index, tensor in enumerate(checkpoint.tensors)
        if tensor.section.partition(".")[0] in shared
    )
    others = tuple(sorted(each for each in shared - {section.partition(".")[0]} if each))
    left_out = _left_out(checkpoint, names)
    return SectionChoice(section, others, "both checkpoints have it", names, left_out)


def _left_out(checkpoint: Checkpoint, names: Iterable[tuple[int, str]]) -> tuple[LeftOut, ...]:
    taken = {index for index, _ in names}
    tensors: dict[str, Sequence[int]] = {}
    for index, tensor in enumerate(checkpoint.tensors):
        if index not in taken:
            top = tensor.section.partition(".")[0]
            count, size = tensors.get(top, (0, 0))
            tensors[top] = (count + 1, size + tensor.bytes)
    return tuple(
        LeftOut(section=section, tensors=count, bytes=size) for section, (count, size) in tensors.items()
    )
