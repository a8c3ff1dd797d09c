"""Tests of library models: their names, their construction, and that no network is used."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from netinspect.errors import LoadError, NetinspectError, UsageError
from netinspect.targets.libraries import names
from netinspect.targets.libraries.network import network
from netinspect.targets.mistyped import check_target
from netinspect.targets.target import parse_target
from tests.support import build_module

pytestmark = pytest.mark.libraries

torchvision = pytest.importorskip("torchvision")
timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "vocab_size": 99,
    "dtype": "bfloat16",
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test on any connection, even if the error is suppressed."""
    attempts: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        attempts.append(arguments)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert attempts == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(text: str, **arguments: Any) -> Any:
    """Build on the meta device, which is fast."""
    with torch.device("meta"):
        target = parse_target(text)
        check_target(target)
        return build_module(target, arguments, seed=0)


def write_config(folder: Path, **settings: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))


# --- names ---------------------------------------------------------------------------------------


def test_model_names_match_libraries() -> None:
    types = transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
    assert sorted(names.model_names("torchvision")) == sorted(torchvision.models.list_models())
    assert list(names.model_names("timm")) == timm.list_models()
    assert sorted(names.model_names("transformers")) == sorted(types)


def test_known_names_include_deprecated_names_and_classes() -> None:
    others = set(names.known_names("timm")) - set(names.model_names("timm"))
    assert others == set(timm.models._registry._deprecated_models)
    classes = set(names.known_names("transformers")) - set(names.model_names("transformers"))
    assert {"BertModel", "LlamaForCausalLM", "ViTForImageClassification"} <= classes


@pytest.mark.parametrize(
    ("text", "library", "name"),
    [
        ("torchvision:resnet18", "torchvision", "resnet18"),
        ("timm:resnet50.a1_in1k", "timm", "resnet50.a1_in1k"),
        ("timm:tv_resnet50", "timm", "tv_resnet50"),
        ("transformers:bert", "transformers", "bert"),
        ("transformers:BertForMaskedLM", "transformers", "BertForMaskedLM"),
        ("transformers:BertLMHeadModel", "transformers", "BertLMHeadModel"),
    ],
)
def test_parse_target_library(text: str, library: str, name: str) -> None:
    target = parse_target(text)
    assert (target.kind, target.place, target.name) == ("library", library, name)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "error", "message", "hint"),
    [
        ("timm:", UsageError, "has no model name", "netinspect models timm:"),
        ("torchvision:resnet81", LoadError, "no model 'resnet81'", "'resnet18'"),
        ("timm:convnxt_tiny", LoadError, "no model", "'convnext_tiny'"),
        ("torchvision:test_vit", LoadError, "no model", "timm has one: timm:test_vit"),
        ("torchvision:pvt_v2_b0", LoadError, "no model", "timm has one: timm:pvt_v2_b0"),
        ("timm:qqqqqqqqqqqqqqqqq", LoadError, "no model", "netinspect models timm:"),
        ("transformers:berd", LoadError, "no model", "'bert'"),
        ("transformers:BertForMaskLM", LoadError, "no model", "'BertForMaskedLM'"),
        ("transformers:some/model", LoadError, "network access is off", "--online"),
        ("timm:hf-hub:timm/resnet18", LoadError, "network access is off", "--online"),
        ("transformers:./gone", LoadError, "no config.json", "a folder that has one"),
    ],
)
def test_check_name_unknown(text: str, error: type[NetinspectError], message: str, hint: str) -> None:
    with pytest.raises(error) as caught:
        check_target(parse_target(text))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_check_name_hub_model_online() -> None:
    for text in ("transformers:some/model", "timm:hf-hub:timm/resnet18"):
        check_target(parse_target(text), online=True)


def test_check_name_library_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LoadError, match="timm is not installed") as caught:
        check_target(parse_target("timm:resnet18"))
    assert caught.value.hint == "pip install timm"


def test_check_name_does_not_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom netinspect.cli.run import run\n"
        "codes = [int(run(['tree', text])) for text in sys.argv[1:]]\n"
        "assert codes == [3] * len(codes), codes\n"
        "assert not {'torch', 'numpy', 'timm', 'transformers'} & set(sys.modules)\n"
    )
    targets = ["timm:resnt50", "torchvision:resnt50", "transformers:Bertt", "transformers:a/b"]
    done = subprocess.run(
        [sys.executable, "-c", code, *targets], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "did you mean 'resnet50'" in done.stderr


def test_library_import_error(tmp_path: Path) -> None:
    models = tmp_path / "timm" / "models"
    models.mkdir(parents=True)
    (models / "one.py").write_text("@register_model\ndef tiny(pretrained=False):\n    pass\n")
    (tmp_path / "timm" / "__init__.py").write_text(
        "try:\n    raise RuntimeError('operator torchvision::nms does not exist')\n"
        "except RuntimeError as error:\n    raise ImportError('it went wrong') from error\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "netinspect", "tree", "timm:tiny"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "cannot find tiny in timm" in done.stderr
    assert f"{tmp_path / 'timm' / '__init__.py'}:4" in done.stderr
    assert "ImportError: it went wrong" in done.stderr
    assert "--force-reinstall torch torchvision" in done.stderr


# --- building ------------------------------------------------------------------------------------


def test_build_torchvision() -> None:
    assert type(build("torchvision:resnet18")).__name__ == "ResNet"
    assert build("torchvision:resnet18", num_classes=7).fc.out_features == 7
    # Downloads neither its own weights nor those of its backbone.
    assert type(build("torchvision:ssdlite320_mobilenet_v3_large")).__name__ == "SSD"
    assert type(build("torchvision:googlenet")).__name__ == "GoogLeNet"
    assert "Quantizable" in type(build("torchvision:quantized_mobilenet_v2")).__name__


def test_build_timm() -> None:
    assert build("timm:test_vit").num_classes == 1000
    assert build("timm:test_vit.r160_in1k", num_classes=3).head.out_features == 3


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("timm:test_vit", {"pretrained": True}),
        ("torchvision:resnet18", {"weights": "DEFAULT"}),
        ("torchvision:resnet18", {"pretrained": True}),
    ],
)
def test_build_refuses_weights(text: str, argument: dict[str, Any]) -> None:
    with pytest.raises(LoadError, match="never does"):
        build(text, **argument)


def test_build_transformers_by_type_and_class() -> None:
    small = {"num_hidden_layers": 1, "hidden_size": 24, "num_attention_heads": 2}
    assert type(build("transformers:bert", **small)).__name__ == "BertModel"
    masked = build("transformers:BertForMaskedLM", **small)
    assert type(masked).__name__ == "BertForMaskedLM"
    assert len(masked.bert.encoder.layer) == 1
    # By the name in the configuration class, and by the common alias.
    assert len(build("transformers:gpt2", n_layer=2, n_embd=24, n_head=2).h) == 2
    assert len(build("transformers:gpt2", num_hidden_layers=2, n_embd=24, n_head=2).h) == 2


def test_build_transformers_type_without_auto_model() -> None:
    mapping = transformers.models.auto.modeling_auto.MODEL_MAPPING_NAMES
    assert "trocr" not in mapping
    assert type(build("transformers:trocr", decoder_layers=1)).__name__ == "TrOCRForCausalLM"


def test_build_transformers_from_folder(folder: Path) -> None:
    write_config(folder / "llama", **LLAMA)
    for text in ("transformers:llama", "transformers:./llama", "transformers:llama/config.json"):
        model = build(text)
        assert type(model).__name__ == "LlamaForCausalLM"
        assert len(model.model.layers) == 3
        assert model.lm_head.weight.dtype == torch.bfloat16
    assert len(build("transformers:./llama", num_hidden_layers=1).model.layers) == 1
    write_config(folder / "plain", **{key: LLAMA[key] for key in LLAMA if key != "architectures"})
    assert type(build("transformers:plain")).__name__ == "LlamaModel"


def test_build_transformers_truncates_per_layer_lists(folder: Path) -> None:
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    write_config(folder / "qwen", **{**LLAMA, "model_type": "qwen2", "architectures": ["Qwen2Model"]})
    settings = json.loads((folder / "qwen" / "config.json").read_text())
    write_config(
        folder / "qwen", **settings, layer_types=kinds, sliding_window=8, use_sliding_window=True
    )
    model = build("transformers:./qwen", num_hidden_layers=2)
    assert model.config.layer_types == kinds[:2]


def test_build_transformers_nested_configuration() -> None:
    model = build("transformers:clip", text_config={"num_hidden_layers": 1})
    assert (len(model.text_model.encoder.layers), len(model.vision_model.encoder.layers)) == (1, 12)


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (
            {"model_type": "own", "auto_map": {"AutoModel": "own.Own"}},
            "which netinspect does not run",
            "trust",
        ),
        ({"model_type": "lama"}, "has no model for", "'llama'"),
        ({"architectures": ["NoSuchThing"]}, "has no model for", "newer version"),
        ([], "expected a JSON object", ""),
    ],
)
def test_build_transformers_invalid_configuration(
    folder: Path, settings: Any, message: str, hint: str
) -> None:
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text("raise SystemExit('code of the folder was run')\n")
    with pytest.raises(LoadError, match=message) as caught:
        build("transformers:.")
    assert hint in (caught.value.hint or "")


def test_build_transformers_prefers_library_class_to_custom_code(folder: Path) -> None:
    write_config(folder, **LLAMA, auto_map={"AutoModelForCausalLM": "own.Own"})
    assert type(build("transformers:.")).__name__ == "LlamaForCausalLM"


@pytest.mark.parametrize(
    ("text", "arguments", "message", "hint"),
    [
        ("transformers:bert", {"hidden_sizes": 3}, "BertConfig has no value", "'hidden_size'"),
        ("transformers:bert-base-uncased", {}, "no model 'bert-base-uncased'", "transformers:bert has"),
        (
            "transformers:bert-base-uncased",
            {},
            "no model 'bert-base-uncased'",
            "--online searches the hub",
        ),
        ("transformers:BertConfig", {}, "no model 'BertConfig'", "lists them"),
        ("transformers:bert", {"hidden_size": 25}, "cannot build bert", "--debug"),
        ("torchvision:resnet18", {"num_clases": 3}, "cannot build resnet18", "--debug"),
    ],
)
def test_build_library_model_errors(
    text: str, arguments: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(LoadError) as caught:
        build(text, **arguments)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


# --- the network ---------------------------------------------------------------------------------


def test_network_restores_hub_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def fail() -> None:
        with network(allowed=False):
            assert constants.is_offline_mode()
            assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not constants.is_offline_mode()
    assert "HF_HUB_OFFLINE" not in os.environ
    assert os.environ["TRANSFORMERS_OFFLINE"] == "0"
    with network(allowed=True):
        assert not constants.is_offline_mode()


@pytest.mark.parametrize(("value", "offline"), [("", "False"), ("0", "False"), ("1", "True")])
def test_network_resets_hub_imported_inside(value: str, offline: str) -> None:
    code = (
        "from netinspect.targets.libraries.network import network\n"
        "with network(allowed=False):\n"
        "    from huggingface_hub import constants\n"
        "    assert constants.HF_HUB_OFFLINE\n"
        "print(constants.HF_HUB_OFFLINE)\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_OFFLINE")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HF_HUB_OFFLINE": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == offline


def test_build_does_not_download_backbones() -> None:
    assert sum(each.numel() for each in build("transformers:detr").parameters()) > 30_000_000
    assert sum(each.numel() for each in build("torchvision:fcn_resnet50").parameters()) > 30_000_000
