"""From a target to a live module: import, find, construct."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch
from torch import nn

from netinspect.errors import LoadError, closest
from netinspect.observe.frames import callable_place, raising_line
from netinspect.observe.guest import preserved_defaults
from netinspect.observe.seeds import preserved_randomness, seed_everything
from netinspect.sources.hollow import Hollow
from netinspect.sources.libraries.network import network
from netinspect.sources.target import Target

Lane = Literal["real", "meta", "hollow", "fake"]
"""What the tensors of a model are: see `Trace.lane`."""

MAIN_CLASS = "MODEL"
"""A module-level constant that names the main class of a file with several."""


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
        return isinstance(self.found, nn.Module)

    def build(self, lane: Lane = "real") -> tuple[nn.Module, Lane]:
        """Construct the model; each time anew, unless it is an instance.

        Args:
            lane: What its tensors shall be.

        Returns:
            The model, and what its tensors are: one without any large tensor is real, not hollow.

        Raises:
            LoadError: It cannot be constructed so.
        """
        with preserved_randomness(), preserved_defaults(), _network(self.target, self.online):
            # Again: what the import drew, or loaded, must not change the weights.
            seed_everything(self.seed)
            if lane == "meta":
                with torch.device("meta"):
                    model = self._construct()
                _suit_meta(model)
                return model, lane
            if lane == "hollow":
                with Hollow() as hollow:
                    model = self._construct()
                return model, "hollow" if hollow.made else "real"
            return self._construct(), lane

    def _construct(self) -> nn.Module:
        return _construct(self.target, self.name, self.found, self.arguments)


def _suit_meta(model: nn.Module) -> None:
    """Have transformers multiply by experts in batches: on the meta device its groups want bfloat16."""
    choose = getattr(model, "set_experts_implementation", None)
    is_bfloat16 = any(parameter.dtype is torch.bfloat16 for parameter in model.parameters())
    if callable(choose) and not is_bfloat16:
        with suppress(ValueError):  # a model without experts
            choose("batched_mm")


def find_blueprint(
    target: Target, arguments: Mapping[str, Any], *, seed: int = 0, online: bool = False
) -> Blueprint:
    """Import what a target names.

    This runs the code of the file or package, as asked.

    Args:
        target: Of any kind but `saved`.
        arguments: Keyword arguments of the class or factory.
        seed: Seed of the initial weights.
        online: Whether a library may fetch a configuration; weights are never fetched.

    Raises:
        LoadError: It does not import, or holds no such name.
    """
    with preserved_randomness(), preserved_defaults(), _network(target, online):
        seed_everything(seed)
        if target.kind == "library":
            name = target.name or ""
            found: Any = _library_builder(target.place, name, online=online)
        else:
            namespace = _import(target)
            name = target.name or _only_candidate(target, namespace)
            found = _look_up(target, namespace, name)
    return Blueprint(
        target=target, name=name, found=found, arguments=arguments, seed=seed, online=online
    )


def call_function(target: Target, *, seed: int = 0) -> Any:
    """Call a function without arguments that a target names, such as one that makes inputs.

    Raises:
        LoadError: It does not import, is no function, or raises.
    """
    blueprint = find_blueprint(target, {}, seed=seed)
    if not callable(blueprint.found) or isinstance(blueprint.found, nn.Module):
        raise LoadError(
            f"{target.text} is {_indefinite(type(blueprint.found).__name__)}, not a function",
            hint="name a function without arguments that returns what forward shall be called with",
        )
    with preserved_randomness(), preserved_defaults(), _user_code(f"cannot call {target.text}"):
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
    with _user_code(f"cannot find {name} in {library}"):
        adapter = importlib.import_module(f"netinspect.sources.libraries.{library}")
        builder: Callable[..., Any] = adapter.find_builder(name, online=online)
        return builder


def _import(target: Target) -> ModuleType:
    with _user_code(f"cannot import {target.place}"):
        if target.kind == "dotted":
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                # As `python -m` does: a package in the current folder is found.
                sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(target.place)
        return _import_file(Path(target.place).resolve())


def _import_file(path: Path) -> ModuleType:
    name = _module_name(path)
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise LoadError(f"{path} is not a Python file")
    folder = str(path.parent)
    # As for a script: files beside it can be imported, and are found first.
    sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
    _forget_siblings(folder)
    before = set(sys.modules)
    module = importlib.util.module_from_spec(specification)
    replaced = sys.modules.get(name)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:  # Ctrl-C too must not leave a half-imported module to be found
        del sys.modules[name]
        if replaced is not None:
            sys.modules[name] = replaced
        raise
    finally:
        _siblings.setdefault(folder, set()).update(
            each
            for each in sys.modules.keys() - before - {name}
            if _is_in(folder, getattr(sys.modules[each], "__file__", None) or "")
        )
    return module


_siblings: dict[str, set[str]] = {}
"""Names of the modules that targets have imported from their own folder, by folder."""


def _is_in(folder: str, file: str) -> bool:
    """Whether a file is the folder's own; a virtual environment often lies in a project's folder."""
    inside = file.removeprefix(folder + os.sep)
    return inside != file and not {"site-packages", "dist-packages"} & set(Path(inside).parts)


def _forget_siblings(folder: str) -> None:
    """Make room for a file's siblings: those of another folder may have the same names."""
    for other in _siblings.keys() - {folder}:
        for name in _siblings.pop(other):
            sys.modules.pop(name, None)


def _module_name(path: Path) -> str:
    """Choose the name that a file is imported under: its own, where nothing else has it."""
    name = path.stem
    if not name.isidentifier() or name in sys.stdlib_module_names:
        name = f"netinspect_target_{name}"
    free, number = name, 1
    while free in sys.modules and getattr(sys.modules[free], "__file__", None) != str(path):
        number += 1
        free = f"netinspect_target_{path.stem}_{number}"
    return free


def _only_candidate(target: Target, namespace: ModuleType) -> str:
    main = getattr(namespace, MAIN_CLASS, None)
    if isinstance(main, str):
        return main
    candidates = _candidates(namespace)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise LoadError(
            f"{target.text} defines no nn.Module class",
            hint=f"name a factory function or an instance: {target.text}:NAME",
        )
    raise LoadError(
        f"{target.text} defines several nn.Module classes",
        cause=f"they are: {', '.join(candidates)}",
        hint=f"choose one: {target.text}:{candidates[-1]}",
    )


def _candidates(namespace: ModuleType) -> list[str]:
    names: dict[type, str] = {}
    for name, value in vars(namespace).items():
        if (
            isinstance(value, type)
            and issubclass(value, nn.Module)
            and value.__module__ == namespace.__name__
        ):
            names.setdefault(value, name)  # a class under two names is one candidate
    return list(names.values())


def _look_up(target: Target, namespace: ModuleType, name: str) -> Any:
    found: Any = namespace
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = [each for each in vars(namespace) if not each.startswith("_")]
            candidates = _candidates(namespace)
            listed = f"its nn.Module classes are: {', '.join(candidates)}" if candidates else None
            raise LoadError(
                f"there is no {name!r} in {target.place}", hint=closest(name, known) or listed
            ) from None
    return found


def _construct(target: Target, name: str, found: Any, arguments: Mapping[str, Any]) -> nn.Module:
    if isinstance(found, nn.Module):
        if arguments:
            raise LoadError(f"{name} is an instance, and takes no --arg", hint="name its class instead")
        return found
    if not callable(found):
        raise LoadError(
            f"{name} in {target.place} is {_indefinite(type(found).__name__)}, not a model",
            hint="name an nn.Module class, a function that returns one, or an instance",
        )
    if isinstance(found, type) and not issubclass(found, nn.Module):
        raise LoadError(
            f"{name} in {target.place} is a class, but not an nn.Module",
            hint="name an nn.Module class, a function that returns one, or an instance",
        )
    _check_arguments(target, name, found, arguments)
    with _user_code(f"cannot build {name} from {target.place}"):
        model = found(**arguments)
    if not isinstance(model, nn.Module):
        raise LoadError(
            f"{name} in {target.place} returned {_indefinite(type(model).__name__)}, not an nn.Module",
            hint="name an nn.Module class, a function that returns one, or an instance",
        )
    return model


def _indefinite(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _check_arguments(target: Target, name: str, function: Any, arguments: Mapping[str, Any]) -> None:
    """Tell missing and unknown arguments before the call, where the names are known."""
    try:
        signature = inspect.signature(function)
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
        constructor = vars(function).get("__init__") if isinstance(function, type) else function
        _, file, line = callable_place(constructor)
        raise LoadError(
            f"cannot build {name} from {target.place}",
            cause=f"it wants {', '.join(missing)}",
            place=f"{file}:{line}" if file else None,
            hint="pass it with "
            + " ".join(f"--arg {key}=VALUE" for key in missing)
            + ", or name a factory function",
        )


@contextmanager
def _user_code(failed: str) -> Iterator[None]:
    """Run code of the user's: tell its exceptions at their own line."""
    try:
        yield
    except LoadError:
        raise
    except SyntaxError as error:
        raise LoadError(
            failed,
            cause=f"{type(error).__name__}: {error.msg}\n{(error.text or '').strip()}".rstrip(),
            place=f"{error.filename}:{error.lineno}",
            hint="mend that line; Python cannot read the file",
        ) from error
    except SystemExit as error:
        raise LoadError(
            failed,
            cause=f"it ended the program (exit {error.code})",
            place=_spell_place(error),
            hint='guard what runs as a script with: if __name__ == "__main__"',
        ) from error
    except Exception as error:  # whatever the user's code raises is told as a load error
        raise LoadError(
            failed,
            cause=f"{type(error).__name__}: {error}",
            place=_spell_place(error),
            hint=_import_hint(error),
        ) from error


def _spell_place(error: BaseException) -> str | None:
    line = raising_line(error)
    # Frames of the import machinery have no file that a user could open.
    return None if line is None or line.file.startswith("<") else f"{line.file}:{line.line}"


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """Give an exception, and those that it was raised in the handling of."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _import_hint(error: Exception) -> str | None:
    if any("operator torchvision::" in str(each) for each in _with_causes(error)):
        return (
            "torchvision was built for another torch: install both again from the same index, as in "
            "pip install --force-reinstall torch torchvision"
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"is {error.name.partition('.')[0]} installed in this Python environment?"
    return "--debug shows the whole traceback"
