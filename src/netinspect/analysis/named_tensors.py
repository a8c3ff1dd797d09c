"""The named tensors of a trace or a checkpoint, in the form that all reports read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from netinspect._utils import units
from netinspect.analysis.checkpoints.totals import memory_key
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from netinspect.records.named_tensors import NamedTensor, TensorStorage
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.trace import Trace
from netinspect.records.values import Layout

_MAX_NAMES = 4
"""Number of other names, and of files, that one tensor lists; a file can give a tensor thousands."""


def named_tensors(source: Trace | Checkpoint) -> tuple[NamedTensor, ...]:
    """Return the parameters and then the buffers of a model, or the tensors of a checkpoint in order.

    Tied tensors are returned under each of their names; all but the first are not counted.
    """
    return _of_trace(source) if isinstance(source, Trace) else _of_checkpoint(source)


def _of_trace(trace: Trace) -> tuple[NamedTensor, ...]:
    entries: list[Parameter | Buffer] = [*trace.parameters, *trace.buffers]
    ties = _Ties.find((entry.identity, entry.name) for entry in entries)
    return tuple(
        NamedTensor(
            name=entry.name,
            kind="parameter" if isinstance(entry, Parameter) else "buffer",
            shape=entry.spec.shape,
            dtype=entry.spec.dtype,
            elements=entry.spec.elements,
            bytes=entry.spec.bytes,
            identity=ties.identities[index],
            counted=ties.is_first(index),
            tied_to=ties.other_names(index),
            trainable=entry.trainable if isinstance(entry, Parameter) else None,
            persistent=isinstance(entry, Parameter) or entry.persistent,
            device=entry.spec.device,
            layout=entry.spec.layout,
            shared_bytes=entry.shared_bytes,
            statistics=entry.statistics,
            distribution=entry.distribution,
            not_read=entry.not_read,
            values=entry.values,
        )
        for index, entry in enumerate(entries)
    )


def _of_checkpoint(checkpoint: Checkpoint) -> tuple[NamedTensor, ...]:
    tensors = checkpoint.tensors
    ties = _Ties.find((memory_key(tensor), tensor.name) for tensor in tensors)
    sharing = Counter(tensor.storage for tensor in tensors)
    files = [file.name for file in checkpoint.files]
    return tuple(
        NamedTensor(
            name=tensor.name,
            kind=tensor.kind,
            shape=tensor.shape,
            dtype=tensor.dtype,
            elements=tensor.elements,
            bytes=tensor.bytes,
            identity=ties.identities[index],
            counted=ties.is_first(index),
            tied_to=ties.other_names(index),
            trainable=tensor.trainable,
            layout=None if tensor.layout == "strided" else Layout(name=tensor.layout),
            shared_bytes=tensor.shared_bytes,
            stored=TensorStorage(
                index=index,
                section=tensor.section,
                file=_file(tensor, files),
                member=tensor.member,
                offset=tensor.position,
                stride=tensor.stride,
                storage=tensor.storage,
                sharing=sharing[tensor.storage],
                storage_bytes=tensor.bytes if tensor.storage_bytes is None else tensor.storage_bytes,
                pieces=tensor.pieces,
            ),
        )
        for index, tensor in enumerate(tensors)
    )


@dataclass(frozen=True, slots=True)
class _Ties:
    """Tensors by index, in groups with the same memory."""

    names: Sequence[str]
    identities: Sequence[int]
    groups: Sequence[Sequence[int]]
    """Indices of the tensors of each identity."""

    @classmethod
    def find(cls, tensors: Iterable[tuple[Hashable, str]]) -> _Ties:
        """Number the memory of tensors, each given by a key of its memory and its name."""
        numbers: dict[Hashable, int] = {}
        names: list[str] = []
        identities: list[int] = []
        groups: list[list[int]] = []
        for index, (key, name) in enumerate(tensors):
            number = numbers.setdefault(key, len(numbers))
            if number == len(groups):
                groups.append([])
            groups[number].append(index)
            names.append(name)
            identities.append(number)
        return cls(names, identities, groups)

    def is_first(self, index: int) -> bool:
        return self.groups[self.identities[index]][0] == index

    def other_names(self, index: int) -> tuple[str, ...]:
        group = self.groups[self.identities[index]][: _MAX_NAMES + 1]
        return tuple(self.names[other] for other in group if other != index)[:_MAX_NAMES]


def _file(tensor: StoredTensor, files: Sequence[str]) -> str | None:
    """Return the name of the file of a tensor, or the names of the files of its pieces."""
    if not tensor.pieces:
        return None if tensor.file is None else files[tensor.file]
    used = dict.fromkeys(each.file for each in tensor.pieces if each.file is not None)
    return units.some([files[each] for each in used], _MAX_NAMES) or None
