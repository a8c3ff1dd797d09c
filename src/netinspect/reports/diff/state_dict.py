"""One side of a difference in a form that models and checkpoints share: a state dict without values."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

from netinspect._utils import units
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.trace import Trace
from netinspect.reports.diff.record import DiffSide, DiffTensor
from netinspect.reports.diff.sections import Choice


class StateDictEntry(NamedTuple):
    """One named tensor."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    bytes: int
    memory: Hashable
    """Equal for names of the same memory, and for no others."""

    kind: Literal["parameter", "buffer", "tensor"]
    trainable: bool | None
    number: int
    """Which of the checkpoint's tensors it is; of no meaning for a model."""

    @property
    def is_sized(self) -> bool:
        """Whether its shape is known: that of a lazy layer is not."""
        return str not in map(type, self.shape)

    @property
    def elements(self) -> int:
        """Number of its elements; 0 where a size is not a number."""
        return prod(self.shape) if self.is_sized else 0  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class StateDict:
    """One side."""

    members: dict[str, StateDictEntry]
    """By name, in the order of the state dict."""

    tied: dict[Hashable, list[str]]
    """Names by memory, where there are several."""

    trace: Trace | None = None
    checkpoint: Checkpoint | None = None
    choice: Choice | None = None
    """Which part of the checkpoint it is."""

    doubled: tuple[str, ...] = ()
    """Names that stand for several tensors of the checkpoint, of which the last is taken."""

    def described(self, name: str) -> DiffTensor:
        """Return the record of one of its tensors."""
        member = self.members[name]
        names = self.tied.get(member.memory, ())
        return DiffTensor(
            name=name,
            shape=member.shape,
            dtype=member.dtype,
            elements=member.elements,
            bytes=member.bytes,
            kind=member.kind,
            trainable=member.trainable,
            tied_to=tuple(each for each in names if each != name),
        )

    def record(self) -> DiffSide:
        """Return its head."""
        once = {member.memory: member for member in reversed(self.members.values())}
        trace, checkpoint, choice = self.trace, self.checkpoint, self.choice
        header = trace if trace is not None else checkpoint
        assert header is not None
        return DiffSide(
            target=header.target,
            kind="model" if trace is not None else "checkpoint",
            what=trace.class_name if trace is not None else checkpoint.format if checkpoint else "",
            section=choice.section if choice is not None else "",
            sections=choice.others if choice is not None else (),
            chosen=choice.why if choice is not None else "",
            left_out=choice.left_out if choice is not None else (),
            tensors=len(self.members),
            elements=sum(member.elements for member in once.values()),
            bytes=sum(member.bytes for member in once.values()),
            dtypes=tuple(sorted({member.dtype for member in self.members.values()})),
            problems=checkpoint.problems if checkpoint is not None else (),
            warnings=(*header.warnings, *self._of_doubled()),
        )

    def _of_doubled(self) -> tuple[str, ...]:
        if not self.doubled:
            return ()
        names = units.plural(len(self.doubled), "name stands", "names stand")
        return (
            f"{names} for several tensors, of which the last is compared: {', '.join(self.doubled[:3])}",
        )


def side_of_trace(trace: Trace) -> StateDict:
    """Take the state dict of a model: its parameters and persistent buffers."""
    found = {
        each.name: StateDictEntry(
            each.name, each.spec.shape, each.spec.dtype, each.spec.bytes,
            each.identity, "parameter", each.trainable, 0,
        )
        for each in trace.parameters
    }  # fmt: skip
    for each in trace.buffers:
        if each.persistent:
            found[each.name] = StateDictEntry(
                each.name, each.spec.shape, each.spec.dtype, each.spec.bytes,
                each.identity, "buffer", None, 0,
            )  # fmt: skip
    # As `state_dict` has them: the parameters and buffers of a module, then those of the next.
    order = [name for module in trace.modules for name in (*module.parameters, *module.buffers)]
    members = {name: found[name] for name in order if name in found} | found
    return StateDict(members, _tied(members.values()), trace=trace)


def side_of_checkpoint(checkpoint: Checkpoint, choice: Choice) -> StateDict:
    """Take the chosen part of a checkpoint, by the names that stand in it."""
    members: dict[str, StateDictEntry] = {}
    doubled: dict[str, None] = {}
    for index, name in choice.names:
        each = checkpoint.tensors[index]
        # What takes no memory shares none.
        memory: Hashable = (each.storage, each.position) if each.bytes else ("empty", index)
        if name in members:
            doubled[name] = None
        members[name] = StateDictEntry(
            name, each.shape, each.dtype, each.bytes, memory, each.kind, each.trainable, index
        )
    return StateDict(
        members,
        _tied(members.values()),
        checkpoint=checkpoint,
        choice=choice,
        doubled=tuple(doubled),
    )


def _tied(members: Iterable[StateDictEntry]) -> dict[Hashable, list[str]]:
    groups: dict[Hashable, list[str]] = {}
    for member in members:
        groups.setdefault(member.memory, []).append(member.name)
    return {memory: names for memory, names in groups.items() if len(names) > 1}
