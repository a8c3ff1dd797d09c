"""Configuration files of models of transformers and diffusers: where they are, and their settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from netinspect.errors import LoadError

_CONFIG = "config.json"
_PIPELINE = "model_index.json"
"""File of a folder of diffusers with several models, each in a folder of its own."""


def config_file(name: str) -> Path | None:
    """Return the local configuration file that the name of a model refers to, if any."""
    path = Path(name)
    try:
        if path.is_dir() and (path / _CONFIG).is_file():
            return path / _CONFIG
        return path if path.suffix == ".json" and path.is_file() else None
    except OSError:
        return None


def parts_of_pipeline(name: str) -> list[str]:
    """Return the folders of the models in the folder of a pipeline; empty for any other name."""
    folder = Path(name)
    try:
        if not (folder / _PIPELINE).is_file():
            return []
        return [str(file.parent) for file in sorted(folder.glob(f"*/{_CONFIG}"))]
    except OSError:
        return []


def read_config(file: Path) -> dict[str, Any]:
    """Read the settings in a configuration file.

    Raises:
        LoadError: It cannot be read, or is not a JSON object.
    """
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"cannot read {file}", cause=str(error)) from error
    if not isinstance(settings, dict):
        raise LoadError(f"{file} is not a configuration: expected a JSON object")
    return settings
