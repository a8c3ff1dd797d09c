"""State dict without values: the common form of models and checkpoints that `diff` compares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netinspect._utils import units
from netinspect.analysis.named_tensors import named_tensors
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.trace import Trace
from netinspect.reports.diff.record import DiffSide, DiffTensor
from netinspect.reports.diff.sections import SectionChoice


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors of one side, and the model or checkpoint that they come from."""

    entries: dict[str, NamedTensor]
    """By name within the section, in the order of the state dict."""

    tied: dict[int, list[str]]
    """Names by identity, of tensors with several names."""

    trace: Trace | None = None
    checkpoint: Checkpoint | None = None
    choice: SectionChoice | None = None
    """The section of the checkpoint."""

    duplicates: tuple[str, ...] = ()
    """Names shared by several tensors of the checkpoint, of which the last is used."""

    def tensor_record(self, name: str) -> DiffTensor:
        """Return the record of one tensor."""
        entry = self.entries[name]
        names = self.tied.get(entry.identity, ())
        return DiffTensor(
            name=name,
            shape=entry.shape,
            dtype=entry.dtype,
            elements=entry.elements,
            bytes=entry.bytes,
            kind=entry.kind,
            trainable=entry.trainable,
            tied_to=tuple(each for each in names if each != name),
        )

    def side_record(self) -> DiffSide:
        """Return the record of this side."""
        once = {entry.identity: entry for entry in reversed(self.entries.values())}
        trace, checkpoint, choice = self.trace, self.checkpoint, self.choice
        source = trace if trace is not None else checkpoint
        assert source is not None
        return DiffSide(
            target=source.target,
            kind="model" if trace is not None else "checkpoint",
            what=trace.class_name if trace is not None else checkpoint.format if checkpoint else "",
            section=choice.section if choice is not None else "",
            sections=choice.others if choice is not None else (),
            section_reason=choice.reason if choice is not None else "",
            left_out=choice.left_out if choice is not None else (),
            tensors=len(self.entries),
            elements=sum(entry.elements for entry in once.values()),
            bytes=sum(entry.bytes for entry in once.values()),
            dtypes=tuple(sorted({entry.dtype for entry in self.entries.values()})),
            problems=checkpoint.problems if checkpoint is not None else (),
            warnings=(*source.warnings, *self._duplicate_warnings()),
        )

    def _duplicate_warnings(self) -> tuple[str, ...]:
        if not self.duplicates:
            return ()
        names = units.plural(len(self.duplicates), "name is", "names are")
        return (
            f"{names} shared by several tensors, of which the last is compared: "
            f"{', '.join(self.duplicates[:3])}",
        )


def model_state_dict(trace: Trace) -> StateDict:
    """Return the state dict of a model: its parameters and persistent buffers."""
    found = {each.name: each for each in named_tensors(trace) if each.persistent}
    # The order of `state_dict`: parameters and buffers of a module, then those of the next one.
    order = [name for module in trace.modules for name in (*module.parameters, *module.buffers)]
    entries = {name: found[name] for name in order if name in found} | found
    return StateDict(entries, _group_tied(entries.values()), trace=trace)


def checkpoint_state_dict(checkpoint: Checkpoint, choice: SectionChoice) -> StateDict:
    """Return the chosen section of a checkpoint, with names relative to it."""
    entries: dict[str, NamedTensor] = {}
    duplicates: dict[str, None] = {}
    tensors = named_tensors(checkpoint)
    for index, name in choice.names:
        if name in entries:
            duplicates[name] = None
        tensor = tensors[index]
        entries[name] = tensor if tensor.name == name else replace(tensor, name=name)
    return StateDict(
        entries,
        _group_tied(entries.values()),
        checkpoint=checkpoint,
        choice=choice,
        duplicates=tuple(duplicates),
    )


def is_sized(tensor: NamedTensor) -> bool:
    """Return whether the shape is known; that of a lazy layer is not."""
    return str not in map(type, tensor.shape)


def _group_tied(entries: Iterable[NamedTensor]) -> dict[int, list[str]]:
    groups: dict[int, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry.identity, []).append(entry.name)
    return {identity: names for identity, names in groups.items() if len(names) > 1}
