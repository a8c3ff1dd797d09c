"""Choice of constructor arguments that nobody gave, from what the project writes down.

In order of evidence: a configuration class with defaults, calls in the file itself, in training scripts,
in other files and in tests, and configuration files. A call is used if it is the only one of its rank,
or if all of its rank agree. Other calls are offered in the error.
"""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netinspect._utils.classes import defining_module, is_a, namespace_of, plain_name
from netinspect._utils.evaluation.values import (
    ClassValue,
    FunctionValue,
    InstanceValue,
    LibraryValue,
    Reference,
    is_plain,
)
from netinspect._utils.process import begin_phase
from netinspect._utils.signatures import signature_of
from netinspect.errors import shorten
from netinspect.records.trace import ARGUMENTS_READ
from netinspect.targets.definitions.partial_file import display_path
from netinspect.targets.nearby.config_evidence import (
    CONFIG_NAMES,
    configs_with,
    default_config,
    keys_read,
    written_parameters,
)
from netinspect.targets.nearby.live_values import is_live, live_value
from netinspect.targets.nearby.project import find_project
from netinspect.targets.nearby.written_calls import CallReader, WrittenCall

_LONGEST_VALUE = 60
"""Most characters of a value in a note."""

_LONGEST_OFFER = 400
_MOST_OFFERS = 5


@dataclass(frozen=True, slots=True)
class Nearby:
    """Arguments that the project writes down for a class or factory."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Evaluated values by name; empty if no evidence is certain enough."""

    notes: tuple[str, ...] = ()
    """One sentence for each source of values."""

    offers: tuple[str, ...] = ()
    """Lines for an error: places, each with its arguments as `--arg` options."""

    def plain(self) -> dict[str, Any]:
        """Return the arguments that consist of plain values, and the entries of configurations."""
        attributes = {
            name: value.attributes if isinstance(value, InstanceValue) else value
            for name, value in self.values.items()
        }
        return {
            name: {key: each for key, each in value.items() if is_plain(each)}
            if isinstance(value, dict)
            else value
            for name, value in attributes.items()
            if isinstance(value, dict) or is_plain(value)
        }

    def live(self) -> dict[str, Any]:
        """Return the values as live objects, new ones for each model.

        Raises:
            NotLive: One cannot be made after all.
        """
        return {name: live_value(value) for name, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class _Found:
    """Arguments from one place."""

    values: dict[str, Any]
    place: str
    rank: int = 0
    config: str | None = None
    where: tuple[str, int] = ("", 0)


def find_nearby(found: Any, name: str, missing: Sequence[str], given: Mapping[str, Any]) -> Nearby:
    """Return values for the missing arguments of a class or factory, as its project writes them down.

    Args:
        found: The class or factory.
        name: Its name in the target.
        missing: Required arguments that were not given.
        given: Arguments that were given.
    """
    own = _file_of(found)
    if own is None:
        return Nearby()
    begin_phase(f"reading the project for the arguments of {name}")
    try:
        parameters = signature_of(found).parameters
    except (TypeError, ValueError):
        return Nearby()
    name = plain_name(found) if is_a(found, type) else getattr(found, "__name__", name)
    project = find_project(own)
    reader = CallReader(project, own, name)
    module = reader.own_module()
    configs: dict[str, _Found] = {}
    for each in missing:
        if module is None:
            break
        made = default_config(reader, module, name, each, _annotation(parameters[each]))
        if made is not None and is_live(made):
            where = f"{display_path(made.cls.scope.file)} line {made.cls.node.lineno}"
            configs[each] = _Found({each: made}, f"the defaults of {made.cls.name} ({where})")
    if len(configs) == len(missing):
        return _with_notes([*configs.values()])
    calls = [bound for call in reader.read() if (bound := _bind(call, parameters, given)) is not None]
    for file, written in written_parameters(project, name):
        values = {key: each for key, each in written.items() if key in parameters and key not in given}
        calls.append(_Found(values, display_path(file), rank=2, where=(file, 0)))
    read = {key: keys_read(module, name, key) if module is not None else set() for key in missing}
    complete = [
        each for each in calls if all(_is_value(each.values.get(key), read[key]) for key in missing)
    ]
    if (chosen := _choose(complete, missing)) is not None:
        return _with_notes([chosen[0]], chosen[1])
    rest = [key for key in missing if key not in configs]
    for key in rest if not complete else ():
        if module is None or key not in CONFIG_NAMES:
            continue
        fitting = configs_with(project, read[key])
        if fitting:
            others = [f"--arg {key}=@{display_path(file)}" for file, _ in fitting[1:4]]
            also = f"; others fit: {', '.join(others)}" if others else ""
            configs[key] = _Found({key: fitting[0][1]}, f"{display_path(fitting[0][0])}{also}")
    if len(configs) == len(missing):
        return _with_notes([*configs.values()])
    return Nearby(offers=tuple(_offers(calls, missing)))


def _file_of(found: Any) -> str | None:
    """Return the file that defines a class or function; None without one that can be read."""
    file = (
        getattr(sys.modules.get(defining_module(found)), "__file__", None) if is_a(found, type) else None
    )
    if file is None:
        file = getattr(getattr(found, "__code__", None), "co_filename", None)
    if file is None and is_a(found, type):
        constructor = namespace_of(found).get("__init__")
        file = getattr(getattr(constructor, "__code__", None), "co_filename", None)
    return os.path.realpath(file) if isinstance(file, str) and file.endswith(".py") else None


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    return plain_name(annotation) if is_a(annotation, type) else str(annotation)


def _bind(
    call: WrittenCall, parameters: Mapping[str, inspect.Parameter], given: Mapping[str, Any]
) -> _Found | None:
    """Return the arguments of a call by name; None if the signature does not take them."""
    positional = [
        key
        for key, each in parameters.items()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    if len(call.args) > len(positional):
        return None
    values = {**dict(zip(positional, call.args, strict=False)), **call.kwargs}
    if not takes_any and any(key not in parameters for key in values):
        return None
    place = f"{display_path(call.file)} line {call.line}"
    if call.docstring:
        place = f"an example in {display_path(call.file)}"
    if call.config is not None:
        place += f" with {display_path(call.config)}"
    values = {key: each for key, each in values.items() if key not in given}
    return _Found(values, place, call.rank, call.config, (call.file, call.line))


def _is_value(value: Any, read: set[tuple[str, ...]]) -> bool:
    """Return whether a value can be passed for a required argument.

    Args:
        value: The value; None is the absence of an option.
        read: Keys that the constructor reads from it: known ones, if it is a configuration.
    """
    if value is None or not is_live(value):
        return False
    entries = value.attributes if isinstance(value, InstanceValue) else value
    if not isinstance(entries, dict) or not read:
        return True
    known = [entries[path[0]] for path in read if path[0] in entries]
    return bool(known) and all(map(is_live, known))


def _choose(complete: list[_Found], missing: Sequence[str]) -> tuple[_Found, list[str]] | None:
    """Return the call to use, and other places to mention; None if the best ones disagree."""
    if not complete:
        return None
    best = min(each.rank for each in complete)
    ranked = [each for each in complete if each.rank == best]
    first: dict[tuple[str, int], _Found] = {}
    others: list[str] = []
    for each in ranked:
        key = each.where if each.config is not None else (each.place, id(each))
        if key not in first:
            first[key] = each
        elif each.config is not None and each.config != first[key].config:
            others.append(display_path(each.config))
    candidates = [*first.values()]
    same = {_texts(each.values, missing) for each in candidates}
    if len(same) == 1:
        common = [
            key
            for key in candidates[0].values
            if len({_texts(c.values, [key]) for c in candidates}) == 1
        ]
        values = {key: each for key, each in candidates[0].values.items() if key in common}
        chosen = _Found(values, candidates[0].place, best, candidates[0].config)
        return chosen, [f"{each} fits too" for each in dict.fromkeys(others)][:3]
    if all(_literal(each.values[key]) is not None for each in candidates for key in missing):
        return None
    # These values cannot be typed, so that the first call is used.
    places = dict.fromkeys(each.place for each in candidates[1:4])
    return candidates[0], [f"{each} differs" for each in places if each != candidates[0].place]


def _with_notes(sources: list[_Found], others: Sequence[str] = ()) -> Nearby:
    values: dict[str, Any] = {}
    notes = []
    for source in sources:
        usable = {key: each for key, each in source.values.items() if is_live(each)}
        values |= usable
        listed = ", ".join(f"{key}={_shown(each)}" for key, each in usable.items())
        left = [key for key in source.values if key not in usable]
        unknown = f"; {', '.join(left)} could not be read there, and has its default" if left else ""
        also = "".join(f"; {each}" for each in others)
        where = f"constructor arguments were read from {source.place}"
        notes.append(f"{where}: {listed}{unknown}{also} {ARGUMENTS_READ}")
    return Nearby(values=values, notes=tuple(notes))


def _offers(calls: list[_Found], missing: Sequence[str]) -> list[str]:
    """Return lines that offer the arguments of calls, the best ranked first."""
    lines: dict[str, None] = {}
    for each in sorted(calls, key=lambda each: each.rank):
        known = {key: _literal(each.values.get(key)) for key in missing}
        typed = " ".join(
            shlex.quote(f"--arg={key}={text}").replace("--arg=", "--arg ", 1)
            if shlex.quote(text) == text
            else f"--arg {key}={shlex.quote(text)}"
            for key, text in known.items()
            if text is not None
        )
        if not typed or len(typed) > _LONGEST_OFFER:
            continue
        lacking = [key for key, text in known.items() if text is None]
        more = f" ({', '.join(lacking)} could not be read)" if lacking else ""
        lines[f"{each.place}: {typed}{more}"] = None
    return list(lines)[:_MOST_OFFERS]


def _texts(values: Mapping[str, Any], names: Sequence[str]) -> str:
    return repr([_described(values.get(name)) for name in names])


def _described(value: Any, depth: int = 0) -> str:
    """Return a text that is equal for equal values."""
    if depth > 6:
        return "..."
    if isinstance(value, dict):
        return repr({key: _described(each, depth + 1) for key, each in value.items()})
    if isinstance(value, (list, tuple)):
        return repr([_described(each, depth + 1) for each in value])
    if isinstance(value, InstanceValue):
        return value.cls.name + _described([value.args, value.kwargs], depth + 1)
    if isinstance(value, (ClassValue, FunctionValue)):
        return value.name
    if isinstance(value, LibraryValue):
        return value.dotted + _described([*value.args, dict(value.kwargs)], depth + 1)
    return repr(value)


def _literal(value: Any) -> str | None:
    """Return the text of a value as typed after `--arg NAME=`; None if it has none."""
    if isinstance(value, Reference):
        return value.dotted
    if isinstance(value, (ClassValue, FunctionValue)):
        return value.name
    if value is None or isinstance(value, dict) or not is_plain(value):
        return None
    if isinstance(value, str) and value.isidentifier():
        return value
    return repr(value)


def _shown(value: Any) -> str:
    """Return a short text of a value for a note."""
    if isinstance(value, InstanceValue):
        return f"{value.cls.name}(...)"
    if isinstance(value, dict):
        return f"{{{len(value)} entr{'y' if len(value) == 1 else 'ies'}}}"
    if isinstance(value, LibraryValue):
        return f"{value.dotted}(...)"
    text = value if isinstance(value, str) else _literal(value)
    return shorten(repr(text) if isinstance(value, str) else text or repr(value), _LONGEST_VALUE)
