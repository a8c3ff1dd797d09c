"""Versions of installed packages, read from files: importing the packages takes seconds."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class TorchBuild(NamedTuple):
    """Version of torch, and what it was built for."""

    version: str
    build: str
    """`cpu`, `CUDA 12.8`, `ROCm 6.3` or `XPU 20250101`; for a build of unknown kind, `unknown`."""


def torch_build() -> TorchBuild | None:
    """Read torch's version file; None if torch is not installed."""
    try:
        found = find_spec("torch")
    except ValueError:  # a module without a spec is imported under that name
        return TorchBuild("unknown", "unknown")
    if found is None or found.origin is None:
        return None
    try:
        text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return TorchBuild("unknown", "unknown")
    values = dict(re.findall(r"^(\w+)(?::[^=\n]+)? = ['\"](.+)['\"]", text, re.MULTILINE))
    kinds = (("cuda", "CUDA"), ("hip", "ROCm"), ("xpu", "XPU"))
    builds = [f"{title} {values[key]}" for key, title in kinds if key in values]
    return TorchBuild(values.get("__version__", "unknown"), ", ".join(builds) or "cpu")


def package_version(name: str) -> str | None:
    """Return the version in a package's metadata; None if it is not installed."""
    from importlib.metadata import version

    try:
        return version(name)
    except ImportError:  # PackageNotFoundError is one
        return None
    except (OSError, KeyError, ValueError):  # damaged metadata
        return "unknown"
