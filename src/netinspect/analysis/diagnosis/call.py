"""The failed call as explanations read it: its tensors by name, its arguments, where they came from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from netinspect.errors import shorten
from netinspect.records.modules import Module
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import Input, Trace
from netinspect.records.values import Item, Literal, Structure, TensorSpec, Value, tensors_in

Shape = tuple[int | str, ...]


class Explanation(NamedTuple):
    """What is known beyond torch's own message."""

    text: str
    remedies: list[str]
    wrong: dict[str, tuple[int, ...]]
    """Positions of the sizes that do not fit, by operand."""

    size_helps: bool = True
    """Whether an input of another size is a mend, and not a coincidence."""

    input_helps: bool = True
    """Whether any other input may be a mend."""

    summary: str = ""
    """One sentence in place of the usual one, where that would be wrong."""


class Given(NamedTuple):
    """One tensor that a call was given."""

    name: str
    """What it is in the model: the name of a parameter, else of the argument, else `input`."""

    spec: TensorSpec
    key: tuple[str, ...]
    """Position or name of the argument, then positions inside containers."""

    @property
    def shape(self) -> Shape:
        """Its sizes."""
        return self.spec.shape

    @property
    def rank(self) -> int:
        """Number of its dimensions."""
        return len(self.spec.shape)

    @property
    def is_floating(self) -> bool:
        """Whether it holds real numbers."""
        return "float" in self.spec.dtype


class Call:
    """A failed step with its surroundings.

    Args:
        trace: The whole look.
        step: The step that failed.
        failure: How.
    """

    def __init__(self, trace: Trace, step: Step, failure: Failure) -> None:
        self.trace = trace
        self.step = step
        self.failure = failure
        self.message = shorten(failure.message)  # of a saved trace, it may be of any length
        self.name = step.name.strip("_")
        self.module: Module | None = next(
            (each for each in trace.modules if each.path == step.module), None
        )
        self.given = _name_tensors(trace, step)

    @property
    def subject(self) -> str:
        """Who wants something: the layer where it is torch's own, else the function."""
        if self.module is not None and self.module.library and self.module.path:
            return self.module.path
        return self.module.class_name if self.step.kind == "module" and self.module else self.name

    @property
    def in_place(self) -> bool:
        """Whether the function writes to its first argument."""
        name = self.step.qualified_name
        return name.endswith("_") and not name.endswith("__")

    def item(self, *keys: str) -> Value | None:
        """Return the first argument there is under one of several positions and names."""
        items: dict[str, Value] = {item.key: item.value for item in self.step.inputs.items}
        return next((items[key] for key in keys if key in items), None)

    def tensor(self, *keys: str) -> Given | None:
        """Return the tensor that is an argument itself, under one of several positions and names."""
        return next((each for each in self.given if len(each.key) == 1 and each.key[0] in keys), None)

    def tensors(self, *keys: str) -> list[Given]:
        """Return the tensors of a list or tuple that is an argument."""
        return [each for each in self.given if len(each.key) == 2 and each.key[0] in keys]

    def literal(self, *keys: str) -> Any:
        """Return an argument that is a plain value; None too where it was cut short in the record."""
        value = self.item(*keys)
        return _evaluate(value) if isinstance(value, Literal) else None

    def number(self, *keys: str, default: int | None = None) -> int | None:
        """Return an argument that is a whole number; the default where it was not given."""
        if self.item(*keys) is None:
            return default
        value = self.literal(*keys)
        return value if type(value) is int else None

    def sizes(self, name: str, start: int) -> tuple[int, ...] | None:
        """Return sizes that are given one by one from a position on, or as one tuple there."""
        whole = self.literal(str(start), name)
        if isinstance(whole, (tuple, list)):
            given = list(whole)
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
        """The call of the module that this function ran in; itself where it is one."""
        if self.step.kind == "module" or self.step.parent is None:
            return self
        return Call(self.trace, self.trace.steps[self.step.parent], self.failure)

    def producers(self) -> Iterator[Step]:
        """Yield the steps that made the call's tensors."""
        for index in self.step.producers:
            yield self.trace.steps[index]

    def origin(self, given: Given) -> str | None:
        """Name the step that made a tensor; None where several might have."""
        if sum(each.spec == given.spec for each in self.given) > 1:
            return None
        makers = [step for step in self.producers() if given.spec in tensors_in(step.output)]
        if len(makers) != 1:
            return None
        return _maker(self.trace, makers[0], self.step)

    def as_input(self, given: Given) -> Input | None:
        """The model's own input that a tensor is."""
        return input_of(self.trace, self.step, given.spec)


def input_of(trace: Trace, step: Step, spec: TensorSpec) -> Input | None:
    """The model's own input that a tensor of a step is; None where several might be."""
    names = step.arguments
    found = [entry for entry in trace.inputs if entry.value == spec and entry.name in names]
    if not names:
        # The arguments of the root are the inputs themselves, and older records name none.
        found = [entry for entry in trace.inputs if entry.value == spec]
        if any(spec in tensors_in(trace.steps[index].output) for index in step.producers):
            return None
    return found[0] if len(found) == 1 else None


def _maker(trace: Trace, step: Step, around: Step) -> str:
    """A step by the name that people know: the layer where it is the inside of one of torch's."""
    module = next((each for each in trace.modules if each.path == step.module), None)
    if step.module and step.module != around.module and module is not None and module.library:
        return step.module
    return step.name


def _evaluate(literal: Literal) -> Any:
    try:
        return ast.literal_eval(literal.text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


_NAMES = {
    "multi_head_attention_forward": ("query", "key", "value"),
    "MultiheadAttention": ("query", "key", "value", "key_padding_mask", "", "attn_mask"),
    "scaled_dot_product_attention": ("query", "key", "value", "attn_mask"),
    **dict.fromkeys(
        ("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
        ("input", "target"),
    ),
    **dict.fromkeys(("binary_cross_entropy", "binary_cross_entropy_with_logits"), ("input", "target")),
}
"""Arguments that everybody knows by their names."""


def _name_tensors(trace: Trace, step: Step) -> list[Given]:
    """Name the tensors of a call by what they are in the model."""
    given = [(key, spec) for item in step.inputs.items for key, spec in _leaves(item.value, (item.key,))]
    known = {entry.name: entry.spec for entry in trace.parameters}
    known |= {entry.name: entry.spec for entry in trace.buffers}
    waiting = list(step.parameters)
    names: dict[int, str] = {}
    # From the last one on: where an input is as large as a weight, torch takes the input first.
    for index in reversed(range(len(given))):
        key, spec = given[index]
        name = next((each for each in reversed(waiting) if known.get(each) == spec), None)
        if name is not None:
            waiting.remove(name)
            names[index] = name
        elif not key[0].isdigit():
            names[index] = ".".join(key)
        elif (name := _input_name(trace, step, int(key[0]))) is not None:
            names[index] = ".".join((name, *key[1:]))
        elif len(key) == 1 and int(key[0]) < len(_NAMES.get(step.name, ())):
            names[index] = _NAMES[step.name][int(key[0])]
    unnamed = 0
    for index in range(len(given)):
        if index not in names:
            unnamed += 1
            names[index] = "input" if unnamed == 1 else f"input {unnamed}"
    # Names are what operands are marked by, so no two may be alike.
    named = []
    seen: set[str] = set()
    for index, (key, spec) in enumerate(given):
        name = names[index]
        while name in seen:
            name += "'"
        seen.add(name)
        named.append(Given(name, spec, key))
    return named


def _input_name(trace: Trace, step: Step, position: int) -> str | None:
    """What an argument of the model's own forward is called there."""
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


# --- spelling ------------------------------------------------------------------------------------


def spell(shape: Shape) -> str:
    """Spell sizes: `(10, 400)`."""
    return f"({', '.join(map(str, shape))})"


def product(shape: Shape) -> str:
    """Spell sizes as a product: `16 * 5 * 5`."""
    return " * ".join(map(str, shape))


def times(shape: Shape) -> str:
    """Spell sizes as people speak of them: `5 x 5`."""
    return " x ".join(map(str, shape))


def named(source: Input, sizes: str) -> str:
    """Spell sizes as the spec of an input: `x=10x1x28x28`."""
    return f"{source.name}={sizes}" if source.name.isidentifier() else sizes


def spec_of(source: Input, shape: Shape, dtype: str | None = None) -> str:
    """Spell the option that gives an input another shape or dtype."""
    if dtype is None and isinstance(source.value, TensorSpec) and source.value.dtype != "float32":
        dtype = source.value.dtype
    sizes = "x".join(map(str, shape))
    return f"--input {named(source, sizes)}" + (f":{dtype}" if dtype is not None else "")


def whole(shape: Shape) -> tuple[int, ...] | None:
    """Return sizes where all of them are numbers."""
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else None


def described(call: Call, given: Given) -> str:
    """Name an operand, with what made it."""
    origin = call.origin(given)
    return f"{given.name}, which {origin} made," if origin else given.name
