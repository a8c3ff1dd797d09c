"""Inputs of a model's own examples: calls under its main guard, in docstrings and in tests of its file.

The file is read as text: no line of it is run.
"""

from __future__ import annotations

import ast
import os
import re
from contextlib import suppress
from typing import Any

from netinspect._utils.classes import plain_name
from netinspect._utils.evaluation.docstring_code import docstring_code
from netinspect._utils.evaluation.expressions import BudgetExceeded
from netinspect._utils.evaluation.interpreter import Interpreter
from netinspect._utils.evaluation.source_files import LARGEST_FILE, SourceFiles
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    InstanceValue,
    Method,
    Reference,
    Scope,
    TensorValue,
    is_plain,
)
from netinspect._utils.tensors import DTYPES
from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.signature import ForwardNames
from netinspect.inputs.spec import InputSpec, is_name, plain_value
from netinspect.records.base import replace
from netinspect.tracing.definitions import class_location, is_library
from netinspect.tracing.safe_access import state_of

_STEPS = 20_000
"""Most steps of the evaluation of one file."""

_EXAMPLES = re.compile(rb"__main__|>>>|```|::[ \t]*\n|[Ee]xamples?:?[ \t]*\n|[Uu]sage|def test")
"""Marks of a file that may have an example."""

_IMPORTED = {"torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "np": "numpy"}
_MOST_ARGUMENTS = 64


class _OneFile(SourceFiles):
    """Reader that follows no imports."""

    def find_module(self, file: str, level: int, module: str) -> str | None:
        return None


class _ForwardReader(Interpreter):
    """Reader of the calls of instances of one class.

    Args:
        file: File that defines the class.
        name: Its name.
        method: Name of the method to run, which a call of the instance runs if it is `forward`.
    """

    def __init__(self, file: str, name: str, method: str) -> None:
        super().__init__(_OneFile(), _STEPS)
        self._file, self._target, self._called = file, name, method
        self._own_class: ClassValue | None = None
        self.place = ""
        self.calls: list[tuple[InstanceValue, list[Any], dict[str, Any], str]] = []

    def attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute; `package.Net` in an example is the class."""
        if name == self._target and (owner is UNKNOWN or isinstance(owner, Reference)):
            return self._own_class or UNKNOWN
        return super().attribute(owner, name)

    def enters(self, cls: ClassValue) -> bool:
        """Return whether the constructor of a class is evaluated."""
        return cls.name != self._target

    def observe(
        self, called: Any, args: list[Any], kwargs: dict[str, Any], node: ast.Call, file: str
    ) -> None:
        """Collect a call of an instance of the class."""
        instance = called
        if isinstance(called, Method):
            instance = called.owner if called.name == self._called else None
        elif self._called != "forward":
            return
        if isinstance(instance, InstanceValue) and instance.cls.name == self._target:
            self.calls.append(
                (instance, args, kwargs, self.place or f"its own file, line {node.lineno}")
            )

    def read(self) -> None:
        """Evaluate the examples of the file: docstrings, the main guard, and tests."""
        tree = self._files.parse(self._file)
        module = self.run_file(self._file)
        if tree is None or module is None:
            return
        found = module.scope.names.get(self._target)
        self._own_class = found if isinstance(found, ClassValue) else None
        script = self.run_file(self._file, as_script=True)
        self.place = "an example in its docstring"
        for code in docstring_code(tree, self._target):
            names = {key: Reference(dotted) for key, dotted in _IMPORTED.items()} | module.scope.names
            self.run(code.body, Scope(self._file, names))
        self.place = ""
        for function in (script or module).scope.names.values():
            is_test = isinstance(function, FunctionValue) and function.name.startswith("test")
            if is_test and id(function.node) not in self.reached:
                self.call_function(function, [], {})


def written_inputs(facts: ModelFacts) -> Candidate:
    """Return the inputs of the first example in the file of a model; empty without one.

    Sizes, dtypes and ranges are those of the example, also the batch.

    Args:
        facts: The model.
    """
    cls = type(facts.model)
    if is_library(cls):
        return {}
    file, _ = class_location(cls)
    if file is None or not file.endswith(".py") or not _may_have_example(file):
        return {}
    reader = _ForwardReader(os.path.realpath(file), plain_name(cls), facts.names.method)
    try:
        reader.read()
    except (BudgetExceeded, RecursionError):
        pass
    except Exception:  # the code that is read may be anything; reading it must not fail the command
        pass
    for instance, args, kwargs, place in reader.calls:
        if _differs(instance, facts):
            continue
        found = _candidate(args, kwargs, facts.names, f"as in {place}")
        if found:
            return found
    return {}


def _may_have_example(file: str) -> bool:
    with suppress(OSError), open(file, "rb") as opened:
        return _EXAMPLES.search(opened.read(LARGEST_FILE)) is not None
    return False


def _differs(instance: InstanceValue, facts: ModelFacts) -> bool:
    """Return whether the model was built with another value than the instance of an example."""
    state = state_of(facts.model)
    return any(
        type(value) in (int, str) and type(state.get(name)) is type(value) and state[name] != value
        for name, value in instance.kwargs.items()
    )


def _candidate(args: list[Any], kwargs: dict[str, Any], names: ForwardNames, reason: str) -> Candidate:
    """Return the known arguments of a call; empty if one that is not known is followed by others."""
    found: Candidate = {}
    named = [*((names.at(index), value) for index, value in enumerate(args)), *kwargs.items()]
    for name, value in named[:_MOST_ARGUMENTS]:
        if name not in names.arguments and not (names.takes_any_name or name.isdecimal()):
            return {}
        specs = _specs(name, value)
        if specs is None:
            if name in names.required:
                return {}
            continue
        for spec in specs:
            found[spec.name or name] = Guess(spec=spec, reason=reason)
    has_tensor = any(guess.spec.literal is None for guess in found.values())
    return found if has_tensor else {}


def _specs(name: str, value: Any) -> list[InputSpec] | None:
    """Return the specs of one argument, or of the entries of a dictionary; None if it is not known."""
    if isinstance(value, TensorValue):
        spec = _of_tensor(value)
        return None if spec is None else [_with_name(spec, name)]
    if (
        isinstance(value, (list, tuple))
        and value
        and all(isinstance(each, TensorValue) for each in value)
    ):
        inner = [_of_tensor(each) for each in value]
        first = inner[0]
        if first is None or any(each != first for each in inner):
            return None
        return [InputSpec(name=name, shape=first.shape, dtype=first.dtype, listed=len(inner))]
    if isinstance(value, dict) and value and is_name(name):
        parts = [_specs(f"{name}.{key}", each) for key, each in value.items() if is_name(str(key))]
        known = [each for each in parts if each is not None]
        return [spec for each in known for spec in each] if len(known) == len(value) else None
    if is_plain(value) and not isinstance(value, (bytes, set)):
        return [_with_name(plain_value(value), name)]
    return None


def _with_name(spec: InputSpec, name: str) -> InputSpec:
    return replace(spec, name=name if is_name(name) else None)


def _of_tensor(value: TensorValue) -> InputSpec | None:
    if value.dtype not in DTYPES:
        return None
    is_floating = "float" in value.dtype
    # Zeros and ones only give the sizes of a picture; random values show more.
    values = () if is_floating and len(value.values) == 1 else value.values
    low, high = (value.low, value.high) if not values else (None, None)
    return InputSpec(name=None, shape=value.shape, dtype=value.dtype, low=low, high=high, values=values)
