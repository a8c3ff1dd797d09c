"""Model factories: import of a target, search for its model class, and construction of the model."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import CoroutineType, ModuleType
from typing import Any, Literal

import torch
from torch import nn

from netinspect._utils.classes import is_a, namespace_of, plain_name
from netinspect._utils.process import begin_phase
from netinspect._utils.signatures import signature_of
from netinspect.errors import LoadError, UsageError, suggestion
from netinspect.records.request import Target
from netinspect.targets.argument_values import text_hint, with_named_values
from netinspect.targets.isolation.project_imports import project_code
from netinspect.targets.libraries.network import network
from netinspect.targets.load_hints import download_hint
from netinspect.targets.named_object import choose_name, find_attribute, import_target
from netinspect.targets.nearby.choose import Nearby, find_nearby
from netinspect.targets.only_candidate import factory_names
from netinspect.targets.user_code_errors import user_code_errors
from netinspect.targets.zero_weights import ZeroWeights
from netinspect.tracing.definitions import callable_location
from netinspect.tracing.model.members import parameters, registered_tensors
from netinspect.tracing.safe_access import is_users_class
from netinspect.tracing.snapshot.random_state import preserved_randomness, seed_everything
from netinspect.tracing.tensors.inner_tensors import is_sparse
from netinspect.tracing.user_warnings import at_the_users_line

TensorMode = Literal["real", "meta", "zeros", "fake"]
"""Tensor mode of a model: see `Trace.tensor_mode`."""


@dataclass(frozen=True, slots=True)
class ModelFactory:
    """The class, factory function or instance of a target, and the arguments to build the model."""

    target: Target
    name: str
    found: Any
    """A class, a factory function or an instance."""

    arguments: Mapping[str, Any]
    seed: int
    online: bool
    namespace: ModuleType | None = None
    """Module in which it was found; None for a library model."""

    nearby: Nearby = field(default_factory=Nearby)
    """Required arguments that were not given, as the project writes them down."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each place from which arguments were read."""
        return self.nearby.notes

    @property
    def is_built(self) -> bool:
        """True if the target is an instance, which needs no construction."""
        return is_a(self.found, nn.Module)

    def build(self, tensor_mode: TensorMode = "real") -> tuple[nn.Module, TensorMode]:
        """Construct a new model, or return the instance.

        Args:
            tensor_mode: Tensor mode.

        Returns:
            The model and its tensor mode: a model without large tensors is real, not zero-filled.

        Raises:
            LoadError: The construction fails.
        """
        with preserved_randomness(), project_code(), _network(self.target, self.online):
            # Seed again: random numbers drawn by the import must not change the weights.
            seed_everything(self.seed)
            if tensor_mode == "meta":
                with torch.device("meta"):
                    model = self._construct()
                adapt_to_meta(model)
                return model, tensor_mode
            if tensor_mode == "zeros":
                with ZeroWeights() as zeros:
                    model = self._construct()
                if zeros.made and any(map(is_sparse, registered_tensors(model))):
                    # The size of a sparse tensor depends on its values; one of zeros would be empty.
                    return self.build("real")
                return model, "zeros" if zeros.made else "real"
            return self._construct(), tensor_mode

    def _construct(self) -> nn.Module:
        begin_phase(f"building {self.name}")
        _check_arguments(self)
        if not self.nearby.values:
            return _construct(self.target, self.name, self.found, self.arguments)
        try:
            with user_code_errors(f"cannot build {self.name} from {self.target.place}"):
                arguments = {**self.nearby.live(), **self.arguments}
            return _construct(self.target, self.name, self.found, arguments)
        except LoadError as error:
            error.hint = "\n".join([*filter(None, [error.hint]), *self.notes])
            raise


def adapt_to_meta(model: nn.Module) -> bool:
    """Switch the experts of a transformers model to batched multiplication.

    The default, grouped multiplication, requires bfloat16 on tensors without values.

    Returns:
        Whether the model has experts that were switched.
    """
    if is_users_class(type(model)):
        return False
    choose = getattr(model, "set_experts_implementation", None)
    is_bfloat16 = any(parameter.dtype is torch.bfloat16 for parameter in parameters(model))
    if callable(choose) and not is_bfloat16:
        with suppress(ValueError):  # a model without experts
            choose("batched_mm")
            return True
    return False


def find_factory(
    target: Target,
    arguments: Mapping[str, Any],
    *,
    seed: int = 0,
    online: bool = False,
    run_file: bool = False,
) -> ModelFactory:
    """Import a target and find its class, factory function or instance.

    This runs code of the file or package; see `ProjectLoader` for which parts.

    Args:
        target: A target of any kind but `saved`.
        arguments: Keyword arguments of the class or factory.
        seed: Seed of the initial weights.
        online: Whether a library may download a configuration; weights are never downloaded.
        run_file: Whether to run files whole, including statements that do work.

    Raises:
        LoadError: The import fails, or the name does not exist.
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
            namespace: ModuleType | None = None
        else:
            namespace = import_target(target, project)
            name = target.name or choose_name(target, namespace, arguments, project)
            with user_code_errors(f"cannot import {target.place}"):
                found = find_attribute(target, namespace, name)
        with user_code_errors(f"cannot build {name} from {target.place}"):
            arguments = with_named_values(found, arguments, namespace)
        nearby = Nearby()
        if namespace is not None and (missing := _missing_arguments(found, arguments)):
            nearby = find_nearby(found, name, missing, arguments)
    return ModelFactory(
        target=target,
        name=name,
        found=found,
        arguments=arguments,
        seed=seed,
        online=online,
        namespace=namespace,
        nearby=nearby,
    )


def call_function(target: Target, *, seed: int = 0, run_file: bool = False) -> Any:
    """Call the function of a target without arguments, such as one that returns inputs.

    Args:
        target: Target that names the function.
        seed: Seed of the random numbers in the function.
        run_file: As for `find_factory`.

    Raises:
        UsageError: The target does not name a function.
        LoadError: The import fails, the name is not a function, or the function raises.
    """
    if target.name is None:
        raise UsageError(
            f"{target.text} does not name a function",
            hint="name a function that returns the inputs of forward, such as data.py:make",
        )
    factory = find_factory(target, {}, seed=seed, run_file=run_file)
    if not callable(factory.found) or isinstance(factory.found, nn.Module):
        raise LoadError(
            f"{target.text} is {_indefinite(factory.found)}, not a function",
            hint="name a function without arguments that returns the inputs of forward",
        )
    with preserved_randomness(), project_code(), user_code_errors(f"cannot call {target.text}"):
        seed_everything(seed)
        return factory.found()


def _network(target: Target, online: bool) -> AbstractContextManager[None]:
    """Return a context that keeps a library offline; user code is not restricted."""
    return network(allowed=online or target.kind != "library")


def _library_builder(library: str, name: str, *, online: bool) -> Callable[..., Any]:
    with user_code_errors(f"cannot find {name} in {library}"):
        begin_phase(f"importing {library}")
        adapter = importlib.import_module(f"netinspect.targets.libraries.{library}")
        builder: Callable[..., Any] = adapter.find_builder(name, online=online)
        return builder


def _construct(target: Target, name: str, found: Any, arguments: Mapping[str, Any]) -> nn.Module:
    if is_a(found, nn.Module):
        if arguments:
            raise LoadError(
                f"{name} is an instance, which takes no --arg", hint="name its class instead"
            )
        return found
    if not callable(found):
        raise LoadError(
            f"{name} in {target.place} is {_indefinite(found)}, not a model", hint=_hint_for(found)
        )
    if is_a(found, type) and not issubclass(found, nn.Module):
        raise LoadError(f"{name} in {target.place} is a class, but not an nn.Module", hint=_NAME_A_MODEL)
    failed = f"cannot build {name} from {target.place}"
    hints = text_hint(found, arguments), download_hint(found, arguments)
    with user_code_errors(failed, *hints), at_the_users_line():
        model = run_constructor(found, arguments)
    if not is_a(model, nn.Module):
        if type(model) is CoroutineType:
            model.close()  # otherwise Python warns that it was never awaited
        raise LoadError(
            f"{name} in {target.place} returned {_indefinite(model)}, not an nn.Module",
            hint=_hint_for(model),
        )
    return model


_NAME_A_MODEL = "name an nn.Module class, a function that returns one, or an instance"


def _hint_for(found: Any) -> str:
    """Return a hint for a value that is not a module; for a container of modules, how to wrap it."""
    is_keyed = type(found) is dict
    if is_keyed or type(found) in (tuple, list):
        modules = [
            (key, each)
            for key, each in (found.items() if is_keyed else enumerate(found))
            if is_a(each, nn.Module)
        ]
        if modules:
            wrapper = "nn.ModuleDict" if is_keyed else "nn.ModuleList"
            key, first = modules[0]
            return (
                f"it contains {len(modules)} module{'s' * (len(modules) > 1)}: return one of them, such "
                f"as [{key!r}] ({plain_name(type(first))}), or all in an {wrapper}"
            )
    return _NAME_A_MODEL


def run_constructor(function: Any, arguments: Mapping[str, Any]) -> Any:
    """Call a class or factory. `at_the_users_line` searches stack frames only up to this function."""
    return function(**arguments)


def _indefinite(value: Any) -> str:
    noun = plain_name(type(value))
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _signature(function: Any) -> Mapping[str, inspect.Parameter] | None:
    """Return the parameters of a class or factory; None if they are not known."""
    if not callable(function) or is_a(function, nn.Module):
        return None
    if is_a(function, type) and not issubclass(function, nn.Module):
        return None
    try:
        return signature_of(function).parameters
    except (TypeError, ValueError):
        return None


def _missing_arguments(function: Any, arguments: Mapping[str, Any]) -> list[str]:
    """Return the required arguments that were not given."""
    return [
        key
        for key, entry in (_signature(function) or {}).items()
        if entry.default is entry.empty
        and entry.kind not in (entry.VAR_POSITIONAL, entry.VAR_KEYWORD)
        and key not in arguments
    ]


def _check_arguments(factory: ModelFactory) -> None:
    """Report missing and unknown arguments before the call, if the signature is known."""
    target, name, function = factory.target, factory.name, factory.found
    arguments = factory.arguments
    parameters = _signature(function)
    if parameters is None:
        return
    open_ended = any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values())
    unknown = [key for key in arguments if key not in parameters]
    if unknown and not open_ended:
        raise LoadError(
            f"cannot build {name} from {target.place}",
            cause=f"it has no argument {unknown[0]!r}",
            hint=suggestion(unknown[0], parameters)
            or f"its arguments are: {', '.join(parameters) or 'none'}",
        )
    missing = _missing_arguments(function, {**factory.nearby.values, **arguments})
    if missing:
        constructor = namespace_of(function).get("__init__") if is_a(function, type) else function
        _, file, line = callable_location(constructor)
        raise LoadError(
            f"cannot build {name} from {target.place}",
            cause=f"missing arguments: {', '.join(missing)}",
            place=f"{file}:{line}" if file else None,
            hint=_hint_for_missing(factory, missing),
        )


def _hint_for_missing(factory: ModelFactory, missing: list[str]) -> str:
    """Return a hint for missing arguments: pass them, or name a function that passes them."""
    place = factory.target.place
    passed = " ".join(f"--arg {key}=VALUE" for key in missing)
    written = "".join(f"\n  {line}" for line in factory.nearby.offers)
    if written:
        written = f"\nthe project passes:{written}"
    namespace = factory.namespace
    found = factory_names(namespace, {}) if namespace is not None else []
    others = [name for name in found if name != factory.name]
    if others:
        names = " or ".join(others)
        return (
            f"pass it with {passed}{written}\nor name a function that builds the model: {place}:{names}"
        )
    where = f": {place}:build" if factory.target.kind == "file" else ""
    return (
        f"pass it with {passed}{written}\nif the value is not a literal, as for a configuration: pass a "
        f"file, as in --arg {missing[0]}=@config.json, or write a function that returns the model, and "
        f"name it{where}"
    )
