"""Record of the `config` report."""

from __future__ import annotations

from typing import ClassVar, Literal

from netinspect.records.base import record


@record
class Setting:
    """One setting with its value and origin."""

    name: str
    value: str | int | bool | tuple[str, ...] | None
    """None if it is not set; see `unset`."""

    unset: str | None
    """Description of the behaviour without a value; None for a setting that always has one."""

    origin: Literal["default", "user", "project", "environment", "command line"]
    set_by: str | None
    """The settings file, the environment variable or the option; None for a default."""

    variable: str | None
    """The environment variable that sets it; None for a setting without one."""

    in_file: bool
    """Whether a settings file can set it."""


@record
class Config:
    """Settings of the command line, in order of precedence: option, variable, project, user, default."""

    name: ClassVar[str] = "config"

    file: str | None
    """The settings file of the project, or that of --config; None if none was found."""

    user_file: str | None
    """The user's settings file; None if it does not exist."""

    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
