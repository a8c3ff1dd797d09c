"""The fixture `load` of the tests in this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.records.trace import Trace


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trace]:
    """Return a function that writes files to the current folder, a temporary one, and loads a target."""
    monkeypatch.chdir(tmp_path)

    def load_first(target: str = "net.py", **files: str) -> Trace:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('___', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        trace = netinspect.load(target)
        assert trace.failure is None, trace.failure
        return trace

    return load_first
