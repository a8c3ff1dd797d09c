"""Tests of owners of code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import netinspect
from netinspect._utils.code_owners import is_users, owner
from netinspect.targets.samples import samples_folder

PACKAGE = Path(netinspect.__file__).parent


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (torch.nn.__file__, "torch"),
        (f"{Path(torch.__file__).parent}vision/ops.py", "user"),
        (os.__file__, "python"),
        ("<frozen importlib._bootstrap>", "python"),
        (str(PACKAGE / "errors.py"), "ours"),
        (str(PACKAGE / "_samples" / "lenet.py"), "user"),
        (str(samples_folder() / "lenet.py"), "user"),
        ("/home/me/net.py", "user"),
    ],
)
def test_owner(file: str, expected: str) -> None:
    assert owner(file) == expected


def test_is_users_excludes_installed_packages() -> None:
    assert is_users("/home/me/net.py")
    assert not is_users(f"{Path(torch.__file__).parents[1]}/timm/layers.py")
