"""What the page on Python shows is what Python states."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from models.lenet import LeNet

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_give_what_stands_beside_them() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {"model": LeNet(), "x": torch.randn(10, 1, 28, 28)}
    checked = 0
    for block in blocks:
        exec(block, namespace)
        for line in block.splitlines():
            expression, mark, shown = line.partition("  # ")
            if mark and re.match(r"['\"\d(\[]|True", shown):
                assert repr(eval(expression, namespace)) == shown, expression
                checked += 1
    assert checked > 12
