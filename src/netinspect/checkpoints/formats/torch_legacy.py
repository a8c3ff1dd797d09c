"""torch files before 1.6: several pickles, followed by the bytes of each storage."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.collected_content import Content, readable, without_tensors
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.legacy import place_storages, read_object
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.storages import Storages
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint


def read_torch_legacy(source: ByteSource) -> Checkpoint:
    """Read a file of `torch.save` before 1.6, or with `_use_new_zipfile_serialization=False`.

    Raises:
        CheckpointError: The file is damaged.
        LoadError: The file cannot be read.
    """
    content = Content(source)
    names = Names()
    storages = Storages()
    with readable(source):
        interpreter = Interpreter(source, names)
        value = read_object(interpreter)
        storages.register(names.outside)
    content.name(names)

    def place(known: Storages) -> None:
        if source.remote:  # each storage would take a request
            if (
                sum(storage.bytes for storage in known.known.values())
                > source.size - interpreter.position
            ):
                raise CheckpointError(
                    f"{source.name} is not whole",
                    cause="it is smaller than the storages that its pickle describes",
                )
            return
        with readable(source):
            place_storages(interpreter, known, source.file_position)

    content.add(value, Tensors(storages), place)
    if not content.tensors and any(each.verdict == "other" for each in content.globals):
        raise without_tensors(source, content, format_object(value, 60))
    content.warn_of_names()
    left = source.size - interpreter.position
    if left and not source.remote:
        rest = units.plural(left, "byte")
        content.warnings.append(f"after the last storage: {rest} that are not read")
    return content.checkpoint("torch legacy")
