"""Check of names in targets before torch is imported, by reading files only.

Only names that are certainly wrong are refused; for all others, the import decides.
"""

from __future__ import annotations

import pkgutil
import sys
from pathlib import Path

from netinspect.errors import LoadError, close_matches, suggestion
from netinspect.records.request import Target
from netinspect.targets.libraries.names import LIBRARIES, check_name
from netinspect.targets.written_names import WrittenNames, find_module, written_names

_PREFIXES = (*LIBRARIES, "hf")
_OF_ANY_MODULE = frozenset({"__name__", "__doc__", "__file__", "__dict__", "__builtins__", "__spec__"})


def check_target(target: Target, *, online: bool = False) -> None:
    """Check the model's name in a target, and the name of its module.

    Raises:
        LoadError: A library, module or file does not have it.
    """
    if target.kind == "library":
        check_name(target.place, target.name or "", online=online)
    elif target.kind == "file" and target.name is not None:
        _check_attribute(target, written_names(Path(target.place)), frozenset())
    elif target.kind == "dotted":
        _check_dotted(target)


def _check_attribute(target: Target, written: WrittenNames, more: frozenset[str]) -> None:
    """Check that a file binds the first part of the name in a target.

    Args:
        target: The target.
        written: Names that the file binds.
        more: Other names that it may have.
    """
    name = (target.name or "").partition(".")[0]
    if not written.is_complete or name in written.names | more | _OF_ANY_MODULE:
        return
    public = [each for each in (*written.defined, *sorted(written.names)) if not each.startswith("_")]
    names = ", ".join(each for each in written.defined if not each.startswith("_"))
    raise LoadError(
        f"{target.place} has no attribute {target.name!r}",
        hint=suggestion(name, public) or (f"it defines {names}" if names else None),
    )


def _check_dotted(target: Target) -> None:
    module = target.place
    # "" is the current folder of this moment; for ".", Python remembers where it was asked first.
    path = ["", *sys.path]
    package = find_module(module.partition(".")[0], path)
    if package is None:
        _refuse_unknown(target)
        return
    found = package if "." not in module else find_module(module, path)
    if found is None:
        _check_submodules(target, path)
        return
    if found.origin is None or not found.origin.endswith(".py") or target.name is None:
        return
    submodules = {each.name for each in pkgutil.iter_modules(found.submodule_search_locations or [])}
    written = written_names(Path(found.origin), module, path)
    _check_attribute(target, written, frozenset(submodules))


def _refuse_unknown(target: Target) -> None:
    """Refuse a target whose package is not installed, unless a module in memory has its name."""
    name = target.place.partition(".")[0]
    if name in sys.modules or name in sys.builtin_module_names:
        return
    near = [] if "." in target.place else close_matches(name, _PREFIXES)
    raise LoadError(
        f"cannot import {target.place}",
        cause=f"ModuleNotFoundError: No module named {name!r}",
        hint=f"did you mean {' or '.join(f'{each}:{target.name}' for each in near)}?"
        if near
        else f"is {name} installed in this Python environment?",
    )


def _check_submodules(target: Target, path: list[str]) -> None:
    """Refuse a module that its package does not have, if the package makes none when it is imported."""
    parts = target.place.split(".")
    for count in range(1, len(parts)):
        package = find_module(".".join(parts[:count]), path)
        if package is None or package.origin is None or not package.origin.endswith(".py"):
            return
        if package.submodule_search_locations is None:
            break  # a module, which has no submodules
        if not written_names(Path(package.origin), ".".join(parts[:count]), path).is_complete:
            return
        names = [each.name for each in pkgutil.iter_modules(package.submodule_search_locations)]
        if parts[count] not in names:
            full = ".".join(parts[: count + 1])
            near = close_matches(parts[count], names)
            meant = [".".join([*parts[:count], each, *parts[count + 1 :]]) for each in near]
            raise LoadError(
                f"cannot import {target.place}",
                cause=f"ModuleNotFoundError: No module named {full!r}",
                hint=f"did you mean {' or '.join(f'{each}:{target.name}' for each in meant)}?"
                if meant
                else f"{'.'.join(parts[:count])} has: {', '.join(names[:20])}"
                if names
                else None,
            )
