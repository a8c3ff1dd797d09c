"""Folders with the files of a model, whole or in shards."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError, LoadError
from tests.checkpoints.sharded_files import INDEX, names, tensors, write_index


class TestWhole:
    def test_read_file_set_single_file(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "model.safetensors")
        (tmp_path / "README.md").write_text("hello")
        found = read_checkpoint(str(tmp_path), "it")
        assert (found.target, names(found)) == ("it", ["w"])
        assert [each.name for each in found.files] == ["model.safetensors"]
        assert found.files[0].path == str(tmp_path / "model.safetensors")

    def test_read_file_set_single_file_of_any_name(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "my weights.safetensors")
        (tmp_path / "training_args.bin").write_bytes(b"?")
        (tmp_path / "optimizer.pt").write_bytes(b"?")
        assert names(read_checkpoint(str(tmp_path))) == ["w"]

    def test_read_file_set_refuses_several_unknown_files(self, tmp_path: Path) -> None:
        for name in ("a.gguf", "b.gguf", "c.safetensors"):
            (tmp_path / name).write_bytes(b"?")
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "folder/")
        assert caught.value.cause == "there are a.gguf, b.gguf, c.safetensors in it"
        assert caught.value.hint == "name one of them, such as folder/a.gguf"

    def test_read_file_set_refuses_folder_without_weights(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="without a model's weights"):
            read_checkpoint(str(tmp_path))

    def test_read_file_set_hints_at_other_uses_of_folder(self, tmp_path: Path) -> None:
        (tmp_path / "net.py").write_text("")
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "it/")
        assert caught.value.hint == "name a file of weights, or a model by its file: it/net.py"
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "it/")
        assert caught.value.hint == "transformers:it is the model of its config.json, without weights"
        (tmp_path / "config.json").write_text('{"_class_name": "UNet2DModel"}')
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "it/")
        assert caught.value.hint == "diffusers:it is the model of its config.json, without weights"

    def test_read_file_set_hints_at_subfolders_with_weights(self, tmp_path: Path) -> None:
        for folder in ("unet", "vae", "scheduler"):
            (tmp_path / folder).mkdir()
        save_file(tensors("w"), tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
        save_file(tensors("w"), tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
        with pytest.raises(CheckpointError, match="without a model's weights") as caught:
            read_checkpoint(str(tmp_path), "it")
        assert caught.value.hint == "there are some in it/unet, it/vae"
        assert names(read_checkpoint(str(tmp_path / "unet"))) == ["w"]

    def test_read_file_set_prefers_safetensors_to_pickles(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "model.safetensors")
        (tmp_path / "pytorch_model.bin").write_bytes(b"?")
        write_index(tmp_path, {"w": "pytorch_model-00001-of-00002.bin"}, "pytorch_model.bin.index.json")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["w"]
        assert found.warnings == (
            "model.safetensors was read; these weights next to it were not: "
            "pytorch_model.bin, pytorch_model.bin.index.json",
        )

    def test_read_file_set_damaged_single_file_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"\x10" + bytes(7) + b"{")
        with pytest.raises(CheckpointError, match=r"model\.safetensors is not a valid"):
            read_checkpoint(str(tmp_path))


class TestShards:
    def test_read_file_set_joins_shards(self, sharded: Path) -> None:
        found = read_checkpoint(str(sharded))
        assert sorted(names(found)) == sorted(json.loads((sharded / INDEX).read_text())["weight_map"])
        assert [names(found)[at].split(".")[1] for at in (0, 2, 4)] == ["1", "2", "3"]
        assert [tensor.file for tensor in found.tensors] == [0, 0, 1, 1, 2, 2]
        assert len({tensor.storage for tensor in found.tensors}) == 6
        assert (found.problems, found.warnings) == ((), ())

    def test_read_index_equals_folder(self, sharded: Path) -> None:
        by_index, by_folder = (
            read_checkpoint(str(sharded / INDEX), "x"),
            read_checkpoint(str(sharded), "x"),
        )
        assert by_index == by_folder

    def test_read_index_without_folder_in_path(
        self, sharded: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(sharded)
        assert len(read_checkpoint(INDEX).tensors) == 6

    def test_read_index_missing_index_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(LoadError, match=INDEX):
            read_checkpoint(str(tmp_path / INDEX))

    def test_read_checkpoint_single_shard_has_warning(self, sharded: Path) -> None:
        found = read_checkpoint(str(sharded / "model-00002-of-00003.safetensors"))
        assert sorted(names(found)) == ["layers.2.bias", "layers.2.weight"]
        assert found.warnings == (
            "model-00002-of-00003.safetensors is shard 2 of 3: the others hold the rest of the model",
        )

    def test_read_checkpoint_only_shard_is_whole_model(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "model-00001-of-00001.safetensors")
        assert read_checkpoint(str(tmp_path / "model-00001-of-00001.safetensors")).warnings == ()

    def test_read_file_set_shards_without_index(self, sharded: Path) -> None:
        (sharded / INDEX).unlink()
        assert len(read_checkpoint(str(sharded)).tensors) == 6

    def test_read_file_set_shards_without_index_reports_missing(self, sharded: Path) -> None:
        (sharded / INDEX).unlink()
        (sharded / "model-00003-of-00003.safetensors").unlink()
        found = read_checkpoint(str(sharded))
        assert len(found.tensors) == 4
        assert found.problems == ("shard model-00003-of-00003.safetensors: it is not there",)

    def test_read_index_missing_shard_is_a_problem(self, sharded: Path) -> None:
        (sharded / "model-00002-of-00003.safetensors").unlink()
        found = read_checkpoint(str(sharded))
        assert [tensor.name.split(".")[1] for tensor in found.tensors] == ["1", "1", "3", "3"]
        assert found.problems == (
            "shard model-00002-of-00003.safetensors: it is not there; it should hold "
            "layers.2.bias, layers.2.weight",
        )

    def test_read_index_damaged_shard_is_a_problem(self, sharded: Path) -> None:
        path = sharded / "model-00002-of-00003.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        (problem,) = read_checkpoint(str(sharded)).problems
        assert "is the first tensor that is cut; it should hold layers.2.bias" in problem

    def test_read_index_all_shards_missing_is_an_error(self, sharded: Path) -> None:
        for path in sharded.glob("model-*"):
            path.unlink()
        with pytest.raises(CheckpointError, match="no shard of") as caught:
            read_checkpoint(str(sharded))
        assert "model-00001-of-00003.safetensors: it is not there" in (caught.value.cause or "")

    def test_read_index_reports_differences_from_index(self, sharded: Path) -> None:
        shard_of = json.loads((sharded / INDEX).read_text())["weight_map"]
        shard_of["lm_head.weight"] = "model-00001-of-00003.safetensors"
        del shard_of["layers.3.bias"]
        write_index(sharded, shard_of)
        first, third = read_checkpoint(str(sharded)).problems
        assert first.endswith(
            "00001-of-00003.safetensors lacks lm_head.weight, which the index assigns to it"
        )
        assert third.endswith("holds layers.3.bias, which the index does not assign to it")

    def test_read_index_reports_name_in_two_shards(self, tmp_path: Path) -> None:
        for number in (1, 2):
            save_file(tensors("w"), tmp_path / f"m-{number:05}-of-00002.safetensors")
        assert read_checkpoint(str(tmp_path)).problems == (
            "shard m-00002-of-00002.safetensors holds w, which m-00001-of-00002.safetensors holds too",
        )

    @pytest.mark.parametrize("name", ["m-00001-of-00000.gguf", "m-00009-of-00002.gguf"])
    def test_read_checkpoint_invalid_shard_numbers(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(CheckpointError, match=r"not a checkpoint|no shard of"):
            read_checkpoint(str(tmp_path))

    @pytest.mark.parametrize(
        ("first", "digits"), [(1, "06"), (0, "05"), (0, "06")], ids=["six", "from 0", "six from 0"]
    )
    def test_read_file_set_other_shard_numbering(self, tmp_path: Path, first: int, digits: str) -> None:
        made = [f"model-{n:{digits}}-of-000003.safetensors" for n in range(first, first + 3)]
        for number, file in enumerate(made):
            save_file(tensors(f"l{number}"), tmp_path / file)
        found = read_checkpoint(str(tmp_path))
        assert (names(found), found.problems) == (["l0", "l1", "l2"], ())
        assert "of 3: the others" in read_checkpoint(str(tmp_path / made[0])).warnings[0]
        (tmp_path / made[2]).unlink()
        assert read_checkpoint(str(tmp_path)).problems == (f"shard {made[2]}: it is not there",)


class TestCannotBeRead:
    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_read_file_set_refuses_unreadable_folder(self, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0)
        with pytest.raises(LoadError, match="cannot read the folder"):
            read_checkpoint(str(tmp_path / "locked"))
