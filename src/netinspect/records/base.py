"""What every record is: a frozen, slotted dataclass with keyword arguments only."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a record: plain data that never changes after it was made."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)
