"""Dictionaries whose entries are attributes too, as configurations of projects are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_DEEPEST = 20


class Settings(dict[str, Any]):
    """Dictionary whose entries are attributes too: `settings.key` is `settings["key"]`."""

    def __init__(self, *args: Mapping[str, Any] | Iterable[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__ = self

    def __deepcopy__(self, memo: dict[int, Any]) -> Settings:
        from copy import deepcopy

        copied = Settings()
        memo[id(self)] = copied
        copied.update({key: deepcopy(value, memo) for key, value in self.items()})
        return copied

    def __copy__(self) -> Settings:
        return Settings(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Settings, (dict(self),))


def as_settings(value: Any, depth: int = 0) -> Any:
    """Return a value in which dictionaries with names as keys, at any depth, are `Settings`."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        entries = {key: as_settings(each, depth + 1) for key, each in value.items()}
        return Settings(entries) if all(isinstance(key, str) for key in entries) else entries
    if isinstance(value, list):
        return [as_settings(each, depth + 1) for each in value]
    return value
