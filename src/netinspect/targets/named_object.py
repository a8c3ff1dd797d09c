"""Object that a target names: import of its file or module, choice of the name, and its value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from netinspect._utils.process import begin_phase
from netinspect.errors import LoadError, suggestion
from netinspect.records.request import Target
from netinspect.targets.definitions.partial_file import program_of
from netinspect.targets.file_imports import import_file, import_package
from netinspect.targets.isolation.process_state import current_folder
from netinspect.targets.isolation.project_imports import Project
from netinspect.targets.only_candidate import class_names, single_candidate
from netinspect.targets.user_code_errors import user_code_errors


def import_target(target: Target, project: Project) -> ModuleType:
    """Import the file or module of a target.

    Raises:
        LoadError: Its code raised, or it is not a Python file.
    """
    begin_phase(f"importing {target.place if target.kind == 'dotted' else Path(target.place).name}")
    with user_code_errors(f"cannot import {target.place}"):
        if target.kind == "dotted":
            if (here := current_folder()) is not None:
                # As with `python -m`, a package in the current folder is found.
                project.add([here])
            return import_package(target.place, project, target.name)
        return import_file(Path(target.place).resolve(), project, target.name)


def choose_name(
    target: Target, namespace: ModuleType, arguments: Mapping[str, Any], project: Project
) -> str:
    """Return the name of the model of a file, and run what it needs."""
    choice = single_candidate(target, namespace, arguments)
    if choice.note is not None:
        project.choices.append(choice.note)
    program = program_of(namespace)
    if program is not None:
        # A factory may need more than the classes, for which the file has run.
        with user_code_errors(f"cannot import {target.place}"):
            program.prepare(choice.name)
    return choice.name


def find_attribute(target: Target, namespace: ModuleType, name: str) -> Any:
    """Return what a dotted name refers to in the module of a target.

    Raises:
        LoadError: There is no such name.
    """
    found: Any = namespace
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = [each for each in vars(namespace) if not each.startswith("_")]
            candidates = class_names(namespace)
            listed = f"its nn.Module classes are: {', '.join(candidates)}" if candidates else None
            raise LoadError(
                f"{target.place} has no attribute {name!r}", hint=suggestion(name, known) or listed
            ) from None
    return found
