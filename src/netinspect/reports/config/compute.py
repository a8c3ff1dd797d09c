"""Values and origins of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    has_option: bool = True


class SettingsFile(NamedTuple):
    """A settings file and its values; without a file, None and no values."""

    file: str | None
    values: Mapping[str, Any]


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
    "pager": Default(None, "PAGER or less", has_option=False),
    "stdin_limit": Default("4GiB", in_file=False, has_option=False),
    "hints": Default(True, type=bool, has_option=False),
    "debug": Default(False, type=bool, in_file=False),
}
"""All settings; a test compares them with the options and with the keys of settings files."""


def build_config(
    in_project: SettingsFile,
    of_user: SettingsFile,
    environment: Mapping[str, str],
    typed: Mapping[str, Any],
    problems: Sequence[str] = (),
) -> Config:
    """Return every setting with its value and origin.

    Args:
        in_project: The project's settings.
        of_user: The user's settings.
        environment: Environment variables.
        typed: Values of options on the command line by setting.
        problems: Notes on settings that are not valid or were not read.
    """

    def find(name: str, default: Default) -> Setting:
        variable = f"NETINSPECT_{name.upper()}" if default.has_variable else None
        text = environment.get(variable, "") if variable is not None else ""
        is_set = bool(text) or (name == "pager" and variable in environment)  # empty: no pager
        origin: Any = "default"
        set_by: str | None = None
        value: Any = default.value
        if name in typed:
            origin, set_by, value = "command line", f"--{name}", typed[name]
        elif is_set:
            origin, set_by, value = "environment", variable, _value(text, default.type)
        elif name in in_project.values:
            origin, set_by, value = "project", in_project.file, in_project.values[name]
        elif name in of_user.values:
            origin, set_by, value = "user", of_user.file, of_user.values[name]
        return Setting(
            name=name,
            value=tuple(value) if isinstance(value, list) else value,
            unset=default.unset,
            origin=origin,
            set_by=set_by,
            variable=variable,
            in_file=default.in_file,
        )

    settings = tuple(find(name, default) for name, default in DEFAULTS.items())
    color = next(each for each in settings if each.name == "color")
    notes = [*problems, *filter(None, map(_mismatch, settings))]
    if color.value == "auto":
        # An empty variable counts as not set, and NO_COLOR takes precedence.
        names = [name for name in ("NO_COLOR", "FORCE_COLOR") if environment.get(name)]
        notes += [f"{name} applies where color is auto" for name in names[:1]]
    return Config(file=in_project.file, user_file=of_user.file, settings=settings, notes=tuple(notes))


def _mismatch(setting: Setting) -> str | None:
    """Return a note on a value of the environment that commands do not accept."""
    kind = DEFAULTS[setting.name].type
    if setting.origin != "environment" or kind not in (int, bool) or isinstance(setting.value, kind):
        return None
    expected = "a whole number" if kind is int else "true or false"
    return f"{setting.set_by} sets {setting.name} to {setting.value!r}: expected {expected}"


def _value(text: str, kind: type) -> str | int | bool | list[str]:
    """Return the value of an environment variable; a text of another type is not converted."""
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
