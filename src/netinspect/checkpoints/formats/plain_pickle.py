"""Pickles not written by torch.save: dictionaries of arrays or tensors, models, any object."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.collected_content import Content, readable, without_tensors
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.nested import NestedStorages
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.records.checkpoint import Checkpoint


def read_plain_pickle(source: ByteSource) -> Checkpoint:
    """Read the tensors and arrays of a pickle.

    Raises:
        CheckpointError: The pickle is damaged, or contains no tensors.
        LoadError: The file cannot be read.
    """
    content = Content(source)
    names = Names()
    with readable(source):
        interpreter = Interpreter(source, names)
        value = interpreter.run()
        storages = NestedStorages(source, names)
    content.name(names)
    content.add(value, Tensors(storages), lambda known: None)
    if not content.tensors:
        raise without_tensors(source, content, format_object(value, 60))
    content.warn_of_names()
    left = source.size - interpreter.position
    if left:
        content.warnings.append(f"after the pickle: {units.plural(left, 'byte')} that are not read")
    return content.checkpoint("pickle")
