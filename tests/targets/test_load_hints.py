"""Tests of hints for missing packages and failed downloads."""

from __future__ import annotations

import importlib.metadata
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netinspect.targets.load_hints import download_hint, hint_for, is_failed_download
from tests.support import Outcome

DEBUG = "--debug shows the full traceback"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("nowhere", "nowhere"),
        ("nowhere.inner.part", "nowhere"),
        # Names of distributions with versions, alone or in a sentence.
        ("no-where", "no-where"),
        ("no-where>=2.3,<3", "no-where"),
        ("The 'nowhere' distribution was not found and is required by this application", "nowhere"),
        ("The 'no-where>=2.3,<3' distribution was not found and is required by some_net", "no-where"),
        ('Using this needs "no.where[all]~=2": pip install it', "no.where"),
        ("a sentence that names none", None),
        ("an 'other thing' is missing. Really", None),
        ("", None),
    ],
)
def test_hint_for_missing_package(name: str, missing: str | None) -> None:
    expected = DEBUG if missing is None else f"is {missing} installed in this Python environment?"
    assert hint_for(ModuleNotFoundError("No module", name=name)) == expected
    assert hint_for(importlib.metadata.PackageNotFoundError(name)) == expected


def test_hint_for_missing_package_without_name() -> None:
    assert hint_for(ModuleNotFoundError("No module")) == DEBUG


class LocalEntryNotFoundError(FileNotFoundError):
    """An exception as a client of a model hub raises it."""


def test_is_failed_download() -> None:
    assert is_failed_download(urllib.error.URLError("unreachable"))
    assert is_failed_download(LocalEntryNotFoundError("check your connection"))
    error = RuntimeError("cannot load")
    assert not is_failed_download(error)
    error.__cause__ = ConnectionRefusedError()
    assert is_failed_download(error)


def test_download_hint_names_arguments_for_weights() -> None:
    def unet(name: str = "a", encoder_weights: str | None = "imagenet", decoder: int = 3) -> None: ...
    def vit(pretrained: bool = True, init_weights: bool = True, weights_dim: int = 4) -> None: ...
    def plain(width: int = 3, weights: str | None = None) -> None: ...

    assert "--arg encoder_weights=None builds it without" in download_hint(unet, {})
    assert "--arg pretrained=False builds it without" in download_hint(vit, {})
    for hint in (download_hint(vit, {"pretrained": False}), download_hint(plain, {})):
        assert "--arg" not in hint
        assert "without pretrained weights" in hint


DOWNLOADS = """
import urllib.request
from torch import nn


class Net(nn.Module):
    def __init__(self, encoder_weights="imagenet"):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        if encoder_weights is not None:
            urllib.request.urlopen("http://weights.invalid/net.pt")

    def forward(self, x):
        return self.fc(x)
"""


def test_summary_of_model_that_downloads(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "*")
    Path("net.py").write_text(DOWNLOADS)
    failed = cli("summary", "net.py:Net")
    assert failed.code == 3
    assert "--arg encoder_weights=None builds it without" in failed.err
    assert cli("summary", "net.py:Net", "--arg", "encoder_weights=None").code == 0
