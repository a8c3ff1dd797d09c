"""Catalog of sample and library models for `netinspect models`, listed without importing them."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from netinspect.errors import LoadError, suggestion
from netinspect.records.model_list import ModelList
from netinspect.targets.libraries.names import (
    LIBRARIES,
    known_names,
    model_names,
    split_library,
    targets_named,
)
from netinspect.targets.samples import describe_sample, sample_names

_WILD = frozenset("*?[")


def find_models(pattern: str | None) -> ModelList:
    """List the samples, or the models of a library.

    Args:
        pattern: `library:pattern` for the models of a library, or a pattern for the samples. A word
            without wildcards matches any part of a name.

    Raises:
        LoadError: Nothing matches, or the library is not installed.
    """
    if pattern in LIBRARIES:
        pattern += ":"
    parts = split_library(pattern or "")
    if parts is None:
        names = _matching(pattern or "", sample_names())
        if not names:
            raise LoadError(f"no sample matches {pattern!r}", hint=_hint_for(pattern or ""))
        return ModelList(samples=tuple(map(describe_sample, names)))
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


def _hint_for(pattern: str) -> str:
    """Return a hint for a pattern that matches no sample."""
    wanted = pattern.rpartition(":")[2]
    if targets := targets_named(wanted):
        return f"the libraries have: {', '.join(targets)}"
    similar = None if ":" in pattern else suggestion(pattern, sample_names())
    libraries = ", ".join(f"{library}:" for library in LIBRARIES)
    return (
        similar
        or f"netinspect models {LIBRARIES[0]}:{wanted} searches a library; libraries: {libraries}"
    )


def _matching(wanted: str, names: Iterable[str]) -> list[str]:
    if not _WILD & set(wanted):
        wanted = f"*{wanted}*"
    return [name for name in names if fnmatchcase(name.lower(), wanted.lower())]
