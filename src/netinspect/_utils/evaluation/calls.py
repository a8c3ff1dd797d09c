"""Attributes and calls of evaluated values; `expressions.py` adds the syntax of expressions."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import BuiltinFunctionType
from typing import Any

from netinspect._utils.evaluation.library_calls import NO_FILE, call_file, call_library, call_parser
from netinspect._utils.evaluation.operations import (
    BUILTINS,
    MUTATORS,
    call_builtin,
    call_method,
    has_method,
    subscript,
)
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.tensor_calls import call_tensor
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    ClassValue,
    FileValue,
    FunctionValue,
    InstanceValue,
    Method,
    ModuleValue,
    ParserValue,
    Reference,
    Scope,
    TensorValue,
)

_KEEPS_MODEL = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "eval",
        "train",
        "float",
        "half",
        "double",
        "bfloat16",
        "requires_grad_",
        "apply",
        "share_memory",
    ]
)
"""Methods of a module that return the module itself."""

_WRAPPERS = frozenset(
    [
        "DataParallel",
        "DistributedDataParallel",
        "DDP",
        "compile",
        "script",
        "to_device",
        "convert_sync_batchnorm",
        "prepare",
    ]
)
"""Functions that return a wrapper of their first argument."""

_STARTERS = frozenset(("spawn", "Process", "Thread", "start_processes", "run", "launch"))
"""Functions that call their first argument."""


@dataclass(frozen=True, slots=True, eq=False)
class SuperValue:
    """Result of `super()` in a method."""

    instance: InstanceValue
    owner: ClassValue

    def find(self, name: str) -> Any:
        bases = [each for each in self.owner.bases if isinstance(each, ClassValue)]
        found = next((value for base in bases if (value := base.find(name)) is not UNKNOWN), UNKNOWN)
        return Method(self.instance, name, found) if isinstance(found, FunctionValue) else found


class Caller(ABC):
    """Evaluator of attributes and calls.

    Args:
        steps: Most nodes of syntax trees to evaluate.
    """

    def __init__(self, steps: int) -> None:
        self._left = steps
        self.missing_files = 0
        """Number of configuration files that were to be read, but are not known or do not exist."""

        self.parsers: list[tuple[str, ParserValue]] = []
        """Command line parsers, each with the file that makes it."""

        self.substitute: Any = None
        """Content of such a file; None for an unknown one."""

    @abstractmethod
    def call_function(self, function: FunctionValue, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the result of a function of the project."""

    @abstractmethod
    def instantiate(self, cls: ClassValue, args: list[Any], kwargs: dict[str, Any], line: int) -> Any:
        """Return an instance of a class of the project."""

    @abstractmethod
    def attribute_of_module(self, module: ModuleValue, name: str) -> Any:
        """Return an attribute of a module of the project."""

    @abstractmethod
    def import_module(self, name: str, file: str) -> Any:
        """Return a module that a file imports by its absolute name."""

    @abstractmethod
    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Bind a value to a target of an assignment."""

    def observe(
        self, called: Any, args: list[Any], kwargs: dict[str, Any], node: ast.Call, file: str
    ) -> None:
        """Receive each evaluated call; overridden to collect them."""
        return

    def attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute of a value."""
        if isinstance(owner, Reference):
            return Reference(f"{owner.dotted}.{name}")
        if isinstance(owner, ModuleValue):
            return owner.scope.names if name == "__dict__" else self.attribute_of_module(owner, name)
        if isinstance(owner, Settings) and name in owner:
            return owner[name]
        if isinstance(owner, InstanceValue):
            return self._of_instance(owner, name)
        if isinstance(owner, SuperValue):
            return owner.find(name)
        if isinstance(owner, ClassValue):
            found = owner.find(name)
            if isinstance(found, FunctionValue) and _is_decorated(found, "classmethod"):
                return Method(owner, name, found)
            return found
        if isinstance(owner, TensorValue) and name == "shape":
            return owner.shape
        if isinstance(owner, (ParserValue, FileValue, TensorValue)) or has_method(owner, name):
            return Method(owner, name)
        return UNKNOWN

    def _of_instance(self, owner: InstanceValue, name: str) -> Any:
        if name in owner.attributes:
            return owner.attributes[name]
        if name in ("__class__", "__dict__"):
            return owner.cls if name == "__class__" else owner.attributes
        found = owner.cls.find(name)
        if isinstance(found, FunctionValue):
            if _is_decorated(found, "property"):
                return self.call_function(found, [owner], {})
            return found if _is_decorated(found, "staticmethod") else Method(owner, name, found)
        return Method(owner, name) if found is UNKNOWN else found

    def item(self, owner: Any, key: Any) -> Any:
        """Return an element of a value."""
        if isinstance(owner, InstanceValue) and isinstance(key, str):
            return owner.attributes.get(key, UNKNOWN)
        return subscript(owner, key)

    def call(self, called: Any, args: list[Any], kwargs: dict[str, Any], line: int, scope: Scope) -> Any:
        """Return the result of a call."""
        match called:
            case FunctionValue():
                return self.call_function(called, args, kwargs)
            case ClassValue():
                return self.instantiate(called, args, kwargs, line)
            case Method():
                return self._method(called, args, kwargs, scope)
            case Reference(dotted=dotted):
                return self._library(called, dotted.rpartition(".")[2], args, kwargs, scope)
        if isinstance(called, (type, BuiltinFunctionType)) and called in BUILTINS.values():
            return call_builtin(called, args, kwargs)
        return UNKNOWN

    def _library(
        self, called: Reference, name: str, args: list[Any], kwargs: dict[str, Any], scope: Scope
    ) -> Any:
        if called.dotted == "vars" and len(args) == 1:
            owner = args[0]
            return owner.attributes if isinstance(owner, InstanceValue) else owner
        if called.dotted in ("getattr", "hasattr") and len(args) >= 2 and isinstance(args[1], str):
            if called.dotted == "hasattr":
                return args[1] in args[0] if isinstance(args[0], Settings) else UNKNOWN
            found = self.attribute(args[0], args[1])
            return args[2] if found is UNKNOWN and len(args) > 2 and isinstance(args[0], dict) else found
        if name == "import_module" and args and isinstance(args[0], str):
            return self.import_module(args[0], scope.file)
        if called.dotted == "globals":
            while scope.outer is not None:
                scope = scope.outer
            return scope.names
        if called.dotted == "map" and len(args) == 2 and isinstance(args[1], (list, tuple)):
            return [self.call(args[0], [each], {}, 0, scope) for each in args[1]]
        if name in _WRAPPERS and args and isinstance(args[0], InstanceValue):
            return args[0]
        if name in _STARTERS:
            function = kwargs.get("target", args[0] if args else UNKNOWN)
            given = kwargs.get("args", ())
            if isinstance(function, (FunctionValue, Method)) and isinstance(given, tuple):
                self.call(function, [*([0] if "spawn" in name else []), *given], {}, 0, scope)
            return UNKNOWN
        result = call_library(called, args, kwargs, scope.file)
        if result is NO_FILE:
            self.missing_files += 1
            return UNKNOWN if self.substitute is None else self.substitute
        if isinstance(result, ParserValue):
            self.parsers.append((scope.file, result))
        return result

    def _method(self, called: Method, args: list[Any], kwargs: dict[str, Any], scope: Scope) -> Any:
        owner = called.owner
        if called.function is not None:
            return self.call_function(called.function, [owner, *args], kwargs)
        if isinstance(owner, InstanceValue):
            return owner if called.name in _KEEPS_MODEL else UNKNOWN
        if isinstance(owner, ParserValue):
            return call_parser(owner, called.name, args, kwargs)
        if isinstance(owner, FileValue):
            return call_file(owner, called.name, args)
        if isinstance(owner, TensorValue):
            return call_tensor(owner, called.name, args, kwargs)
        if called.name in MUTATORS and scope.uncertain and isinstance(owner, list):
            owner.append(UNKNOWN)
            return UNKNOWN
        return call_method(owner, called.name, args, kwargs)


def _is_decorated(function: FunctionValue, name: str) -> bool:
    return name in {
        ast.unparse(each).rpartition(".")[2] for each in getattr(function.node, "decorator_list", ())
    }
