"""Settings of a model: constructor arguments, plain attributes, and its configuration.

Only stored values are read: no property of the user runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.inputs.construction import Construction
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import (
    dictionary_of,
    is_a,
    is_mapping,
    is_users_class,
    items_of,
    setting_of,
    state_of,
)

_NAMESPACES = (
    *("config", "cfg", "conf", "hparams", "_hparams", "hyperparams", "hyper_parameters", "args"),
    *("opt", "opts", "options", "params", "settings", "model_config", "model_cfg", "model_args"),
)
"""Names under which models store or take their configuration."""

_NESTED = frozenset(("image_size", "img_size", "img_resolution", "image_resolution"))
"""Settings of submodules that are about the input of the model, and not about a feature map."""

_DEEPEST = 3
_MOST_MODULES = 200


class Setting(NamedTuple):
    """A setting and where it is configured."""

    value: Any
    source: str
    """Such as `Net.image_size = 256` or `--arg img_size=48`."""


class ModelSettings:
    """The settings of a model by name, in order of precedence.

    Args:
        model: The live module.
        construction: Arguments that it was built with.
    """

    def __init__(self, model: nn.Module, construction: Construction) -> None:
        self._model = model
        self._sources = [*_sources(model, construction)]

    def find(self, *names: str) -> Setting | None:
        """Return the setting under one of several names; None if none of them is configured.

        A source that takes precedence wins over an earlier name in another source.
        """
        for prefix, holder in self._sources:
            for name in names:
                value = _read(holder, name)
                if value is not None:
                    return Setting(value, f"{prefix}{name}{_equals(prefix)}{_text(value)}")
        wanted = [name for name in names if name in _NESTED]
        return self._nested(wanted) if wanted else None

    def _nested(self, names: list[str]) -> Setting | None:
        for index, (path, module) in enumerate(named_modules(self._model)):
            if index > _MOST_MODULES:
                break
            if path and path.count(".") < _DEEPEST:
                for name in names:
                    value = state_of(module).get(name)
                    if value is not None:
                        return Setting(value, f"{path}.{name} = {_text(value)}")
        return None


def _sources(model: nn.Module, construction: Construction) -> Iterator[tuple[str, Any]]:
    """Yield what has settings, each with the prefix of its names in a reason."""
    name = plain_name(type(model))
    yield _ARGUMENT, construction.given
    yield from _namespaces("", construction.given)
    yield _READ, construction.read
    yield from _namespaces(_READ, construction.read)
    state = state_of(model)
    yield f"{name}.", state
    yield from _namespaces("", state)
    yield _DEFAULT, construction.defaults


def _namespaces(prefix: str, holder: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _NAMESPACES:
        value = holder.get(name)
        if value is not None and (is_mapping(value) or dictionary_of(value) is not None):
            shown = f"{prefix}{name.lstrip('_')}."
            yield shown, value
            for key, part in [*_entries(value)]:
                if isinstance(key, str) and is_mapping(part):
                    yield f"{shown}{key}.", part


_ARGUMENT = "--arg "
_READ = "the project's "
_DEFAULT = "the default "


def _equals(prefix: str) -> str:
    return "=" if prefix == _ARGUMENT else " = "


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    if is_a(value, dict):
        yield from items_of(value)
    else:
        yield from (dictionary_of(value) or {}).items()


def _read(holder: Any, name: str) -> Any:
    if is_a(holder, dict):
        found = dict.get(holder, name)
        return setting_of(holder, name) if found is None and type(holder) is not dict else found
    if is_mapping(holder):
        return holder.get(name)
    return setting_of(holder, name)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_text, value))})"
    return str(value) if type(value) in (int, float, bool) else type(value).__name__


def integers(value: Any) -> tuple[int, ...] | None:
    """Return a positive integer, or a tuple or list of them, as a tuple; None for anything else."""
    values = value if type(value) in (list, tuple) else (value,)
    # `torch.Size` and named tuples are tuples too.
    if is_a(value, tuple) and not is_users_class(type(value)):
        values = tuple(tuple.__iter__(value))
    if not values or not all(type(each) is int and 0 < each <= LARGEST for each in values):
        return None
    return tuple(values)


LARGEST = 1 << 20
"""Largest configured size that is used."""


def shape_of_space(value: Any) -> tuple[int, ...] | None:
    """Return the shape of an observation space, or of another object with a shape."""
    stored = setting_of(value, "shape")
    if stored is None:
        stored = setting_of(value, "_shape")
    return integers(stored) if stored else None
