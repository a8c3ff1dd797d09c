"""Record classes of all reports, for schemas and tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from netinspect.records.cache_usage import Cache
from netinspect.records.model_list import ModelList
from netinspect.records.picture import Picture

_DECLARED_IN_RECORDS: tuple[type[Any], ...] = (Cache, ModelList, Picture)
"""Reports that packages which must not import `reports` make or read."""


def report_types() -> tuple[type[Any], ...]:
    """Return the record classes with a `name`, from the `record.py` and `checkpoint_record.py` files."""
    found: list[type[Any]] = []
    for file in sorted(Path(__file__).parent.glob("*/*record.py")):
        module = importlib.import_module(f"netinspect.reports.{file.parent.name}.{file.stem}")
        classes = (each for each in vars(module).values() if isinstance(each, type))
        found += (
            each
            for each in classes
            if each.__module__ == module.__name__ and isinstance(vars(each).get("name"), str)
        )
    return (*found, *_DECLARED_IN_RECORDS)
