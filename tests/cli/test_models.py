"""Tests of `netinspect models`, which lists samples and models of libraries without importing them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.targets.libraries.names import model_names
from tests.support import Outcome

FORMATS = ("rich", "plain", "json", "csv", "markdown")


@pytest.mark.parametrize("pattern", ["torchvision:", "torchvision", "torchvision:*"])
def test_models_lists_whole_library(cli: Callable[..., Outcome], pattern: str) -> None:
    names = list(model_names("torchvision"))
    outcome = cli("models", pattern, "--format", "csv")
    rows = [row["target"] for row in csv.DictReader(io.StringIO(outcome.out))]
    assert rows == [f"torchvision:{name}" for name in names]
    report = json.loads(cli("models", pattern, "--format", "json").out)
    assert (report["library"], report["names"], report["total"]) == ("torchvision", names, len(names))


@pytest.mark.parametrize("format", FORMATS)
def test_models_lists_matches(cli: Callable[..., Outcome], format: str) -> None:
    outcome = cli("models", "timm:*convnext*atto", "--format", format)
    assert outcome.code == 0
    text = outcome.out.replace("\\", "")  # markdown escapes underscores
    assert "convnext_atto" in text
    assert "convnextv2_atto" in text
    assert "resnet" not in text


def test_models_patterns() -> None:
    def names(pattern: str) -> list[str]:
        record = netinspect.models(pattern).record
        return [sample.name for sample in record.samples] or list(record.names)

    assert names("timm:convnext_atto_") == ["convnext_atto_ols", "convnext_atto_rms"]
    assert names("torchvision:ResNet1*") == ["resnet18", "resnet101", "resnet152"]
    assert names("transformers:BertForM*") == ["BertForMaskedLM", "BertForMultipleChoice"]
    assert names("transformers:gpt2") == ["gpt2"]
    assert names("resnet*") == ["resnet18"]
    assert {"alexnet", "lenet", "resnet18"} <= set(names("net"))


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("resnt18", "no sample matches", "'resnet18'"),
        ("resnet50", "no sample matches", "the libraries have: torchvision:resnet50, timm:resnet50"),
        ("keras:resnet50", "no sample matches", "the libraries have: torchvision:resnet50"),
        ("keras:qqqqqq", "no sample matches", "libraries: torchvision:, timm:, transformers:"),
        ("qqqqqqqqqqq", "no sample matches", "netinspect models torchvision:qqqqqqqqqqq"),
        ("timm:*resnt18*", "no model of timm matches", "'resnet18'"),
        ("timm:qqqqqqqqqqqqqq", "no model of timm matches", "netinspect models timm:"),
    ],
)
def test_models_without_match(
    cli: Callable[..., Outcome], pattern: str, message: str, hint: str
) -> None:
    outcome = cli("models", pattern)
    assert outcome.code == 3
    assert message in outcome.err
    assert hint in outcome.err


def test_models_does_not_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom netinspect.cli.run import run\n"
        "for text in ('timm:', 'torchvision:*net*', 'transformers:', 'transformers:Bert*'):\n"
        "    assert run(['models', text]) == 0\n"
        "assert not {'torch', 'numpy', 'timm', 'transformers', 'torchvision'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)
