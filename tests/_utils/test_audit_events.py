"""Tests of listeners to audit events."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from netinspect._utils.audit_events import listening


def test_listening_gets_named_events_inside_block(tmp_path: Path) -> None:
    heard: list[str] = []

    def listener(event: str, arguments: tuple[Any, ...]) -> None:
        heard.append(event)

    with listening(listener, {"os.mkdir"}):
        os.mkdir(tmp_path / "one")
        os.rmdir(tmp_path / "one")
    os.mkdir(tmp_path / "two")
    assert heard == ["os.mkdir"]


def test_listening_nested_listeners_are_called_outermost_first() -> None:
    heard: list[str] = []
    with (
        listening(lambda *_: heard.append("outer"), ["netinspect.test"]),
        listening(lambda *_: heard.append("inner"), ["netinspect.test"]),
    ):
        sys.audit("netinspect.test")
    assert heard == ["outer", "inner"]


def test_listening_exception_refuses_action(tmp_path: Path) -> None:
    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        raise PermissionError(event)

    with listening(refuse, {"os.mkdir"}), pytest.raises(PermissionError):
        os.mkdir(tmp_path / "one")
    assert not (tmp_path / "one").exists()
