"""Entries of an argument that are guessed one by one: those of a dictionary, an object or a tuple."""

from __future__ import annotations

import re

from netinspect.inputs.annotations import (
    annotated_class,
    defaults_of_class,
    fields_of_class,
    is_typed_dictionary,
)
from netinspect.inputs.infer.forward_code.read import ForwardCode
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.signature import ForwardArgument

_CONTAINER = re.compile(r"(typing\.)?(dict|mapping|list|tuple|sequence)\b", re.IGNORECASE)


def entries_of(facts: ModelFacts, argument: ForwardArgument, code: ForwardCode) -> list[str]:
    """Return the entries of an argument to fill, by dotted names; its own name if it has none.

    Args:
        facts: The model.
        argument: An argument of its forward.
        code: The code of its forward.
    """
    name, annotation = argument.name, argument.annotation
    entries = code.entries(name)
    cls = annotated_class(facts.model, argument, facts.names.method)
    fields = fields_of_class(cls)
    if cls is not None and fields is not None:
        if not entries and is_typed_dictionary(cls):
            return [f"{name}.{field}" for field in fields] or [name]
        # Properties and methods of the class are read, too, but not given.
        wanted = set(fields) - set(defaults_of_class(cls))
        return [each for each in entries if each.split(".")[1] in wanted] or [name]
    is_container = _CONTAINER.match(annotation) is not None
    if "Tensor" in annotation and not is_container:
        return [name]
    if argument.is_list and entries == [f"{name}.0"]:
        return [name]  # a list of any number of tensors
    return entries or [name]
