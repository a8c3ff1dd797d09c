"""Choice of the model of a file whose target gives no name."""

from __future__ import annotations

import ast
import typing
from collections.abc import Callable, Mapping
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

MAIN_CLASS = "MODEL"
"""Name of the constant in a file that names its main class."""


def single_candidate(target: Target, namespace: ModuleType, arguments: Mapping[str, Any]) -> str:
    """Return the name of the only class, factory function or instance that can be the model of a file.

    In order of precedence, it is the only class, or the class of which all others are parts; the only
    factory function; the only instance; the only function, if it needs no argument, returns a value and
    does no work. A factory or an instance takes precedence over a class that lacks arguments.

    Args:
        target: The target.
        namespace: The imported module.
        arguments: Arguments for the class or factory.

    Raises:
        LoadError: No model is found, or several are.
    """
    main = getattr(namespace, MAIN_CLASS, None)
    if isinstance(main, str):
        return main
    classes = class_names(namespace)
    factories = factory_names(namespace, arguments)
    # If the file defines classes, module-level layers of other classes are not its model.
    instances = _instances(namespace, own=bool(classes))
    others = [found[0] for found in (factories, instances) if len(found) == 1]
    chosen = classes[0] if len(classes) == 1 else _outermost(namespace, classes)
    if chosen is not None:
        ready = _takes_no_more(getattr(namespace, chosen), arguments)
        return others[0] if others and not ready else chosen
    if others:
        return others[0]
    found = {"classes": classes, "factories": factories, "instances": instances}
    listed = "\n".join(f"{kind}: {', '.join(names)}" for kind, names in found.items() if names)
    if not listed:
        functions = _functions(namespace)
        callable_ones = [
            each for each in functions if _takes_no_more(getattr(namespace, each), arguments)
        ]
        if len(callable_ones) == 1 and _is_pure_factory(namespace, callable_ones[0]):
            return callable_ones[0]
        raise LoadError(
            f"{target.text} defines no nn.Module class",
            hint=f"name a function that returns the model, or an instance: {target.text}:"
            + (f"{functions[0]} (its functions are: {', '.join(functions)})" if functions else "NAME"),
        )
    raise LoadError(
        f"{target.text} defines several models",
        cause=listed,
        hint=f"choose one: {target.text}:{(classes or factories or instances)[-1]}",
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
    return [
        name
        for name, value in vars(namespace).items()
        if type(value) is FunctionType
        and value.__module__ == namespace.__name__
        and not name.startswith("_")
    ]


def factory_names(namespace: ModuleType, arguments: Mapping[str, Any]) -> list[str]:
    """List the functions that build a model and lack no argument; only one with a usual name if any."""
    names = []
    for name in _functions(namespace):
        function = getattr(namespace, name)
        if (name in FACTORIES or _returns_module(function)) and _takes_no_more(function, arguments):
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


def _returns_module(function: Callable[..., Any]) -> bool:
    try:
        returned = typing.get_type_hints(function).get("return")
    except Exception:  # an annotation may be any expression
        return False
    return is_a(returned, type) and issubclass(returned, nn.Module)


def _takes_no_more(function: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Return whether these arguments suffice for a call."""
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return all(
        each.default is not each.empty
        or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        or each.name in arguments
        for each in parameters
    )


def _instances(namespace: ModuleType, *, own: bool) -> list[str]:
    names: dict[int, str] = {}
    for name, value in vars(namespace).items():
        if own and defining_module(type(value)) != namespace.__name__:
            continue
        if is_a(value, nn.Module) and not name.startswith("_"):
            names.setdefault(id(value), name)
    return list(names.values())


def _outermost(namespace: ModuleType, classes: list[str]) -> str | None:
    """Return the class of which all other classes of a file are parts, directly or indirectly."""
    used = _uses(namespace, set(classes))
    outermost = []
    for name in classes:
        reached, waiting = {name}, [name]
        while waiting:
            new = used.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        if reached == set(classes) and not any(name in used.get(each, ()) for each in reached - {name}):
            outermost.append(name)
    return outermost[0] if len(outermost) == 1 else None


def _uses(namespace: ModuleType, classes: set[str]) -> dict[str, set[str]]:
    """Return the classes that each class statement of a file refers to."""
    return {
        node.name: {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        & (classes - {node.name})
        for node in _tree(namespace).body
        if isinstance(node, ast.ClassDef)
    }


def _tree(namespace: ModuleType) -> ast.Module:
    """Parse the file of a module; empty if that fails."""
    try:
        return ast.parse(Path(namespace.__file__ or "").read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])
