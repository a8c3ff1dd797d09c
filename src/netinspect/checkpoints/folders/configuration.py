"""Configuration files next to a model's weights, added to the metadata unchanged."""

from __future__ import annotations

import json

from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.short_text import LONGEST_TEXT
from netinspect.errors import LoadError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, Entry

_LARGEST = 4 << 20
_FILES = {
    "config.json": "config",
    "adapter_config.json": "adapter_config",
    "quantize_config.json": "quantize_config",
    "quant_config.json": "quant_config",
    "params.json": "params",
}
"""Prefix of the metadata keys by file: of models, adapters, quantizers and Llama."""


def with_configuration(found: Checkpoint, file_set: FileSet, present: frozenset[str]) -> Checkpoint:
    """Add the top-level keys of each configuration file to the metadata of a checkpoint."""
    for name, prefix in _FILES.items():
        if name in present:
            found = _with(found, file_set, name, prefix)
    return found


def library_of(file_set: FileSet) -> str:
    """Return the library whose model the config.json of a folder configures."""
    try:
        with file_set.open("config.json") as source:
            is_of_diffusers = "_class_name" in read_object(source, largest=_LARGEST)
    except (LoadError, RecursionError):
        return "transformers"
    return "diffusers" if is_of_diffusers else "transformers"


def _with(found: Checkpoint, file_set: FileSet, name: str, prefix: str) -> Checkpoint:
    try:
        with file_set.open(name) as source:
            data = read_object(source, largest=_LARGEST)
        entries = tuple(
            Entry(
                name=f"{prefix}.{key}", type=type(value).__name__, text=json.dumps(value)[:LONGEST_TEXT]
            )
            for key, value in data.items()
        )
    except RecursionError:
        return replace(found, warnings=(*found.warnings, f"{name} is nested too deeply"))
    except LoadError as error:
        warning = error.message + (f": {error.cause}" if error.cause else "")
        return replace(found, warnings=(*found.warnings, warning))
    return replace(found, metadata=(*found.metadata, *entries))
