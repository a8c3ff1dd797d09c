"""Scan of consecutive pickles and of torch's first two formats."""

from __future__ import annotations

from collections.abc import Callable

from netinspect.checkpoints.formats.torch_tar import read_storages, read_tensors
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import SubSource
from netinspect.checkpoints.pickle.legacy import place_storages, read_object
from netinspect.checkpoints.pickle.lenient_interpreter import LenientInterpreter, probe
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.nested import NestedStorages
from netinspect.checkpoints.pickle.objects import Persistent
from netinspect.checkpoints.pickle.storages import Part, Storages
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.checkpoints.recognize import recognize
from netinspect.checkpoints.scan.ledger import MOST_PICKLES, Ledger

_TORCH_IDS = ("storage", "module")
_COUNT = 8
"""Size of the count before each storage in torch's legacy format."""


def read_stream(
    source: ByteSource, member: str, ledger: Ledger, start: int = 0, *, scripted: bool = False
) -> tuple[int, list[Names]]:
    """Read consecutive pickles; return where they end and the names in each.

    After a damaged pickle the end is that of the source, because the next one cannot be located.
    """
    found: list[Names] = []
    at = start
    while at < source.size:
        if at > start and not is_pickle(SubSource(source, at, source.size - at)):
            break
        if len(ledger.pickles) >= MOST_PICKLES:
            ledger.miss(member, f"from byte {at:,} on: it has more than {MOST_PICKLES:,} pickles")
            return source.size, found
        names = Names(scripted=scripted)
        found.append(names)
        end = _read_one(source, member, ledger, at, names)
        if end is None:
            return source.size, found
        at = end
    return at, found


def is_pickle(source: ByteSource) -> bool:
    """Return whether bytes start with a pickle of any protocol."""
    if not source.size:
        return False
    head = source.read(0, 1)
    if head == b"\x80":
        return recognize(source) == "pickle"
    found = probe(source)
    return found.end is not None or bool(found.names)


def _read_one(source: ByteSource, member: str, ledger: Ledger, start: int, names: Names) -> int | None:
    """Read one pickle; return where it ends, or None if it is damaged."""
    interpreter = LenientInterpreter(source, names, start)
    is_whole = _note(lambda: interpreter.run(), names, source, member, ledger, start)
    if interpreter.lost:
        rest = f"; {interpreter.lost - 1:,} more" if interpreter.lost > 1 else ""
        _complain(ledger, member, f"{interpreter.first_lost}{rest}")
    if interpreter.has_arrays:
        known = {each.path for each in names.all()}
        found = probe(source, start, wraps_arrays=False).names
        if others := [each for each in found if each not in known]:
            ledger.miss(member, f"where joblib finds an array, other loaders import {others[0]:.100}")
    for name in names.sibling_files:
        ledger.miss(member, f"joblib would load an array from another file, {name!r:.200}")
    return interpreter.position if is_whole else None


def _note(
    read: Callable[[], object], names: Names, source: ByteSource, member: str, ledger: Ledger, start: int
) -> bool:
    """Record the names in one pickle, even if it is damaged; return whether it was read completely."""
    error: PickleError | None = None
    try:
        read()
    except PickleError as found:
        error = found
    try:
        NestedStorages(source, names)
    except PickleError as found:
        error = error or found
    ledger.name(names, member, start)
    if error is not None:
        _complain(ledger, member, str(error))
    return error is None


def _complain(ledger: Ledger, member: str, text: str) -> None:
    ledger.complain(f"{member}: {text}" if member else text)


def miss_outside(names: Names, member: str, ledger: Ledger) -> None:
    """Report the external references of a pickle, except storages, which are data."""
    others = [each for each in names.outside if not is_torch_id(each)]
    if others:
        ledger.miss(
            member,
            f"it refers to {len(others):,} objects outside itself, which its loader's own code loads",
        )


def is_torch_id(value: Persistent) -> bool:
    """Return whether a persistent id is that of a storage, or of a class with its source."""
    key = value.key
    return type(key) is tuple and len(key) > 1 and type(key[0]) is str and key[0] in _TORCH_IDS


def read_legacy(source: ByteSource, member: str, ledger: Ledger) -> int:
    """Read a `torch.save` file from before 1.6; return where its storages end."""
    names, storages = Names(), Storages()
    interpreter = LenientInterpreter(source, names)
    keys: list[object] = []

    def read() -> None:
        read_object(interpreter)
        storages.register(names.outside)
        if source.remote:
            keys.append(interpreter.run())
        else:
            place_storages(interpreter, storages)

    is_whole = _note(read, names, source, member, ledger, 0)
    if interpreter.lost:
        _complain(ledger, member, interpreter.first_lost)
    miss_outside(names, member, ledger)
    if not is_whole:
        return source.size
    end = interpreter.position
    if source.remote:  # the count of each storage would be downloaded
        end += sum(_COUNT + each.bytes for each in storages.known.values())
    return min(end, source.size)


def read_torch_tar(members: dict[str, SubSource], ledger: Ledger, within: str) -> None:
    """Read the three members of torch's first format."""
    tensors = Tensors(Storages())
    parts: dict[int, Part] = {}
    ends: dict[str, int] = {}
    for member, read in (("storages", read_storages), ("tensors", read_tensors)):
        names = Names()

        def act(read: Callable[..., int] = read, member: str = member, names: Names = names) -> None:
            ends[member] = read(members[member], names, tensors, parts)

        if _note(act, names, members[member], within + member, ledger, 0):
            left = members[member].size - ends[member]
            if left:
                ledger.miss(within + member, f"{left:,} bytes after the last of its parts")
    names = Names()
    end = _read_one(members["pickle"], within + "pickle", ledger, 0, names)
    left = 0 if end is None else members["pickle"].size - end
    if left:
        ledger.miss(within + "pickle", f"{left:,} bytes after the pickle")
