"""Tests of exact numbers in output for people."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import netinspect

ROUNDED = re.compile(r"\d[ ](?:[kMGTPE]\b|[KMGTPE]iB)")
COMMANDS = ("summary", "cost", "params", "memory", "tree")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("format", ["rich", "markdown"])
def test_text_exact_has_no_rounded_numbers(command: str, format: str) -> None:
    view = getattr(netinspect, command)("lenet")
    assert not ROUNDED.search(view.text(format, exact=True))
    if command != "tree":
        assert ROUNDED.search(view.text(format))


def test_option_exact_writes_macs_and_bytes_whole() -> None:
    words = [sys.executable, "-m", "netinspect", "summary", "lenet", "-f", "rich", "--exact"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert f"{netinspect.cost('lenet').record.total.macs:,} MACs" in done.stdout
    assert "44,426 parameters, all trainable, 177,704 B" in done.stdout
    assert not ROUNDED.search(done.stdout)
