"""Folders with a model's files: which are read, how shards become one, and what no index may do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.numpy import save_file

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError, LoadError
from tests.support import calls_of

INDEX = "model.safetensors.index.json"


def tensors(*names: str) -> dict[str, numpy.ndarray]:
    return {name: numpy.zeros((2, 3), numpy.float32) for name in names}


def write_index(folder: Path, shard_of: object, name: str = INDEX) -> None:
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": shard_of}))


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """Three shards of a model, in the order in which they should be read."""
    shard_of = {}
    for number in (1, 2, 3):
        shard = f"model-{number:05}-of-00003.safetensors"
        names = (f"layers.{number}.weight", f"layers.{number}.bias")
        save_file(tensors(*names), tmp_path / shard)
        shard_of.update(dict.fromkeys(names, shard))
    write_index(tmp_path, shard_of)
    return tmp_path


def names(found: object) -> list[str]:
    return [tensor.name for tensor in found.tensors]  # type: ignore[attr-defined]


class TestWhole:
    def test_its_one_file_is_read(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "model.safetensors")
        (tmp_path / "README.md").write_text("hello")
        found = read_checkpoint(str(tmp_path), "it")
        assert (found.target, names(found)) == ("it", ["w"])
        assert [each.name for each in found.files] == ["model.safetensors"]
        assert found.files[0].path == str(tmp_path / "model.safetensors")

    def test_a_file_of_any_name_if_there_is_one_only(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "my weights.safetensors")
        (tmp_path / "training_args.bin").write_bytes(b"?")
        (tmp_path / "optimizer.pt").write_bytes(b"?")
        assert names(read_checkpoint(str(tmp_path))) == ["w"]

    def test_of_several_one_has_to_be_named(self, tmp_path: Path) -> None:
        for name in ("a.gguf", "b.gguf", "c.safetensors"):
            (tmp_path / name).write_bytes(b"?")
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "folder/")
        assert caught.value.cause == "there are a.gguf, b.gguf, c.safetensors in it"
        assert caught.value.hint == "name one of them, such as folder/a.gguf"

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="without a model's weights"):
            read_checkpoint(str(tmp_path))

    def test_what_else_a_folder_may_be_for_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "net.py").write_text("")
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "it/")
        assert caught.value.hint == "name a file of weights, or a model by its file: it/net.py"
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path), "it/")
        assert caught.value.hint == "transformers:it is the model of its config.json, without weights"

    def test_folders_that_have_some_are_told(self, tmp_path: Path) -> None:
        for folder in ("unet", "vae", "scheduler"):
            (tmp_path / folder).mkdir()
        save_file(tensors("w"), tmp_path / "unet" / "diffusion_pytorch_model.safetensors")
        save_file(tensors("w"), tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
        with pytest.raises(CheckpointError, match="without a model's weights") as caught:
            read_checkpoint(str(tmp_path), "it")
        assert caught.value.hint == "there are some in it/unet, it/vae"
        assert names(read_checkpoint(str(tmp_path / "unet"))) == ["w"]

    def test_safetensors_go_before_pickles(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "model.safetensors")
        (tmp_path / "pytorch_model.bin").write_bytes(b"?")
        write_index(tmp_path, {"w": "pytorch_model-00001-of-00002.bin"}, "pytorch_model.bin.index.json")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["w"]
        assert found.warnings == (
            "model.safetensors was read; these weights next to it were not: "
            "pytorch_model.bin, pytorch_model.bin.index.json",
        )

    def test_a_damaged_file_is_an_error_and_no_problem(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"\x10" + bytes(7) + b"{")
        with pytest.raises(CheckpointError, match=r"model\.safetensors is not a valid"):
            read_checkpoint(str(tmp_path))


class TestShards:
    def test_they_become_one(self, sharded: Path) -> None:
        found = read_checkpoint(str(sharded))
        assert sorted(names(found)) == sorted(json.loads((sharded / INDEX).read_text())["weight_map"])
        assert [names(found)[at].split(".")[1] for at in (0, 2, 4)] == ["1", "2", "3"]
        assert [tensor.file for tensor in found.tensors] == [0, 0, 1, 1, 2, 2]
        assert len({tensor.storage for tensor in found.tensors}) == 6
        assert (found.problems, found.warnings) == ((), ())

    def test_the_index_stands_for_its_folder(self, sharded: Path) -> None:
        by_index, by_folder = (
            read_checkpoint(str(sharded / INDEX), "x"),
            read_checkpoint(str(sharded), "x"),
        )
        assert by_index == by_folder

    def test_an_index_without_a_folder_in_front(
        self, sharded: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(sharded)
        assert len(read_checkpoint(INDEX).tensors) == 6

    def test_an_index_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(LoadError, match=INDEX):
            read_checkpoint(str(tmp_path / INDEX))

    def test_one_shard_is_told_to_be_one(self, sharded: Path) -> None:
        found = read_checkpoint(str(sharded / "model-00002-of-00003.safetensors"))
        assert sorted(names(found)) == ["layers.2.bias", "layers.2.weight"]
        assert found.warnings == (
            "model-00002-of-00003.safetensors is shard 2 of 3: the others hold the rest of the model",
        )

    def test_the_only_shard_is_a_whole_model(self, tmp_path: Path) -> None:
        save_file(tensors("w"), tmp_path / "model-00001-of-00001.safetensors")
        assert read_checkpoint(str(tmp_path / "model-00001-of-00001.safetensors")).warnings == ()

    def test_no_index_is_needed(self, sharded: Path) -> None:
        (sharded / INDEX).unlink()
        assert len(read_checkpoint(str(sharded)).tensors) == 6

    def test_without_an_index_a_missing_shard_is_noticed(self, sharded: Path) -> None:
        (sharded / INDEX).unlink()
        (sharded / "model-00003-of-00003.safetensors").unlink()
        found = read_checkpoint(str(sharded))
        assert len(found.tensors) == 4
        assert found.problems == ("shard model-00003-of-00003.safetensors: it is not there",)

    def test_a_missing_shard(self, sharded: Path) -> None:
        (sharded / "model-00002-of-00003.safetensors").unlink()
        found = read_checkpoint(str(sharded))
        assert [tensor.name.split(".")[1] for tensor in found.tensors] == ["1", "1", "3", "3"]
        assert found.problems == (
            "shard model-00002-of-00003.safetensors: it is not there; it should hold "
            "layers.2.bias, layers.2.weight",
        )

    def test_a_damaged_shard(self, sharded: Path) -> None:
        path = sharded / "model-00002-of-00003.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        (problem,) = read_checkpoint(str(sharded)).problems
        assert "is the first tensor that is cut; it should hold layers.2.bias" in problem

    def test_all_shards_missing(self, sharded: Path) -> None:
        for path in sharded.glob("model-*"):
            path.unlink()
        with pytest.raises(CheckpointError, match="no shard of") as caught:
            read_checkpoint(str(sharded))
        assert "model-00001-of-00003.safetensors: it is not there" in (caught.value.cause or "")

    def test_the_index_lies(self, sharded: Path) -> None:
        shard_of = json.loads((sharded / INDEX).read_text())["weight_map"]
        shard_of["lm_head.weight"] = "model-00001-of-00003.safetensors"
        del shard_of["layers.3.bias"]
        write_index(sharded, shard_of)
        first, third = read_checkpoint(str(sharded)).problems
        assert first.endswith(
            "00001-of-00003.safetensors lacks lm_head.weight, which the index assigns to it"
        )
        assert third.endswith("holds layers.3.bias, which the index does not assign to it")

    def test_one_name_in_two_shards(self, tmp_path: Path) -> None:
        for number in (1, 2):
            save_file(tensors("w"), tmp_path / f"m-{number:05}-of-00002.safetensors")
        assert read_checkpoint(str(tmp_path)).problems == (
            "shard m-00002-of-00002.safetensors holds w, which m-00001-of-00002.safetensors holds too",
        )

    @pytest.mark.parametrize("name", ["m-00001-of-00000.gguf", "m-00009-of-00002.gguf"])
    def test_numbers_that_make_no_sense(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(CheckpointError, match=r"not a checkpoint|no shard of"):
            read_checkpoint(str(tmp_path))

    @pytest.mark.parametrize(
        ("first", "digits"), [(1, "06"), (0, "05"), (0, "06")], ids=["six", "from 0", "six from 0"]
    )
    def test_other_ways_to_number_them(self, tmp_path: Path, first: int, digits: str) -> None:
        made = [f"model-{n:{digits}}-of-000003.safetensors" for n in range(first, first + 3)]
        for number, file in enumerate(made):
            save_file(tensors(f"l{number}"), tmp_path / file)
        found = read_checkpoint(str(tmp_path))
        assert (names(found), found.problems) == (["l0", "l1", "l2"], ())
        assert "of 3: the others" in read_checkpoint(str(tmp_path / made[0])).warnings[0]
        (tmp_path / made[2]).unlink()
        assert read_checkpoint(str(tmp_path)).problems == (f"shard {made[2]}: it is not there",)


def shards(folder: Path, count: int, *names: str, stem: str = "model", late: str = "") -> list[str]:
    """Write a set of shards with one tensor each."""
    made = [f"{stem}-{number:05}-of-{count:05}{late}.safetensors" for number in range(1, count + 1)]
    for file, name in zip(made, names, strict=True):
        save_file(tensors(name), folder / file)
    return made


class TestSeveralSets:
    """The set that is there is read, and a warning states what was not."""

    def test_an_index_of_another_split(self, tmp_path: Path) -> None:
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

    def test_an_index_of_another_split_and_other_tensors(self, tmp_path: Path) -> None:
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

    def test_a_whole_file_beside_an_index(self, sharded: Path) -> None:
        save_file(tensors("stray"), sharded / "model.safetensors")
        found = read_checkpoint(str(sharded))
        assert (names(found), found.problems) == (["stray"], ())
        assert found.warnings == (
            "model.safetensors was read; these weights next to it were not: "
            f"model-*-of-00003.safetensors (3 files), {INDEX}",
        )

    def test_a_shard_that_the_index_does_not_name(self, sharded: Path) -> None:
        shard_of = json.loads((sharded / INDEX).read_text())["weight_map"]
        write_index(sharded, {name: shard for name, shard in shard_of.items() if "3-of" not in shard})
        save_file(tensors("x"), sharded / "extra.safetensors")
        found = read_checkpoint(str(sharded))
        assert len(found.tensors) == 4
        assert found.warnings == (
            f"{INDEX} was read; these weights next to it were not: extra.safetensors, "
            "model-*-of-00003.safetensors (1 file)",
        )

    def test_a_whole_set_goes_before_one_with_a_gap(self, sharded: Path) -> None:
        (sharded / "model-00002-of-00003.safetensors").unlink()
        save_file(tensors("w"), sharded / "diffusion_pytorch_model.safetensors")
        found = read_checkpoint(str(sharded))
        assert (names(found), found.problems) == (["w"], ())
        assert "model-*-of-00003.safetensors (2 files)" in found.warnings[0]

    @pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": {}}', '{"weight_map": {"a": 1}}'])
    def test_a_damaged_index_beside_a_whole_set(self, sharded: Path, text: str) -> None:
        (sharded / INDEX).write_text(text)
        found = read_checkpoint(str(sharded))
        assert len(found.tensors) == 6
        (problem,) = found.problems
        assert INDEX in problem

    def test_variants(self, tmp_path: Path) -> None:
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

    def test_variants_behind_the_number(self, tmp_path: Path) -> None:
        shards(tmp_path, 2, "a", "b", late=".fp16")
        save_file(tensors("other"), tmp_path / "other.safetensors")
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["a", "b"]
        assert "model-*-of-00002.fp16.safetensors was read" in found.warnings[1]

    def test_parts_of_llama_and_the_copy_of_mistral(self, tmp_path: Path) -> None:
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

    def test_the_parts_of_a_pipeline(self, tmp_path: Path) -> None:
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

    def test_a_part_of_a_pipeline_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        save_file(tensors("secret"), tmp_path / "elsewhere" / "model.safetensors")
        home = tmp_path / "home"
        home.mkdir()
        (home / "model_index.json").write_text("{}")
        (home / "unet").symlink_to("../elsewhere")
        with pytest.raises(CheckpointError, match="is a link to a folder outside"):
            read_checkpoint(str(home), "it")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("flax_model.msgpack", "flax_model.msgpack is of Flax: flax.serialization.msgpack_restore"),
            ("tf_model.h5", "tf_model.h5 is of Keras: keras or h5py reads it"),
            ("saved_model.pb", "tf.saved_model.load reads the folder"),
        ],
    )
    def test_weights_of_other_libraries(self, tmp_path: Path, name: str, said: str) -> None:
        (tmp_path / name).write_bytes(b"?")
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(CheckpointError, match="no weights in a format that is read") as caught:
            read_checkpoint(str(tmp_path))
        assert said in (caught.value.cause or "")
        save_file(tensors("w"), tmp_path / "model.safetensors")
        (warning,) = read_checkpoint(str(tmp_path)).warnings
        assert warning == f"model.safetensors was read; these weights next to it were not: {name}"


class TestHostileIndex:
    @pytest.mark.parametrize(
        "shard",
        ["/etc/passwd", "../secret.safetensors", "..", ".", "", "a/b.safetensors", "..\\x", "a\0b"],
    )
    def test_names_of_files_elsewhere(self, sharded: Path, shard: str) -> None:
        save_file(tensors("secret"), sharded.parent / "secret.safetensors")
        write_index(sharded, {"w": shard})
        with pytest.raises(CheckpointError, match="names a file elsewhere") as caught:
            read_checkpoint(str(sharded))
        assert caught.value.cause == f"{shard!r} is not the name of a file in the same folder"

    def test_a_name_longer_than_any(self, sharded: Path) -> None:
        write_index(sharded, {"w": "x" * 1_000_000})
        with pytest.raises(CheckpointError, match="names a file elsewhere") as caught:
            read_checkpoint(str(sharded))
        assert len(caught.value.cause or "") < 300

    def test_names_of_tensors_are_shortened_in_sentences(self, sharded: Path) -> None:
        write_index(sharded, {"w" * 1_000_000: "model-00001-of-00003.safetensors"})
        assert all(len(problem) < 2000 for problem in read_checkpoint(str(sharded)).problems)

    def test_links_to_files_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        save_file(tensors("secret"), tmp_path / "secret.safetensors")
        (tmp_path / "home" / "m.safetensors").symlink_to("../secret.safetensors")
        write_index(tmp_path / "home", {"secret": "m.safetensors"})
        with pytest.raises(CheckpointError, match="names a file elsewhere"):
            read_checkpoint(str(tmp_path / "home"))

    @pytest.mark.parametrize("shared", [False, True], ids=["blobs of the model", "blobs of all models"])
    def test_the_cache_of_the_hub_is_links(self, tmp_path: Path, shared: bool) -> None:
        model = tmp_path / "hub" / "models--org--name"
        snapshot = model / "snapshots" / "abc"
        snapshot.mkdir(parents=True)
        (model / "blobs").mkdir()
        blob = model / "blobs" / "0123"
        if shared:
            store = tmp_path / "hub" / "blobs" / "01"
            store.mkdir(parents=True)
            save_file(tensors("w"), store / "0123")
            blob.symlink_to("../../blobs/01/0123")
        else:
            save_file(tensors("w"), blob)
        (snapshot / "m.safetensors").symlink_to("../../blobs/0123")
        write_index(snapshot, {"w": "m.safetensors"})
        assert names(read_checkpoint(str(snapshot))) == ["w"]

    def test_a_folder_that_is_itself_a_link(
        self, sharded: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        link = tmp_path_factory.mktemp("links") / "link"
        link.symlink_to(sharded)
        assert len(read_checkpoint(str(link)).tensors) == 6

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ("", "is not valid JSON"),
            ("{", "is not valid JSON"),
            ("[]", "is not a JSON object"),
            ("[" * 200_000, "is nested too deeply"),
            ('{"weight_map": ' + "1" * 5000 + "}", "is not valid JSON"),
            ("{}", "is not a map of names to files"),
            ('{"weight_map": ["a"]}', "is not a map of names to files"),
            ('{"weight_map": {"a": 1}}', "is not a map of names to files"),
            ('{"weight_map": {}}', "is empty"),
            ("[" + "[]," * 300_000 + "[]]", "more than 300,000 values"),
            (" " * (25 << 20), "is the most"),
        ],
        ids=lambda value: value[:20],
    )
    def test_damaged(self, tmp_path: Path, text: str, cause: str) -> None:
        (tmp_path / INDEX).write_text(text)
        with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json") as caught:
            read_checkpoint(str(tmp_path))
        assert cause in (caught.value.cause or "")

    def test_not_utf_8(self, tmp_path: Path) -> None:
        (tmp_path / INDEX).write_bytes(b'{"weight_map": {"\xff": "a"}}')
        with pytest.raises(CheckpointError, match="is damaged"):
            read_checkpoint(str(tmp_path))

    def test_a_name_that_no_file_can_have(self, sharded: Path) -> None:
        for path in sharded.glob("model-*"):
            path.unlink()
        (sharded / INDEX).write_text('{"weight_map": {"a": "\\ud800", "b": "' + "x" * 255 + '"}}')
        with pytest.raises(CheckpointError, match="no shard of"):
            read_checkpoint(str(sharded))

    def test_it_may_not_be_a_fifo(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / INDEX)
        with pytest.raises(LoadError, match="not a regular file"):
            read_checkpoint(str(tmp_path))

    def test_shards_may_not_be_fifos(self, sharded: Path) -> None:
        (sharded / "model-00001-of-00003.safetensors").unlink()
        os.mkfifo(sharded / "model-00001-of-00003.safetensors")
        (problem,) = read_checkpoint(str(sharded)).problems
        assert "is not a regular file" in problem

    def test_many_names_in_many_shards_take_calls_as_there_are_names(self, sharded: Path) -> None:
        for number in (2, 3):
            (sharded / f"model-0000{number}-of-00003.safetensors").unlink()
        calls = []
        for count in (5_000, 25_000, 50_000, 100_000):
            shard_of = {f"model.layers.{number}.weight": f"m{number % 5000}" for number in range(count)}
            write_index(sharded, {**shard_of, "layers.1.bias": "model-00001-of-00003.safetensors"})
            calls.append(calls_of(lambda: read_checkpoint(str(sharded))))
        _, few, more, most = calls
        assert more < 2.1 * few
        assert most < 4.2 * few
        found = read_checkpoint(str(sharded))
        assert len(found.problems) == 51
        assert found.problems[-1] == "there are 4,951 more problems with its shards"

    def test_too_many_shards(self, tmp_path: Path) -> None:
        write_index(tmp_path, {str(number): str(number) for number in range(10_001)})
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path))
        assert caught.value.cause == "it names 10,001 files"


class TestConfiguration:
    def write(self, folder: Path, text: str) -> None:
        save_file(tensors("w"), folder / "model.safetensors")
        (folder / "config.json").write_text(text)

    def test_it_is_told(self, tmp_path: Path) -> None:
        self.write(tmp_path, '{"model_type": "llama", "layers": 2, "rope": {"theta": 1.5}}')
        found = read_checkpoint(str(tmp_path))
        assert [(each.name, each.type, each.text) for each in found.metadata] == [
            ("config.model_type", "str", '"llama"'),
            ("config.layers", "int", "2"),
            ("config.rope", "dict", '{"theta": 1.5}'),
        ]

    @pytest.mark.parametrize("text", ["", "[1]", "{", '{"a":' * 100_000, "{}" * 4_000_000, "\x00"])
    def test_a_damaged_one_does_not_keep_from_the_weights(self, tmp_path: Path, text: str) -> None:
        self.write(tmp_path, text)
        found = read_checkpoint(str(tmp_path))
        assert names(found) == ["w"]
        (warning,) = found.warnings
        assert warning.startswith("config.json is damaged: ")

    def test_that_of_an_adapter_too(self, tmp_path: Path) -> None:
        save_file(tensors("base_model.model.l.lora_A.weight"), tmp_path / "adapter_model.safetensors")
        settings = {"peft_type": "LORA", "r": 2, "target_modules": ["q", "v"]}
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
        found = read_checkpoint(str(tmp_path))
        assert {each.name: each.text for each in found.metadata} == {
            "adapter_config.peft_type": '"LORA"',
            "adapter_config.r": "2",
            "adapter_config.target_modules": '["q", "v"]',
        }

    def test_long_values_are_shortened(self, tmp_path: Path) -> None:
        self.write(tmp_path, json.dumps({"labels": ["x" * 10_000]}))
        assert len(read_checkpoint(str(tmp_path)).metadata[0].text) == 2000


class TestCannotBeRead:
    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_folder_without_permission(self, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0)
        with pytest.raises(LoadError, match="cannot read the folder"):
            read_checkpoint(str(tmp_path / "locked"))
