"""Catalog for `netinspect models`: samples, models of libraries and classes, listed without imports."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase

from netinspect.errors import LoadError, close_matches, suggestion
from netinspect.records.model_list import ModelList
from netinspect.targets.libraries.names import (
    LIBRARIES,
    known_names,
    model_names,
    model_targets,
    split_library,
    targets_named,
)
from netinspect.targets.samples import describe_sample, sample_names

_WILD = frozenset("*?[")


def find_models(pattern: str | None) -> ModelList:
    """List the samples, the models that match a pattern, or the nn.Module classes of a file or folder.

    Args:
        pattern: `library:pattern` for the models of a library; a pattern for the samples and the models
            of all installed libraries; or a path. A word without wildcards matches any part of a name.

    Raises:
        LoadError: Nothing matches, the library is not installed, or the file does not exist.
    """
    if pattern in LIBRARIES:
        pattern += ":"
    parts = split_library(pattern or "")
    if parts is None:
        if pattern is not None and _is_path(pattern):
            return _classes_of(pattern)
        names = _matching(pattern or "", sample_names())
        found = () if pattern is None else tuple(_matching_targets(pattern))
        if not names and not found:
            raise LoadError(f"no model matches {pattern!r}", hint=_hint_for(pattern or ""))
        return ModelList(samples=tuple(map(describe_sample, names)), found=found)
    library, wanted = parts
    # Model types are lowercase and classes are not: a capital letter selects classes.
    has_capital = library == "transformers" and wanted != wanted.lower()
    known = known_names(library) if has_capital else model_names(library)
    names = _matching(wanted, known)
    if not names:
        raise LoadError(
            f"no model of {library} matches {wanted!r}",
            hint=suggestion(wanted.strip("*"), known) or f"netinspect models {library}: lists them all",
        )
    return ModelList(samples=(), library=library, names=tuple(names), total=len(known))


def _is_path(pattern: str) -> bool:
    """Return whether a pattern names a file or folder, as any existing one does."""
    return os.path.exists(pattern) or pattern.endswith((".py", os.sep)) or pattern.startswith("./")


def _classes_of(place: str) -> ModelList:
    from netinspect.targets.written.listing import find_classes

    classes, files, notes = find_classes(place)
    if not classes:
        cause = "\n".join(notes) or None
        raise LoadError(
            f"{place} has no nn.Module class",
            cause=cause,
            hint=f"{files:,} Python file{'s' * (files != 1)} were read, and nothing was run",
        )
    return ModelList(samples=(), place=place, classes=classes, files=files, notes=notes)


def _matching_targets(pattern: str) -> Iterator[str]:
    """Yield the targets in installed libraries whose names match."""
    for library in LIBRARIES:
        with suppress(LoadError):
            # Model types are lowercase and classes are not: a capital letter selects classes.
            is_class = library == "transformers" and pattern != pattern.lower()
            names = known_names(library) if is_class else model_names(library)
            yield from (f"{library}:{name}" for name in _matching(pattern, names))


def _hint_for(pattern: str) -> str:
    """Return a hint for a pattern that matches nothing."""
    wanted = pattern.rpartition(":")[2]
    if targets := targets_named(wanted):
        return f"the libraries have: {', '.join(targets)}"
    targets_by_name = {**model_targets(), **{name: name for name in sample_names()}}
    near = close_matches(wanted.strip("*"), [*sample_names(), *targets_by_name])
    if near:
        return f"did you mean {' or '.join(repr(targets_by_name[each]) for each in near)}?"
    libraries = ", ".join(f"{library}:" for library in LIBRARIES)
    return f"netinspect models {LIBRARIES[1]}: lists the models of a library; libraries: {libraries}"


def _matching(wanted: str, names: Iterable[str]) -> list[str]:
    if not _WILD & set(wanted):
        wanted = f"*{wanted}*"
    return [name for name in names if fnmatchcase(name.lower(), wanted.lower())]
