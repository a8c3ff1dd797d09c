"""From a target to a live module: import, find, construct."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from netinspect.errors import LoadError, UsageError, closest
from netinspect.kinds import is_a, namespace_of, plain_name
from netinspect.observe.frames import callable_place
from netinspect.observe.inert import is_users_class
from netinspect.observe.members import parameters
from netinspect.observe.seeds import preserved_randomness, seed_everything
from netinspect.signatures import signature_of
from netinspect.sources.choice import class_names, only_candidate
from netinspect.sources.hollow import Hollow
from netinspect.sources.imports import import_file, import_package
from netinspect.sources.libraries.network import network
from netinspect.sources.project import Project, project_code
from netinspect.sources.surroundings import current_folder
from netinspect.sources.target import Target
from netinspect.sources.user_code import user_code

Lane = Literal["real", "meta", "hollow", "fake"]
"""What the tensors of a model are: see `Trace.lane`."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a target names, found but not built."""

    target: Target
    name: str
    found: Any
    """A class, a factory or an instance."""

    arguments: Mapping[str, Any]
    seed: int
    online: bool

    @property
    def is_built(self) -> bool:
        """Whether it is an instance already, so that nothing is left to choose."""
        return is_a(self.found, nn.Module)

    def build(self, lane: Lane = "real") -> tuple[nn.Module, Lane]:
        """Construct the model; each time anew, unless it is an instance.

        Args:
            lane: What its tensors shall be.

        Returns:
            The model, and what its tensors are: one without any large tensor is real, not hollow.

        Raises:
            LoadError: It cannot be constructed so.
        """
        with preserved_randomness(), project_code(), _network(self.target, self.online):
            # Again: what the import drew, or loaded, must not change the weights.
            seed_everything(self.seed)
            if lane == "meta":
                with torch.device("meta"):
                    model = self._construct()
                suit_meta(model)
                return model, lane
            if lane == "hollow":
                with Hollow() as hollow:
                    model = self._construct()
                return model, "hollow" if hollow.made else "real"
            model = self._construct()
            if lane == "fake":
                suit_meta(model)
            return model, lane

    def _construct(self) -> nn.Module:
        return _construct(self.target, self.name, self.found, self.arguments)


def suit_meta(model: nn.Module) -> None:
    """Have transformers multiply by experts in batches: without values, its groups want bfloat16."""
    if is_users_class(type(model)):
        return
    choose = getattr(model, "set_experts_implementation", None)
    is_bfloat16 = any(parameter.dtype is torch.bfloat16 for parameter in parameters(model))
    if callable(choose) and not is_bfloat16:
        with suppress(ValueError):  # a model without experts
            choose("batched_mm")


def find_blueprint(
    target: Target,
    arguments: Mapping[str, Any],
    *,
    seed: int = 0,
    online: bool = False,
    run_file: bool = False,
) -> Blueprint:
    """Import what a target names.

    This runs the code of the file or package, as asked; see `project_code` for how much of it.

    Args:
        target: Of any kind but `saved`.
        arguments: Keyword arguments of the class or factory.
        seed: Seed of the initial weights.
        online: Whether a library may fetch a configuration; weights are never fetched.
        run_file: Whether files are run whole, though they do work when they are imported.

    Raises:
        LoadError: It does not import, or holds no such name.
    """
    with (
        preserved_randomness(),
        _network(target, online),
        project_code(whole=run_file) as project,
    ):
        seed_everything(seed)
        if target.kind == "library":
            name = target.name or ""
            found: Any = _library_builder(target.place, name, online=online)
        else:
            namespace = _import(target, project)
            name = target.name or only_candidate(target, namespace, arguments)
            with user_code(f"cannot import {target.place}"):
                found = _look_up(target, namespace, name)
    return Blueprint(
        target=target,
        name=name,
        found=found,
        arguments=arguments,
        seed=seed,
        online=online,
    )


def call_function(target: Target, *, seed: int = 0, run_file: bool = False) -> Any:
    """Call a function without arguments that a target names, such as one that makes inputs.

    Args:
        target: The function.
        seed: Seed of whatever it draws.
        run_file: As for `find_blueprint`.

    Raises:
        UsageError: The target names none.
        LoadError: It does not import, is no function, or raises.
    """
    if target.name is None:
        raise UsageError(
            f"{target.text} names no function",
            hint="name one that returns what forward shall be called with, such as data.py:make",
        )
    blueprint = find_blueprint(target, {}, seed=seed, run_file=run_file)
    if not callable(blueprint.found) or isinstance(blueprint.found, nn.Module):
        raise LoadError(
            f"{target.text} is {_indefinite(blueprint.found)}, not a function",
            hint="name a function without arguments that returns what forward shall be called with",
        )
    with preserved_randomness(), project_code(), user_code(f"cannot call {target.text}"):
        seed_everything(seed)
        return blueprint.found()


def build_module(
    target: Target, arguments: Mapping[str, Any], *, seed: int, online: bool = False
) -> nn.Module:
    """Import what a target names, and construct the model with all its weights.

    Raises:
        LoadError: It does not import, holds no such name, or cannot be constructed.
    """
    return find_blueprint(target, arguments, seed=seed, online=online).build()[0]


def _network(target: Target, online: bool) -> AbstractContextManager[None]:
    """Keep a library off the network; what a user's own code does there is the user's affair."""
    return network(allowed=online or target.kind != "library")


def _library_builder(library: str, name: str, *, online: bool) -> Callable[..., Any]:
    with user_code(f"cannot find {name} in {library}"):
        adapter = importlib.import_module(f"netinspect.sources.libraries.{library}")
        builder: Callable[..., Any] = adapter.find_builder(name, online=online)
        return builder


def _import(target: Target, project: Project) -> ModuleType:
    with user_code(f"cannot import {target.place}"):
        if target.kind == "dotted":
            if (here := current_folder()) is not None:
                # As `python -m` does: a package in the current folder is found.
                project.add([here])
            return import_package(target.place, project, target.name)
        return import_file(Path(target.place).resolve(), project, target.name)


def _look_up(target: Target, namespace: ModuleType, name: str) -> Any:
    found: Any = namespace
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = [each for each in vars(namespace) if not each.startswith("_")]
            candidates = class_names(namespace)
            listed = f"its nn.Module classes are: {', '.join(candidates)}" if candidates else None
            raise LoadError(
                f"there is no {name!r} in {target.place}", hint=closest(name, known) or listed
            ) from None
    return found


def _construct(target: Target, name: str, found: Any, arguments: Mapping[str, Any]) -> nn.Module:
    if is_a(found, nn.Module):
        if arguments:
            raise LoadError(f"{name} is an instance, and takes no --arg", hint="name its class instead")
        return found
    if not callable(found):
        raise LoadError(
            f"{name} in {target.place} is {_indefinite(found)}, not a model",
            hint="name an nn.Module class, a function that returns one, or an instance",
        )
    if is_a(found, type) and not issubclass(found, nn.Module):
        raise LoadError(
            f"{name} in {target.place} is a class, but not an nn.Module",
            hint="name an nn.Module class, a function that returns one, or an instance",
        )
    _check_arguments(target, name, found, arguments)
    with user_code(f"cannot build {name} from {target.place}"):
        model = found(**arguments)
    if not is_a(model, nn.Module):
        raise LoadError(
            f"{name} in {target.place} returned {_indefinite(model)}, not an nn.Module",
            hint="name an nn.Module class, a function that returns one, or an instance",
        )
    return model


def _indefinite(value: Any) -> str:
    noun = plain_name(type(value))
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _check_arguments(target: Target, name: str, function: Any, arguments: Mapping[str, Any]) -> None:
    """Tell missing and unknown arguments before the call, where the names are known."""
    try:
        signature = signature_of(function)
    except (TypeError, ValueError):
        return
    parameters = signature.parameters
    open_ended = any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values())
    unknown = [key for key in arguments if key not in parameters]
    if unknown and not open_ended:
        raise LoadError(
            f"cannot build {name} from {target.place}",
            cause=f"it takes no argument {unknown[0]!r}",
            hint=closest(unknown[0], parameters)
            or f"its arguments are: {', '.join(parameters) or 'none'}",
        )
    missing = [
        key
        for key, entry in parameters.items()
        if entry.default is entry.empty
        and entry.kind not in (entry.VAR_POSITIONAL, entry.VAR_KEYWORD)
        and key not in arguments
    ]
    if missing:
        constructor = namespace_of(function).get("__init__") if is_a(function, type) else function
        _, file, line = callable_place(constructor)
        raise LoadError(
            f"cannot build {name} from {target.place}",
            cause=f"it wants {', '.join(missing)}",
            place=f"{file}:{line}" if file else None,
            hint="pass it with "
            + " ".join(f"--arg {key}=VALUE" for key in missing)
            + "\nwhere that will not do, as for a configuration: write a function that returns the "
            f"model, and name it{f': {target.place}:build' if target.kind == 'file' else ''}",
        )
