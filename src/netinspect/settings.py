"""Project settings: `netinspect.toml`, or `[tool.netinspect]` in `pyproject.toml`; and user settings.

The current folder is searched first, then its parents. The user's preferences for all projects are in
`$XDG_CONFIG_HOME/netinspect/netinspect.toml`. Precedence of a setting: command line option, environment
variable, project settings, user settings, default.
"""

from __future__ import annotations

import errno
import os
import reprlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import field, record, replace

KEYS: dict[str, tuple[type, ...]] = {
    "target": (str,),
    "input": (str, list),
    "batch": (int,),
    "symbolic": (str, list),
    "seed": (int,),
    "depth": (int,),
    "format": (str,),
    "color": (str,),
    "width": (int,),
    "pager": (str,),
    "hints": (bool,),
}
"""Allowed settings and their types; most have the name and meaning of a command line option."""


PERSONAL_KEYS = ("pager", "hints")
"""Settings allowed only in the user's file: a project must not choose a program to run."""

USER_KEYS = ("depth", "format", "color", "width", *PERSONAL_KEYS)
"""Settings allowed in the user's file; the others are about the models of one project."""


@record
class Settings:
    """Settings of a project and of the user."""

    file: Path | None = None
    """The settings file; None if none was found."""

    user_file: Path | None = None
    """The user's settings file; None if it does not exist."""

    values: Mapping[str, Any] = field(default_factory=dict)
    from_user: frozenset[str] = frozenset()
    """Settings whose value is from the user's file."""

    notes: tuple[str, ...] = ()
    """Notes on files and folders that were skipped because they cannot be read."""

    @property
    def target(self) -> str | None:
        """The project's default target."""
        return self.values.get("target")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read."""
        return tuple(filter(None, (self.file, self.user_file)))

    def file_of(self, key: str) -> Path | None:
        """Return the file that sets a setting."""
        return self.user_file if key in self.from_user else self.file


def find_settings(folder: Path | None = None) -> Settings:
    """Read the settings of the project that contains a folder, and those of the user.

    Files and folders that cannot be read are skipped with a note: the user may have no permission for a
    parent folder.

    Args:
        folder: The folder; None for the current one.

    Raises:
        UsageError: A file is not TOML, or has an unknown setting or a value of the wrong type.
    """
    project, user_file = _find_project_settings(folder), _user_file()
    if user_file is None:
        return project
    try:
        user = _parse(user_file, _content(user_file), is_personal=True) or Settings()
    except OSError as error:
        if isinstance(error, _ABSENT):
            return project
        note = f"the settings in {user_file} were skipped: {error.strerror}"
        return replace(project, notes=(*project.notes, note))
    for key in user.values:
        if key not in USER_KEYS:
            raise UsageError(
                f"{user_file} cannot set {key}: it applies to every project",
                hint=f"set it in the netinspect.toml of a project; yours sets {', '.join(USER_KEYS)}",
            )
    return replace(
        project,
        user_file=user_file,
        values={**user.values, **project.values},
        from_user=frozenset(user.values.keys() - project.values.keys()),
    )


def _user_file() -> Path | None:
    """Return the place of the user's settings file; None without a home folder."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(given):  # the XDG specification ignores relative paths
        # An empty HOME would be expanded to the root.
        home = os.path.expanduser("~") if os.environ.get("HOME") != "" else ""
        given = os.path.join(home, ".config")
    return Path(given, "netinspect", "netinspect.toml") if os.path.isabs(given) else None


def _find_project_settings(folder: Path | None) -> Settings:
    try:
        folder = Path.cwd() if folder is None else folder
    except OSError as error:
        return Settings(notes=(f"no settings were read: no current folder ({error.strerror})",))
    skipped: dict[str, None] = {}
    for parent in (folder, *folder.parents):
        for name in ("netinspect.toml", "pyproject.toml"):
            file = parent / name
            try:
                content = _content(file)
            except OSError as error:
                if not isinstance(error, _ABSENT):
                    place = file if os.access(parent, os.X_OK) else parent
                    skipped[f"the settings in {place} were skipped: {error.strerror}"] = None
                continue
            settings = _parse(file, content)
            if settings is not None:
                return replace(settings, notes=tuple(skipped))
    return Settings(notes=tuple(skipped))


def read_settings(file: Path) -> Settings | None:
    """Read one settings file; None if it is a `pyproject.toml` without a table for netinspect.

    Raises:
        UsageError: The file cannot be read, or for the reasons of `find_settings`.
    """
    try:
        content = _content(file)
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    return _parse(file, content)


_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def _content(file: Path) -> bytes:
    """Read a regular file; a pipe or a device is never opened, since reading it may block.

    Raises:
        OSError: The file cannot be read, or is not a regular file.
    """
    try:
        mode = file.stat().st_mode
    except ValueError as error:  # half of a surrogate pair in the name
        raise FileNotFoundError(errno.ENOENT, str(error)) from error
    if not stat.S_ISREG(mode):
        raise IsADirectoryError(errno.EISDIR, "it is not a regular file")
    return file.read_bytes()


def _unreadable(file: Path, cause: str) -> UsageError:
    return UsageError(
        f"cannot read the settings in {file}",
        cause=cause,
        hint="name a TOML file in UTF-8, or ignore the project's settings with --no-config",
    )


def _parse(file: Path, content: bytes, *, is_personal: bool = False) -> Settings | None:
    try:
        # Some editors write a byte order mark, which is not TOML.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(file, str(error)) from error
    is_project = file.name == "pyproject.toml"
    if is_project and "netinspect" not in text:
        return None
    import tomllib

    try:
        data: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        too_deep = isinstance(error, RecursionError)
        raise UsageError(
            f"cannot read the settings in {file}",
            cause="its values are nested too deeply" if too_deep else str(error),
            hint="fix it, or use --no-config",
        ) from error
    # A file of any name may be laid out like a pyproject.toml.
    if is_project or set(data) == {"tool"}:
        tools = data.get("tool", {})
        if not isinstance(tools, dict) or "netinspect" not in tools:
            return None
        data = tools["netinspect"]
    if not isinstance(data, dict):
        raise UsageError(
            f"[tool.netinspect] in {file} is not a table", hint='write it like target = "net.py:Net"'
        )
    for key in PERSONAL_KEYS:
        if key in data and not is_personal:
            raise UsageError(
                f"{file} cannot set {key}: it is a preference of the user",
                hint=f"set it in {_user_file() or 'the user settings'}, or set NETINSPECT_{key.upper()}",
            )
    return Settings(file=file, values=_check(file, data))


def _check(file: Path, data: dict[str, Any]) -> dict[str, Any]:
    for key, value in data.items():
        if key not in KEYS:
            raise UsageError(
                f"unknown setting {key!r} in {file}",
                hint=suggestion(key, KEYS) or f"the settings are: {', '.join(KEYS)}",
            )
        # `isinstance(True, int)` is true.
        fits = isinstance(value, KEYS[key]) and isinstance(value, bool) is (KEYS[key] == (bool,))
        if fits and isinstance(value, list):
            fits = all(isinstance(item, str) for item in value)
        if not fits:
            expected = " or ".join(
                "list of str" if kind is list else kind.__name__ for kind in KEYS[key]
            )
            raise UsageError(
                f"the setting {key} in {file} is {reprlib.repr(value)}", hint=f"it takes {expected}"
            )
    settings = dict(data)
    for key, value in data.items():
        if list in KEYS[key] and isinstance(value, str):
            settings[key] = [value]
    return settings
