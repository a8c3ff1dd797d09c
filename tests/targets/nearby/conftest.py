"""Fixtures of the tests of arguments that are read nearby."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netinspect.targets.model_factory import ModelFactory, find_factory
from netinspect.targets.target import parse_target
from tests.targets.nearby.projects import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a function that writes files, and finds `Net` in net.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setup.py").write_text("")

    def find(target: str = "net.py:Net", arguments: Any = None, **files: str) -> ModelFactory:
        for name, text in files.items():
            path = tmp_path / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return find_factory(parse_target(target), arguments or {})

    return find
