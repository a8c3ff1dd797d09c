"""Choice of one set of weights in a folder with several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.numpy import save_file

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from tests.checkpoints.sharded_files import INDEX, names, shards, tensors, write_index


class TestSeveralSets:
    """Tests that one of several sets is read, with a warning about the others."""

    def test_choose_index_of_another_split(self, tmp_path: Path) -> None:
        shards(tmp_path, 2, "a", "b")
        write_index(
            tmp_path, {name: f"model-0000{k}-of-00004.safetensors" for k, name in enumerate("ab", 1)}
        )
        for target in (tmp_path, tmp_path / INDEX):
            found = read_checkpoint(str(target))
            assert (names(found), found.problems) == (["a", "b"], ())
            assert found.warnings == (
                f"{INDEX} names 2 files, of which 0 are there: model-*-of-00002.safetensors was read "
                "instead",
            )

    def test_choose_index_of_another_split_with_other_tensors(self, tmp_path: Path) -> None:
        shards(tmp_path, 2, "a", "b")
        old = shards(tmp_path, 3, "a", "c", "d")
        (tmp_path / old[2]).unlink()
        write_index(tmp_path, dict(zip("acd", old, strict=True)))
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["a", "b"]
        assert found.problems == (
            f"{INDEX} lists c, d, which model-*-of-00002.safetensors lacks",
            f"model-*-of-00002.safetensors holds b, which {INDEX} does not list",
        )
        assert found.warnings == (
            f"{INDEX} names 3 files, of which 2 are there: model-*-of-00002.safetensors was read "
            "instead",
            "model-*-of-00002.safetensors was read; these weights next to it were not: "
            "model-*-of-00003.safetensors (2 files)",
        )

    def test_choose_single_file_before_index(self, sharded: Path) -> None:
        save_file(tensors("stray"), sharded / "model.safetensors")
        found = read_checkpoint(str(sharded))
        assert (names(found), found.problems) == (["stray"], ())
        assert found.warnings == (
            "model.safetensors was read; these weights next to it were not: "
            f"model-*-of-00003.safetensors (3 files), {INDEX}",
        )

    def test_read_index_warns_of_unlisted_shard(self, sharded: Path) -> None:
        shard_of = json.loads((sharded / INDEX).read_text())["weight_map"]
        write_index(sharded, {name: shard for name, shard in shard_of.items() if "3-of" not in shard})
        save_file(tensors("x"), sharded / "extra.safetensors")
        found = read_checkpoint(str(sharded))
        assert len(found.tensors) == 4
        assert found.warnings == (
            f"{INDEX} was read; these weights next to it were not: extra.safetensors, "
            "model-*-of-00003.safetensors (1 file)",
        )

    def test_choose_complete_set_before_incomplete(self, sharded: Path) -> None:
        (sharded / "model-00002-of-00003.safetensors").unlink()
        save_file(tensors("w"), sharded / "diffusion_pytorch_model.safetensors")
        found = read_checkpoint(str(sharded))
        assert (names(found), found.problems) == (["w"], ())
        assert "model-*-of-00003.safetensors (2 files)" in found.warnings[0]

    @pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": {}}', '{"weight_map": {"a": 1}}'])
    def test_choose_complete_set_with_damaged_index(self, sharded: Path, text: str) -> None:
        (sharded / INDEX).write_text(text)
        found = read_checkpoint(str(sharded))
        assert len(found.tensors) == 6
        (problem,) = found.problems
        assert INDEX in problem

    def test_choose_variants(self, tmp_path: Path) -> None:
        made = shards(tmp_path, 2, "a", "b", stem="model.fp16")
        write_index(tmp_path, dict(zip("ab", made, strict=True)), "model.safetensors.index.fp16.json")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["a", "b"]
        assert found.warnings == ("the variant 'fp16' was read: there are no weights without a variant",)
        save_file(tensors("c"), tmp_path / "model.bf16.safetensors")
        save_file(tensors("whole"), tmp_path / "model.safetensors")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["whole"]
        assert found.warnings == (
            "model.safetensors was read; these weights next to it were not: model.bf16.safetensors, "
            "model.fp16-*-of-00002.safetensors (2 files), model.safetensors.index.fp16.json",
        )

    def test_choose_variant_after_shard_number(self, tmp_path: Path) -> None:
        shards(tmp_path, 2, "a", "b", late=".fp16")
        save_file(tensors("other"), tmp_path / "other.safetensors")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["a", "b"]
        assert "model-*-of-00002.fp16.safetensors was read" in found.warnings[1]

    def test_choose_llama_parts_or_mistral_copy(self, tmp_path: Path) -> None:
        for number in (0, 2):
            torch.save({"w": torch.ones(2)}, tmp_path / f"consolidated.{number:02}.pth")
        (tmp_path / "params.json").write_text('{"dim": 4}')
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["consolidated.00.w", "consolidated.02.w"]
        assert {each.key for each in found.tensors} == {"w"}
        assert found.problems == ("shard consolidated.01.pth: it is not there",)
        assert found.warnings == (
            "each file has its part of every tensor, and the parts are listed under its name",
        )
        assert [(each.name, each.text) for each in found.metadata] == [("params.dim", "4")]
        save_file(tensors("a"), tmp_path / "model.safetensors")
        save_file(tensors("b"), tmp_path / "consolidated.safetensors")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["a"]
        assert "consolidated.*.pth (2 files), consolidated.safetensors" in found.warnings[0]

    def test_read_pipeline_joins_parts(self, tmp_path: Path) -> None:
        for folder in ("unet", "vae", "scheduler"):
            (tmp_path / folder).mkdir()
        (tmp_path / "model_index.json").write_text("{}")
        save_file(tensors("w"), tmp_path / "unet" / "diffusion_pytorch_model.fp16.safetensors")
        save_file(tensors("w"), tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
        (tmp_path / "vae" / "config.json").write_text('{"scale": 2}')
        save_file(tensors("all"), tmp_path / "v1-5.safetensors")
        found = read_checkpoint(str(tmp_path), "it")
        assert [(each.name, each.section, each.file) for each in found.tensors] == [
            ("unet.w", "unet", 0),
            ("vae.w", "vae", 1),
        ]
        assert [each.name for each in found.files] == [
            "unet/diffusion_pytorch_model.fp16.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
        ]
        assert [(each.name, each.text) for each in found.metadata] == [("vae.config.scale", "2")]
        assert found.warnings == (
            "unet: the variant 'fp16' was read: there are no weights without a variant",
            "the pipeline was read; these weights next to it were not: v1-5.safetensors",
        )
        (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"?")
        (problem,) = read_checkpoint(str(tmp_path), "it").problems
        assert problem.startswith("vae: diffusion_pytorch_model.safetensors is not a checkpoint")

    def test_read_pipeline_refuses_part_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        save_file(tensors("secret"), tmp_path / "elsewhere" / "model.safetensors")
        home = tmp_path / "home"
        home.mkdir()
        (home / "model_index.json").write_text("{}")
        (home / "unet").symlink_to("../elsewhere")
        with pytest.raises(CheckpointError, match="is a link to a folder outside"):
            read_checkpoint(str(home), "it")

    @pytest.mark.parametrize(
        ("name", "cause"),
        [
            (
                "flax_model.msgpack",
                "is a Flax checkpoint (MessagePack): flax.serialization.msgpack_restore",
            ),
            ("tf_model.h5", "tf_model.h5 is a Keras model or its weights in HDF5: keras.saving.load"),
            ("saved_model.pb", "tf.saved_model.load(...) loads its folder"),
        ],
    )
    def test_name_left_out_names_weights_of_other_libraries(
        self, tmp_path: Path, name: str, cause: str
    ) -> None:
        (tmp_path / name).write_bytes(b"?")
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(CheckpointError, match="no weights in a format that is read") as caught:
            read_checkpoint(str(tmp_path))
        assert cause in (caught.value.cause or "")
        save_file(tensors("w"), tmp_path / "model.safetensors")
        (warning,) = read_checkpoint(str(tmp_path)).warnings
        assert warning == f"model.safetensors was read; these weights next to it were not: {name}"
