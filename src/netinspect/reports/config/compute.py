"""Values and origins of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from netinspect.reports.config.record import Config, Setting


class Default(NamedTuple):
    """A setting that nobody has set."""

    value: str | int | bool | None
    unset: str | None = None
    """Description of the behaviour if the value is None."""

    type: type = str
    in_file: bool = True
    has_variable: bool = True


DEFAULTS: dict[str, Default] = {
    "target": Default("lenet", has_variable=False),
    "input": Default(None, "inferred", list),
    "batch": Default(None, "as the inputs", int),
    "symbolic": Default(None, "no symbols", list),
    "seed": Default(0, type=int),
    "tensors": Default("auto", in_file=False),
    "device": Default(None, "cpu", in_file=False),
    "online": Default(False, type=bool, in_file=False),
    "cache": Default(True, type=bool, in_file=False),
    "depth": Default(None, "by command", int),
    "format": Default(None, "rich or plain"),
    "color": Default("auto"),
    "width": Default(None, "as the terminal", int),
    "debug": Default(False, type=bool, in_file=False),
}
"""All settings; a test compares them with the options and with the keys of settings files."""


def build_config(
    file: str | None,
    in_file: Mapping[str, Any],
    environment: Mapping[str, str],
    typed: Mapping[str, Any] | None = None,
) -> Config:
    """Return every setting with its value and origin.

    Args:
        file: The settings file.
        in_file: Values of the settings file by setting.
        environment: Environment variables.
        typed: Values of options on the command line by setting.
    """
    settings = tuple(
        _setting(name, default, file, in_file, environment, typed or {})
        for name, default in DEFAULTS.items()
    )
    color = next(each for each in settings if each.name == "color")
    notes: tuple[str, ...] = ()
    if color.value == "auto":
        # An empty variable counts as not set, and NO_COLOR takes precedence.
        names = [name for name in ("NO_COLOR", "FORCE_COLOR") if environment.get(name)]
        notes = tuple(f"{name} applies where color is auto" for name in names[:1])
    return Config(file=file, settings=settings, notes=notes)


def _setting(
    name: str,
    default: Default,
    file: str | None,
    in_file: Mapping[str, Any],
    environment: Mapping[str, str],
    typed: Mapping[str, Any],
) -> Setting:
    variable = f"NETINSPECT_{name.upper()}" if default.has_variable else None
    text = environment.get(variable, "") if variable is not None else ""

    def make(origin: Any, set_by: str | None, value: Any) -> Setting:
        return Setting(
            name=name,
            value=tuple(value) if isinstance(value, list) else value,
            unset=default.unset,
            origin=origin,
            set_by=set_by,
            variable=variable,
            in_file=default.in_file,
        )

    if name in typed:
        return make("command line", f"--{name}", typed[name])
    if text:
        return make("environment", variable, _value(text, default.type))
    if name in in_file:
        return make("file", file, in_file[name])
    return make("default", None, default.value)


def _value(text: str, kind: type) -> str | int | bool | list[str]:
    """Return the value of an environment variable; a text of another type is returned as it is."""
    if kind is list:
        return text.split()
    if kind is bool:
        word = text.strip().lower()
        meanings = {
            **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
            **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
        }
        return meanings.get(word, text)
    try:
        return int(text) if kind is int else text
    except ValueError:
        return text
