"""Interface of the explanations: a failed call as input, an explanation as output, and families.

The other modules of this package are families, one for each group of functions and layers; `table` lists
them. `wording` has the phrases that several of them use.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netinspect.analysis.diagnosis.mismatch import Marks, Mismatch
from netinspect.errors import shorten
from netinspect.records.dataflow import sources_of
from netinspect.records.modules import Module
from netinspect.records.steps import Failure, Origin, Step
from netinspect.records.trace import Input, Trace
from netinspect.records.values import Item, Literal, Structure, TensorSpec, Value

Shape = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Cause and remedies of a failed call."""

    text: str
    """Expected and given values, and why they do not match."""

    mismatches: Sequence[Mismatch] = ()
    remedies: Sequence[str] = ()
    """Options or lines of code that fix the failure, the most likely first."""

    size_helps: bool = False
    """Whether an input of another size can fix the failure."""

    input_helps: bool = True
    """Whether any other input can fix the failure."""

    summary: str = ""
    """Summary to use instead of the default one, if not empty."""


class Given(NamedTuple):
    """Tensor argument of a call."""

    name: str
    """Name of the parameter or of the argument, or else `input`."""

    spec: TensorSpec
    key: tuple[str, ...]
    """Position or name of the argument, then positions inside containers."""

    origin: Origin

    @property
    def shape(self) -> Shape:
        """Shape of the tensor."""
        return self.spec.shape

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.spec.shape)

    @property
    def is_floating(self) -> bool:
        """Whether the dtype is floating point."""
        return "float" in self.spec.dtype

    def at(self, *dimensions: int) -> dict[str, tuple[int, ...]]:
        """Mark some dimensions."""
        return {self.name: dimensions}

    def whole(self) -> dict[str, tuple[int, ...]]:
        """Mark all dimensions."""
        return {self.name: tuple(range(self.rank))}

    def unlike(self, wanted: Shape) -> dict[str, tuple[int, ...]]:
        """Mark the dimensions that differ from a shape; all of them if their number differs."""
        if self.rank != len(wanted):
            return self.whole()
        return self.at(*(at for at, size in enumerate(self.shape) if size != wanted[at]))


class Call:
    """A failed step and its context.

    Args:
        trace: The trace.
        step: The step that failed.
        failure: Its failure.
    """

    def __init__(self, trace: Trace, step: Step, failure: Failure) -> None:
        self.trace = trace
        self.step = step
        self.failure = failure
        self.message = shorten(failure.message)  # in a saved trace, it may have any length
        self.name = step.name.strip("_")
        self.module: Module | None = next(
            (each for each in trace.modules if each.path == step.module), None
        )
        self.given = _name_tensors(trace, step)

    @property
    def display_name(self) -> str:
        """Name for messages: the path of a torch layer, or else the function."""
        if self.module is not None and self.module.library and self.module.path:
            return self.module.path
        return self.module.class_name if self.step.kind == "module" and self.module else self.name

    @property
    def place(self) -> str:
        """Path of the module, or `the model`."""
        return self.step.module or "the model"

    @property
    def in_place(self) -> bool:
        """Whether the function writes to its first argument."""
        name = self.step.qualified_name
        return name.endswith("_") and not name.endswith("__")

    def item(self, *keys: str) -> Value | None:
        """Return the first argument found under one of several positions and names."""
        items: dict[str, Value] = {item.key: item.value for item in self.step.inputs.items}
        return next((items[key] for key in keys if key in items), None)

    def tensor(self, *keys: str) -> Given | None:
        """Return the tensor argument found under one of several positions and names."""
        return next((each for each in self.given if len(each.key) == 1 and each.key[0] in keys), None)

    def tensors(self, *keys: str) -> list[Given]:
        """Return the tensors of a list or tuple that is an argument."""
        return [each for each in self.given if len(each.key) == 2 and each.key[0] in keys]

    def literal(self, *keys: str) -> Any:
        """Return an argument that is a plain value, or None, also if its text was truncated."""
        value = self.item(*keys)
        return _evaluate(value) if isinstance(value, Literal) else None

    def number(self, *keys: str, default: int | None = None) -> int | None:
        """Return an integer argument, or the default if it is absent."""
        if self.item(*keys) is None:
            return default
        value = self.literal(*keys)
        return value if type(value) is int else None

    def sizes(self, name: str, start: int) -> tuple[int, ...] | None:
        """Return sizes passed one by one from a position on, or as a tuple."""
        value = self.literal(str(start), name)
        if isinstance(value, (tuple, list)):
            given = list(value)
        else:
            given, position = [], start
            while (value := self.literal(str(position))) is not None:
                given.append(value)
                position += 1
        return tuple(given) if given and all(type(size) is int for size in given) else None

    def attribute(self, name: str) -> Any:
        """Return a plain attribute of the module that was called, such as `input_size`."""
        for attribute in self.module.attributes if self.module else ():
            if attribute.name == name:
                return _evaluate(Literal(type=attribute.type, text=attribute.text))
        return None

    def whole_module(self) -> Call:
        """Return the call of the module around a function; the call itself if it is of a module."""
        if self.step.kind == "module" or self.step.parent is None:
            return self
        return Call(self.trace, self.trace.steps[self.step.parent], self.failure)

    def producers(self, given: Given) -> list[Step]:
        """Return the steps that made a tensor, or have written to it since."""
        return [self.trace.steps[index] for index in given.origin.producers]

    def producer_name(self, given: Given) -> str | None:
        """Return the name of the step that made a tensor, or None if several steps wrote to it.

        The torch layer that contains the step is named instead, if the call is not in it too.
        """
        producers, origin = self.producers(given), given.origin
        if len(producers) != 1 or origin.arguments or origin.parameters:
            return None
        path = producers[0].module
        module = next((each for each in self.trace.modules if each.path == path), None)
        is_layer = path and path != self.step.module and module is not None and module.library
        return path if is_layer else producers[0].name

    def sources(self, marks: Marks) -> tuple[str, ...]:
        """Return the arguments of the model that the first marked operand was computed from."""
        first = next(iter(marks), None)
        origins = [each.origin for each in self.given if each.name == first]
        return tuple(sources_of(origins, self.trace.steps))

    def as_input(self, given: Given) -> Input | None:
        """Return the model input that a tensor is, or None."""
        return input_of(self.trace, given.origin, given.spec)


Explain = Callable[[Call], Explanation | None]
"""Returns None if the call failed for another reason."""


@dataclass(frozen=True, slots=True)
class Family:
    """The explanations that one module of this package contributes."""

    functions: Mapping[str, Explain] = field(default_factory=dict)
    """By name of the failed function, without leading and trailing underscores."""

    layers: Mapping[str, Explain] = field(default_factory=dict)
    """By class of the torch layer that failed, in its own code or in a function that it called. They are
    tried after the explanation of that function."""

    layers_first: Mapping[str, Explain] = field(default_factory=dict)
    """Like `layers`, but tried before the explanation of the function."""

    any_call: tuple[Explain, ...] = ()
    """Tried last, for every call."""


def input_of(trace: Trace, origin: Origin, spec: TensorSpec) -> Input | None:
    """Return the model input that a tensor is, or None; a view with another shape is not the input."""
    return next(
        (each for each in trace.inputs if each.name in origin.arguments and each.value == spec), None
    )


def _evaluate(literal: Literal) -> Any:
    try:
        return ast.literal_eval(literal.text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


_NAMES = {
    "multi_head_attention_forward": ("query", "key", "value"),
    "MultiheadAttention": ("query", "key", "value", "key_padding_mask", "", "attn_mask"),
    "scaled_dot_product_attention": ("query", "key", "value", "attn_mask"),
}
"""Names of positional arguments, by function or layer; those of losses are `input` and `target`."""


def _name_tensors(trace: Trace, step: Step) -> list[Given]:
    """Return the tensors of a call, each named after its parameter, argument or input."""
    given = [(key, spec) for item in step.inputs.items for key, spec in _leaves(item.value, (item.key,))]
    is_loss = re.fullmatch(r"(\w+_)?(loss|cross_entropy(_\w+)?)|kl_div", step.name) is not None
    positional = ("input", "target") if is_loss else _NAMES.get(step.name, ())
    unnamed = 0
    named: dict[str, Given] = {}
    for (key, spec), origin in zip(given, step.input_origins, strict=True):
        if origin.parameters:
            name = origin.parameters[0]
        elif not key[0].isdigit():
            name = ".".join(key)
        elif (argument := _input_name(trace, step, int(key[0]))) is not None:
            name = ".".join((argument, *key[1:]))
        elif len(key) == 1 and int(key[0]) < len(positional):
            name = positional[int(key[0])]
        else:
            unnamed += 1
            name = "input" if unnamed == 1 else f"input {unnamed}"
        # Operands are identified by name, so names must be unique.
        while name in named:
            name += "'"
        named[name] = Given(name, spec, key, origin)
    return list(named.values())


def _input_name(trace: Trace, step: Step, position: int) -> str | None:
    """Return the name of an argument of the model's own forward."""
    if step.parent is not None or step.kind != "module" or position >= len(trace.inputs):
        return None
    name = trace.inputs[position].name
    return name if name.isidentifier() else None


def _leaves(value: Value, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], TensorSpec]]:
    if isinstance(value, TensorSpec):
        yield key, value
    elif isinstance(value, Structure):
        entry: Item
        for entry in value.items:
            yield from _leaves(entry.value, (*key, entry.key))
