"""Configuration files next to the weights of a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from netinspect.checkpoints.read import read_checkpoint
from tests.checkpoints.sharded_files import names, tensors


class TestConfiguration:
    def write(self, folder: Path, text: str) -> None:
        save_file(tensors("w"), folder / "model.safetensors")
        (folder / "config.json").write_text(text)

    def test_with_configuration_adds_entries(self, tmp_path: Path) -> None:
        self.write(tmp_path, '{"model_type": "llama", "layers": 2, "rope": {"theta": 1.5}}')
        found = read_checkpoint(str(tmp_path))
        assert [(each.name, each.type, each.text) for each in found.metadata] == [
            ("config.model_type", "str", '"llama"'),
            ("config.layers", "int", "2"),
            ("config.rope", "dict", '{"theta": 1.5}'),
        ]

    @pytest.mark.parametrize("text", ["", "[1]", "{", '{"a":' * 100_000, "{}" * 4_000_000, "\x00"])
    def test_with_configuration_damaged_file_is_a_warning(self, tmp_path: Path, text: str) -> None:
        self.write(tmp_path, text)
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["w"]
        (warning,) = found.warnings
        assert warning.startswith("config.json is damaged: ")

    def test_with_configuration_reads_adapter_configuration(self, tmp_path: Path) -> None:
        save_file(tensors("base_model.model.l.lora_A.weight"), tmp_path / "adapter_model.safetensors")
        settings = {"peft_type": "LORA", "r": 2, "target_modules": ["q", "v"]}
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
        found = read_checkpoint(str(tmp_path))
        assert {each.name: each.text for each in found.metadata} == {
            "adapter_config.peft_type": '"LORA"',
            "adapter_config.r": "2",
            "adapter_config.target_modules": '["q", "v"]',
        }

    def test_with_configuration_shortens_long_values(self, tmp_path: Path) -> None:
        self.write(tmp_path, json.dumps({"labels": ["x" * 10_000]}))
        assert len(read_checkpoint(str(tmp_path)).metadata[0].text) == 2000
