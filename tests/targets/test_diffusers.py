"""Tests of models of diffusers: names, construction, and inputs known from the configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from netinspect.errors import LoadError, NetinspectError, UsageError
from netinspect.targets.libraries import names
from netinspect.targets.mistyped import check_target
from netinspect.targets.target import parse_target
from tests.support import build_module

pytestmark = pytest.mark.libraries

diffusers = pytest.importorskip("diffusers")

UNET: dict[str, Any] = {
    "_class_name": "UNet2DModel",
    "_diffusers_version": "0.1.0",
    "sample_size": 16,
    "in_channels": 5,
    "block_out_channels": [32, 32],
    "down_block_types": ["DownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D"],
    "setting_of_another_version": 1,
}


def build(text: str, **arguments: Any) -> Any:
    with torch.device("meta"):
        target = parse_target(text)
        check_target(target)
        return build_module(target, arguments, seed=0)


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a pipeline with one model, as the current folder's `pipe`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipe" / "unet").mkdir(parents=True)
    (tmp_path / "pipe" / "model_index.json").write_text("{}")
    (tmp_path / "pipe" / "unet" / "config.json").write_text(json.dumps(UNET))
    return tmp_path


def test_model_names_are_configured_models_of_diffusers() -> None:
    exported = {name for module in diffusers.models._import_structure.values() for name in module}
    classes = {name: getattr(diffusers, name, None) for name in exported}
    wanted = {
        name
        for name, value in classes.items()
        if isinstance(value, type) and issubclass(value, diffusers.ModelMixin)
        if issubclass(value, diffusers.ConfigMixin)
    }
    assert set(names.model_names("diffusers")) == wanted
    assert {"UNet2DModel", "AutoencoderKL", "FluxTransformer2DModel"} <= wanted


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("text", "error", "message", "hint"),
    [
        ("diffusers:", UsageError, "has no model name", "netinspect models diffusers:"),
        ("diffusers:UNet2DModle", LoadError, "no model 'UNet2DModle'", "'UNet2DModel'"),
        ("diffusers:some/model/unet", LoadError, "network access is off", "--online"),
        ("diffusers:./gone", LoadError, "no config.json", "a folder that has one"),
        ("diffusers:pipe", LoadError, "pipe is a pipeline of several models", "diffusers:pipe/unet"),
        ("transformers:UNet2DModel", LoadError, "no model", "diffusers has one: diffusers:UNet2DModel"),
    ],
)
def test_check_name_unknown(text: str, error: type[NetinspectError], message: str, hint: str) -> None:
    with pytest.raises(error) as caught:
        check_target(parse_target(text))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_check_name_hub_model_online() -> None:
    for text in ("diffusers:some/model", "diffusers:some/model/unet"):
        check_target(parse_target(text), online=True)


def test_build_by_class() -> None:
    assert type(build("diffusers:AutoencoderKL")).__name__ == "AutoencoderKL"
    assert build("diffusers:AutoencoderKL", latent_channels=8).config.latent_channels == 8


@pytest.mark.usefixtures("pipeline")
def test_build_from_folder() -> None:
    for text in ("diffusers:pipe/unet", "diffusers:./pipe/unet/config.json"):
        model = build(text)
        assert type(model).__name__ == "UNet2DModel"
        assert model.conv_in.in_channels == 5
    assert build("diffusers:pipe/unet", in_channels=7).conv_in.in_channels == 7


@pytest.mark.parametrize(
    ("settings", "library", "cause", "hint"),
    [
        ({"_class_name": "UNet3"}, "diffusers", "its _class_name is 'UNet3'", "newer version"),
        ({"model_type": "bert"}, "diffusers", "the model type 'bert'", "transformers:"),
        ({"_class_name": "UNet2DModel"}, "transformers", "'UNet2DModel' of diffusers", "diffusers:"),
    ],
)
def test_build_configuration_of_other_models(
    tmp_path: Path, settings: dict[str, Any], library: str, cause: str, hint: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(LoadError) as caught:
        build(f"{library}:{tmp_path}")
    assert cause in (caught.value.cause or "")
    assert hint in (caught.value.hint or "")


def test_build_unknown_argument() -> None:
    with pytest.raises(LoadError, match="cannot build AutoencoderKL") as caught:
        build("diffusers:AutoencoderKL", latent_channel=8)
    assert "'latent_channels'" in (caught.value.hint or "")


def netinspect(*arguments: str, folder: Path) -> str:
    """Run a command in a process of its own."""
    # Models of diffusers import transformers, and that torchvision.
    command = [sys.executable, str(Path(__file__).parents[1] / "operators.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_summary_of_folder_in_process(pipeline: Path) -> None:
    found = json.loads(netinspect("summary", "diffusers:pipe/unet", "--json", folder=pipeline))
    assert found["header"]["class_name"] == "UNet2DModel"
    assert found["header"]["failure"] is None
    assert found["header"]["inputs"][0]["spec"] == "sample=1x5x16x16"


def test_models_lists_diffusers_in_process(tmp_path: Path) -> None:
    assert "UNet2DConditionModel" in netinspect("models", "diffusers:unet", folder=tmp_path)
