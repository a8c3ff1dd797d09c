"""Configuration files: JSON, YAML and TOML, read as plain values and within bounds."""

from __future__ import annotations

import importlib
import json
import os
import tomllib
from collections.abc import Callable
from typing import Any

from netinspect._utils.evaluation.settings import as_settings

SUFFIXES = (".json", ".yaml", ".yml", ".toml")
LARGEST = 256 << 10
"""Largest file in bytes."""

_MOST_VALUES = 50_000


class ConfigError(ValueError):
    """A configuration file cannot be read; the message is the reason."""


def read_config(path: str) -> Any:
    """Return the content of a configuration file, in which dictionaries are `Settings`.

    Args:
        path: Path with one of the suffixes in `SUFFIXES`.

    Raises:
        ConfigError: It cannot be read, is too large, or has another format than its suffix.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"expected a file with a name in {', '.join(SUFFIXES)}")
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(error.strerror or type(error).__name__) from error
    if len(data) > LARGEST:
        raise ConfigError(f"it is larger than {LARGEST >> 10} KiB")
    try:
        text = data.decode()
        found = _PARSERS[suffix](text)
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"it is not valid {suffix[1:].upper()}: {error}") from error
    _check_size(found)
    return as_settings(found)


def _parse_yaml(text: str) -> Any:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError as error:
        raise ConfigError("reading YAML needs PyYAML: pip install pyyaml") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


_PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
    ".toml": tomllib.loads,
}


def _check_size(value: Any) -> None:
    """Raise ConfigError if a document has too many values; YAML may repeat a part by reference."""
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ConfigError(f"it has more than {_MOST_VALUES:,} values")
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
