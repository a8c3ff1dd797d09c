"""Collection of the content of all pickles of one file as records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from netinspect._utils import units
from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.io.short_text import some
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.storages import Storages
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensor_extractor import MOST_ENTRIES, Found, Kinds, TensorExtractor
from netinspect.checkpoints.pickle.tensor_facts import Tensor
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.errors import CheckpointError
from netinspect.records.base import replace
from netinspect.records.checkpoint import (
    Checkpoint,
    Entry,
    Global,
    ModuleVersion,
    StoredModule,
    StoredSection,
    StoredTensor,
)


class Content:
    """Tensors, values, modules and globals of one file, collected pickle by pickle."""

    def __init__(self, source: ByteSource) -> None:
        """Create an empty collection."""
        self.source = source
        self.tensors: list[StoredTensor] = []
        self.metadata: list[Entry] = []
        self.modules: list[StoredModule] = []
        self.versions: list[ModuleVersion] = []
        self.sections: list[StoredSection] = []
        self.globals: list[Global] = []
        self.warnings: list[str] = []
        self.swapped = False
        """True if numbers are stored in the opposite byte order."""

        self.next_storage = 0
        """Lowest unused number of a storage."""

    def checkpoint(self, format: str, warnings: Iterable[str] = ()) -> Checkpoint:
        """Build the record of the file.

        Args:
            format: The format of the file.
            warnings: Warnings to add to those of the pickles.
        """
        return Checkpoint(
            target=self.source.name,
            format=format,
            files=(self.source.stored_file(),),
            tensors=tuple(self.tensors),
            metadata=tuple(self.metadata),
            modules=tuple(self.modules),
            versions=tuple(self.versions),
            sections=tuple(self.sections),
            globals=tuple(self.globals),
            warnings=(*self.warnings, *warnings),
        )

    def add(
        self,
        value: Any,
        tensors: Tensors,
        place: Callable[[Storages], None],
        *,
        name: str = "",
        kinds: Kinds | None = None,
    ) -> None:
        """Add the content of one pickle.

        Args:
            value: The object of the pickle.
            tensors: Builds its tensors.
            place: Locates the storages in the file once all of them are known; may raise.
            name: Prefix of all names.
            kinds: For TorchScript, the kinds of the attributes of each class.

        Raises:
            CheckpointError: The pickle describes an impossible tensor.
        """
        walk, storages = TensorExtractor(tensors, kinds=kinds), tensors.storages
        with readable(self.source):
            walk.go(value, name)
        place(storages)
        first = self.next_storage
        owners: dict[Any, int] = {}
        for each in walk.found:
            stored = self._stored(each, storages, first)
            # The memory of an earlier tensor that is part of this one is already counted.
            shared = sum(
                size
                for memory, size in each.tensor.parts or ((each.tensor.memory(), each.tensor.bytes),)
                if owners.setdefault(memory, stored.storage) != stored.storage
            )
            self.tensors.append(replace(stored, shared_bytes=shared) if shared else stored)
        self.next_storage = first + storages.number()
        self.metadata += walk.entries
        self.modules += walk.modules
        self.versions += walk.versions
        used = {each.section for each in walk.found}
        self.sections += [each for each in walk.sections if each.section in used]
        if walk.left_out:
            self.warnings.append(
                f"{walk.left_out:,} more plain values are left out: {MOST_ENTRIES:,} are listed"
            )

    def take(self, name: str, section: str, tensor: Tensor) -> None:
        """Add one tensor whose storage already has its final number."""
        self.tensors.append(self._stored(Found(name, section, tensor, tensor.kind), Storages(), 0))

    def name(self, names: Names, member: str = "") -> None:
        """Add the globals that one pickle would import."""
        self.globals += globals_of(names, member)
        if names.dropped:
            objects = units.plural(names.dropped, "object")
            self.warnings.append(
                f"{objects} left on the stack at the end of the pickle: loaders drop what is there, and "
                "it is not listed"
            )

    def warn_of_names(self) -> None:
        """Warn of globals that loading would import in addition to those of tensors."""
        others = _others(self)
        if others:
            self.warnings.append(
                f"loading it would import {units.plural(len(others), 'name')} that tensors do not need: "
                f"{some(others)}; netinspect globals lists them, and nothing was executed"
            )

    def _stored(self, found: Found, storages: Storages, first: int) -> StoredTensor:
        tensor, storage = found.tensor, found.tensor.storage
        position = None
        if storage is not None and storage.position is not None:
            position = storage.position + tensor.shift
        return StoredTensor(
            name=found.name,
            dtype=tensor.dtype,
            shape=tensor.shape,
            bytes=tensor.bytes,
            storage=first
            + (storages.number_of_several(tensor.memory()) if storage is None else storage.number),
            file=0 if tensor.stored else None,
            position=position,
            section=found.section,
            member="" if storage is None else storage.member,
            stride=tensor.stride,
            storage_bytes=(
                storage.bytes if storage is not None and storage.bytes > tensor.bytes else None
            ),
            kind=found.kind,
            trainable=tensor.trainable,
            layout=tensor.layout,
            byte_order="big" if self.swapped and BITS.get(tensor.dtype, 8) > 8 else "little",
        )


def globals_of(names: Names, member: str = "") -> list[Global]:
    """Return the globals that a pickle would import, in the order of their first use."""
    return [
        Global(
            name=named.path,
            uses=named.uses,
            verdict="needed" if names.is_needed(named) else "other",
            member=member,
            position=named.position,
            arguments="" if names.is_needed(named) else named.arguments,
        )
        for named in names.all()
    ]


@contextmanager
def readable(source: ByteSource, member: str = "") -> Iterator[None]:
    """Report a pickle that cannot be read as an error of its file."""
    try:
        yield
    except PickleError as error:
        where = f" in {member!r}" if member else ""
        raise CheckpointError(
            f"{source.name} holds a damaged pickle{where}",
            cause=str(error),
            hint="netinspect globals lists what it would import; nothing was executed",
        ) from None


def without_tensors(source: ByteSource, content: Content, what: str) -> CheckpointError:
    """Return the error for a pickle without tensors."""
    others = _others(content)
    cause = f"it is a pickle of {what}"
    if others:
        cause += f", and loading it would import {some(others)}"
    return CheckpointError(
        f"{source.name} holds no tensors",
        cause=cause,
        hint=f"netinspect globals {source.name} lists what it would call; nothing was executed",
    )


def _others(content: Content) -> list[str]:
    return list(dict.fromkeys(each.name for each in content.globals if each.verdict == "other"))
