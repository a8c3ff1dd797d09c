"""Choice of the model of a file whose target gives no name."""

from __future__ import annotations

import ast
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from torch import nn

from netinspect._utils.classes import defining_module, is_a
from netinspect._utils.signatures import signature_of
from netinspect.errors import LoadError
from netinspect.records.request import Target
from netinspect.targets.definitions.calls import walk_here
from netinspect.targets.definitions.side_effects import WorkReader
from netinspect.targets.definitions.slices import FACTORIES
from netinspect.targets.written.model_of_file import ModelOfFile

MAIN_CLASS = "MODEL"
"""Name of the constant in a file that names its main class."""

_MOST_LISTED = 12
"""Names in one line of a message."""


_MOST_PROPOSED = 3
"""Models of a GAN that a hint names."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen class, factory function or instance."""

    name: str
    note: str | None = None
    """Why it was chosen among others that are possible too; None if it is the only one."""


def single_candidate(target: Target, namespace: ModuleType, arguments: Mapping[str, Any]) -> Choice:
    """Choose the class, factory function or instance that is the model of a file.

    The model is the only class that no other class of the file contains; losses, metrics and building
    blocks that nothing builds are none. Of several, it is the only one that is named like the file, or
    that functions of the file build. If the class lacks arguments, a factory of it takes its place: the
    only one, the one named like the file, the only one that the file itself tries, or else the first; or
    the only instance. A file without classes has a factory, an instance, or one function without work.

    Args:
        target: The target.
        namespace: The imported module.
        arguments: Arguments for the class or factory.

    Raises:
        LoadError: No model is found, or several are.
    """
    main = getattr(namespace, MAIN_CLASS, None)
    if isinstance(main, str):
        return Choice(main)
    candidates = _Candidates(namespace, arguments)
    classes, tops = candidates.classes, candidates.tops
    chosen = tops[0] if len(tops) == 1 else candidates.main_class
    if chosen is not None and candidates.is_ready(chosen):
        return Choice(chosen, candidates.note(chosen))
    factories = candidates.factories if chosen is None else candidates.factories_of(chosen)
    others = [found[0] for found in (factories, candidates.instances) if len(found) == 1]
    if chosen is not None:
        note = candidates.note(chosen)
        if others:
            return Choice(others[0], note)
        if len(factories) > 1:
            return candidates.preferred(chosen, factories)
        return Choice(chosen, note)
    if others and not candidates.written.are_adversaries(tops):
        return Choice(others[0])
    if classes or candidates.factories or candidates.instances:
        raise candidates.several(target)
    return Choice(_only_function(target, namespace, arguments))


class _Candidates:
    """Classes, factories and instances of a module.

    Args:
        namespace: The imported module.
        arguments: Arguments for the class or factory.
    """

    def __init__(self, namespace: ModuleType, arguments: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self._arguments = arguments
        self.written = ModelOfFile(Path(namespace.__file__ or ""))
        self.classes = class_names(namespace)
        self._models = self.written.models(self.classes) or self.classes
        self.tops = self._models
        if len(self._models) > 1:
            self.tops = self.written.tops(self._models)
        # If the file defines classes, module-level layers of other classes are not its model.
        self.instances = _instances(namespace, own=bool(self.classes))

    @property
    def main_class(self) -> str | None:
        """Class that is the model among several tops; None if that is not clear."""
        return self.written.main_class(self._models, self.tops)

    @cached_property
    def factories(self) -> list[str]:
        """Functions that build a model and lack no argument."""
        return factory_names(self._namespace, self._arguments, self.written)

    @cached_property
    def _built(self) -> dict[str, tuple[str, ...]]:
        """Classes that each factory builds by its body, or by its annotation."""
        annotated = {each: _returned_class(getattr(self._namespace, each)) for each in self.factories}
        named = {
            each: (returned.__name__,)
            for each, returned in annotated.items()
            if returned is not None and returned.__name__ in self.classes
        }
        return {**named, **self.written.factories()}

    def factories_of(self, name: str) -> list[str]:
        """Return the factories of one class, or of a class that the text does not show."""
        return [each for each in self.factories if name in self._built.get(each, (name,))]

    def is_ready(self, name: str) -> bool:
        """Return whether nothing lacks for a call of a class or function."""
        return _takes_no_more(getattr(self._namespace, name), self._arguments)

    def preferred(self, name: str, factories: Sequence[str]) -> Choice:
        """Choose among several factories of one class, with a note on the others."""
        chosen, reason = self.written.preferred(factories)
        others = [each for each in factories if each != chosen]
        return Choice(chosen, f"chose {chosen} ({reason}); {name} is also built by: {_some(others)}")

    def note(self, chosen: str) -> str | None:
        """Return a sentence about the other models of the file; None without any."""
        others = [each for each in (*self.tops, *self.written.left_out) if each != chosen]
        return f"chose {chosen}; other models of the file: {_some(others)}" if others else None

    def several(self, target: Target) -> LoadError:
        """Return the error for several models: what needs no arguments is listed first."""
        tops = self.tops
        factories = [
            each for each in self.factories if not tops or set(self._built.get(each, tops)) & set(tops)
        ]
        classes = [each for each in tops if self.is_ready(each)]
        ready = list(dict.fromkeys([*classes, *factories, *self.instances]))
        wanting = {each: self._lacking(each) for each in tops if each not in ready}
        lines = {
            "without arguments": _some(ready),
            "with arguments": _some([f"{each}({', '.join(lacks)})" for each, lacks in wanting.items()]),
            "parts and losses": _some([each for each in self.classes if each not in tops]),
        }
        proposed = [*ready, *wanting]
        if self.written.are_adversaries(tops) and len(tops) <= _MOST_PROPOSED:
            proposed = list(tops)
        else:
            proposed = proposed[:1]
        commands = [
            " ".join(
                [f"{target.text}:{each}", *(f"--arg {lack}=VALUE" for lack in wanting.get(each, ()))]
            )
            for each in proposed
        ]
        return LoadError(
            f"{target.text} defines several models",
            cause="\n".join(f"{kind}: {names}" for kind, names in lines.items() if names),
            hint=f"choose one: {' or '.join(commands)}",
        )

    def _lacking(self, name: str) -> list[str]:
        return _lacking(getattr(self._namespace, name), self._arguments)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_LISTED])
    return shown + (f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else "")


def _only_function(target: Target, namespace: ModuleType, arguments: Mapping[str, Any]) -> str:
    """Return the only function of a file that has no class, factory or instance.

    Raises:
        LoadError: It has none that needs no argument and does no work.
    """
    functions = _functions(namespace)
    ready = [each for each in functions if _takes_no_more(getattr(namespace, each), arguments)]
    if len(ready) == 1 and _is_pure_factory(namespace, ready[0]):
        return ready[0]
    raise LoadError(
        f"{target.text} defines no nn.Module class",
        hint=f"name a function that returns the model, or an instance: {target.text}:"
        + (f"{functions[0]} (its functions are: {', '.join(functions)})" if functions else "NAME"),
    )


def class_names(namespace: ModuleType) -> list[str]:
    """List the nn.Module classes that a module defines itself."""
    names: dict[int, str] = {}  # by address: a metaclass may define how classes hash
    for name, value in vars(namespace).items():
        if (
            is_a(value, type)
            and issubclass(value, nn.Module)
            and defining_module(value) == namespace.__name__
        ):
            names.setdefault(id(value), name)  # a class with two names is one candidate
    return list(names.values())


def _functions(namespace: ModuleType) -> list[str]:
    """List the functions that a module defines itself."""
    names: dict[int, str] = {}  # a function with two names is one candidate
    for name, value in vars(namespace).items():
        if (
            type(value) is FunctionType
            and value.__module__ == namespace.__name__
            and not name.startswith("_")
        ):
            names.setdefault(id(value), name)
    return list(names.values())


def factory_names(
    namespace: ModuleType, arguments: Mapping[str, Any], written: ModelOfFile | None = None
) -> list[str]:
    """List the functions that build a model and lack no argument; only one with a usual name if any.

    They are recognised by a usual name, by an annotation, or by a body that only builds a model.

    Args:
        namespace: The imported module.
        arguments: Arguments for the function.
        written: Facts about the file of the module; None to read it.
    """
    built = (written or ModelOfFile(Path(namespace.__file__ or ""))).factories()
    names = []
    for name in _functions(namespace):
        function = getattr(namespace, name)
        if (
            (name in FACTORIES or name in built or _returned_class(function) is not None)
            and _takes_no_more(function, arguments)
            and _takes_all(function, arguments)
        ):
            names.append(name)
    known = [name for name in names if name in FACTORIES]
    return known if len(known) == 1 else names


def _is_pure_factory(namespace: ModuleType, name: str) -> bool:
    """Return whether a function returns a value and does no work, by its name and its calls."""
    tree = _tree(namespace)
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return (
        len(defined) == 1
        and any(isinstance(each, ast.Return) and each.value for each in walk_here(defined[0].body))
        and not WorkReader(tree).does_work(ast.parse(f"{name}()").body[0])
    )


def _returned_class(function: Callable[..., Any]) -> type[nn.Module] | None:
    """Return the module class that a function is annotated to return; None for anything else."""
    try:
        returned = typing.get_type_hints(function).get("return")
    except Exception:  # an annotation may be any expression
        return None
    return returned if is_a(returned, type) and issubclass(returned, nn.Module) else None


def _lacking(function: Callable[..., Any], arguments: Mapping[str, Any]) -> list[str]:
    """Return the arguments without a default that were not given."""
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        each.name
        for each in parameters
        if each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        and each.name not in arguments
    ]


def _takes_no_more(function: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Return whether these arguments suffice for a call."""
    return not _lacking(function, arguments)


def _takes_all(function: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Return whether a function accepts all of some arguments."""
    if not arguments:
        return True
    try:
        parameters = signature_of(function).parameters
    except (TypeError, ValueError):
        return True
    return set(arguments) <= parameters.keys() or any(
        each.kind is each.VAR_KEYWORD for each in parameters.values()
    )


def _instances(namespace: ModuleType, *, own: bool) -> list[str]:
    names: dict[int, str] = {}
    for name, value in vars(namespace).items():
        if own and defining_module(type(value)) != namespace.__name__:
            continue
        if is_a(value, nn.Module) and not name.startswith("_"):
            names.setdefault(id(value), name)
    return list(names.values())


def _tree(namespace: ModuleType) -> ast.Module:
    """Parse the file of a module; empty if that fails."""
    try:
        return ast.parse(Path(namespace.__file__ or "").read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])
