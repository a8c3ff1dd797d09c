"""torch's files before 1.6: pickles after each other, and then the bytes of each storage."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.content import Content, readable, without_tensors
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.legacy import place_storages, read_object
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.storages import Storages
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint


def read_torch_legacy(source: ByteSource) -> Checkpoint:
    """Read what `torch.save` wrote once, and writes still where it is reported to.

    Raises:
        CheckpointError: It is damaged.
        LoadError: It cannot be read.
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
        if source.remote:  # Each storage would take a journey, to its own place among the weights.
            if (
                sum(storage.bytes for storage in known.known.values())
                > source.size - interpreter.position
            ):
                raise CheckpointError(
                    f"{source.name} is not whole", cause="it is too small for what its pickle speaks of"
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
        content.warnings.append(f"behind the last storage: {rest} that are not read")
    return content.checkpoint("torch legacy")
