"""Tests of exact numbers in output for people."""

from __future__ import annotations

import re

import pytest

import netinspect
from tests import forked

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
    done = forked.run("summary", "lenet", "-f", "rich", "--exact")
    assert done.code == 0
    assert f"{netinspect.cost('lenet').record.total.macs:,} MACs" in done.out
    assert "44,426 parameters, all trainable, 177,704 B" in done.out
    assert not ROUNDED.search(done.out)
