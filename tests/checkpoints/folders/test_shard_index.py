"""Damaged and hostile indexes of shards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError, LoadError
from tests.checkpoints.sharded_files import INDEX, names, tensors, write_index
from tests.support import calls_of


class TestHostileIndex:
    @pytest.mark.parametrize(
        "shard",
        ["/etc/passwd", "../secret.safetensors", "..", ".", "", "a/b.safetensors", "..\\x", "a\0b"],
    )
    def test_read_weight_map_refuses_files_elsewhere(self, sharded: Path, shard: str) -> None:
        save_file(tensors("secret"), sharded.parent / "secret.safetensors")
        write_index(sharded, {"w": shard})
        with pytest.raises(CheckpointError, match="names a file elsewhere") as caught:
            read_checkpoint(str(sharded))
        assert caught.value.cause == f"{shard!r} is not the name of a file in the same folder"

    def test_read_weight_map_shortens_long_file_name(self, sharded: Path) -> None:
        write_index(sharded, {"w": "x" * 1_000_000})
        with pytest.raises(CheckpointError, match="names a file elsewhere") as caught:
            read_checkpoint(str(sharded))
        assert len(caught.value.cause or "") < 300

    def test_read_index_shortens_tensor_names_in_messages(self, sharded: Path) -> None:
        write_index(sharded, {"w" * 1_000_000: "model-00001-of-00003.safetensors"})
        assert all(len(problem) < 2000 for problem in read_checkpoint(str(sharded)).problems)

    def test_read_weight_map_refuses_links_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        save_file(tensors("secret"), tmp_path / "secret.safetensors")
        (tmp_path / "home" / "m.safetensors").symlink_to("../secret.safetensors")
        write_index(tmp_path / "home", {"secret": "m.safetensors"})
        with pytest.raises(CheckpointError, match="names a file elsewhere"):
            read_checkpoint(str(tmp_path / "home"))

    @pytest.mark.parametrize("shared", [False, True], ids=["blobs of the model", "blobs of all models"])
    def test_read_index_accepts_links_of_hub_cache(self, tmp_path: Path, shared: bool) -> None:
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

    def test_read_index_accepts_folder_that_is_a_link(
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
    def test_read_weight_map_refuses_damaged_index(self, tmp_path: Path, text: str, cause: str) -> None:
        (tmp_path / INDEX).write_text(text)
        with pytest.raises(CheckpointError, match=r"model\.safetensors\.index\.json") as caught:
            read_checkpoint(str(tmp_path))
        assert cause in (caught.value.cause or "")

    def test_read_weight_map_refuses_index_that_is_not_utf_8(self, tmp_path: Path) -> None:
        (tmp_path / INDEX).write_bytes(b'{"weight_map": {"\xff": "a"}}')
        with pytest.raises(CheckpointError, match="is damaged"):
            read_checkpoint(str(tmp_path))

    def test_read_weight_map_refuses_impossible_file_name(self, sharded: Path) -> None:
        for path in sharded.glob("model-*"):
            path.unlink()
        (sharded / INDEX).write_text('{"weight_map": {"a": "\\ud800", "b": "' + "x" * 255 + '"}}')
        with pytest.raises(CheckpointError, match="no shard of"):
            read_checkpoint(str(sharded))

    def test_read_index_refuses_fifo_as_index(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / INDEX)
        with pytest.raises(LoadError, match="not a regular file"):
            read_checkpoint(str(tmp_path))

    def test_read_index_reports_fifo_as_shard(self, sharded: Path) -> None:
        (sharded / "model-00001-of-00003.safetensors").unlink()
        os.mkfifo(sharded / "model-00001-of-00003.safetensors")
        (problem,) = read_checkpoint(str(sharded)).problems
        assert "is not a regular file" in problem

    def test_read_index_calls_are_linear_in_names(self, sharded: Path) -> None:
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

    def test_read_weight_map_refuses_too_many_shards(self, tmp_path: Path) -> None:
        write_index(tmp_path, {str(number): str(number) for number in range(10_001)})
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path))
        assert caught.value.cause == "it names 10,001 files"
