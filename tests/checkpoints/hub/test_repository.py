"""Checkpoints on the hub: only headers come, by few requests, and every failure is reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gguf
import numpy
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
import torch
from safetensors.numpy import save

from netinspect import read_checkpoint
from netinspect.checkpoints.hub.repository import Reference
from netinspect.errors import CheckpointError, LoadError, UsageError
from netinspect.records.base import replace
from tests.checkpoints.hub.hub_files import INDEX, read, small, weights
from tests.checkpoints.hub.hub_server import COMMIT, File, Hub, Repository
from tests.support import PATIENCE


class TestReference:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("hf:org/name", ("org/name", None, "")),
            ("hf:gpt2", ("gpt2", None, "")),
            ("hf:org/name@v1.0", ("org/name", "v1.0", "")),
            ("hf:gpt2@main", ("gpt2", "main", "")),
            ("hf:gpt2@main/a.bin", ("gpt2", "main", "a.bin")),
            ("hf:org/name/a/b.safetensors", ("org/name", None, "a/b.safetensors")),
            ("hf:org/name/unet/", ("org/name", None, "unet")),
            ("hf:org/name@refs/pr/3/a.gguf", ("org/name", "refs/pr/3", "a.gguf")),
            ("hf:org/name@refs%2Fpr%2F3", ("org/name", "refs/pr/3", "")),
            ("hf:org/name@a/b@c", ("org/name", "a", "b@c")),
        ],
    )
    def test_reference_parse_valid_targets(
        self, text: str, expected: tuple[str, str | None, str]
    ) -> None:
        found = Reference.parse(text)
        assert (found.repository, found.revision, found.path) == expected

    @pytest.mark.parametrize(
        "text",
        ["hf:", "hf:/", "hf:a/b@", "hf:a b", "hf:a//b", "hf:@main", "hf:org/na\x1bme", "hf:https://x"],
    )
    def test_reference_parse_refuses_invalid_targets(self, text: str) -> None:
        with pytest.raises(UsageError, match="names no model of the hub"):
            Reference.parse(text)


class TestNothingUnasked:
    def test_read_hub_is_offline_by_default(self, hub: Hub) -> None:
        with pytest.raises(LoadError, match="network access is off") as caught:
            read_checkpoint("hf:org/name")
        assert "--online" in (caught.value.hint or "")
        assert hub.requests == []

    @pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
    def test_read_hub_respects_offline_variables(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "1")
        with pytest.raises(LoadError, match=f"{variable} is set"):
            read("hf:org/name")
        assert hub.requests == []

    def test_read_checkpoint_prefers_local_file_with_hub_name(
        self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("hf:local").write_bytes(save({"mine": numpy.zeros(1)}))
        assert read("hf:local") == ["mine"]
        assert hub.requests == []

    def test_read_hub_without_huggingface_hub(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(LoadError, match="needs huggingface_hub") as caught:
            read("hf:org/name")
        assert caught.value.hint == "pip install 'netinspect[hub]'"


class TestReading:
    def test_read_hub_equals_local_folder(self, hub: Hub, tmp_path: Path) -> None:
        for name, file in hub.repositories["org/name"].files.items():
            (tmp_path / name).write_bytes(file.head)
        local = read_checkpoint(tmp_path)
        found = read_checkpoint("hf:org/name", online=True)
        assert (found.tensors, found.metadata) == (local.tensors, local.metadata)
        assert (found.target, found.problems, found.warnings) == ("hf:org/name", (), ())
        (stored,) = found.files
        assert stored.path == f"{hub.endpoint}/org/name/resolve/{COMMIT}/model.safetensors"
        assert stored.bytes == local.files[0].bytes

    def test_read_hub_reads_one_commit(self, hub: Hub) -> None:
        read("hf:org/name")
        assert {each.path.split("/resolve/")[1][:40] for each in hub.of("hub", "HEAD")} == {COMMIT}

    def test_read_hub_revision(self, hub: Hub) -> None:
        assert read(f"hf:org/name@{COMMIT}") == ["a", "b"]
        assert hub.requests[0].path == f"/api/models/org/name/revision/{COMMIT}"

    def test_read_hub_name_without_organization(self, hub: Hub) -> None:
        hub.repositories["gpt2"] = hub.repositories["org/name"]
        assert read("hf:gpt2") == read("hf:gpt2@main/model.safetensors") == ["a", "b"]

    def test_read_hub_single_file(self, hub: Hub) -> None:
        hub.repositories["org/name"].files["sub/model-00002-of-00003.safetensors"] = weights("c")
        found = read_checkpoint("hf:org/name/sub/model-00002-of-00003.safetensors", online=True)
        assert [tensor.name for tensor in found.tensors] == ["c"]
        assert found.target == "hf:org/name/sub/model-00002-of-00003.safetensors"
        assert "is shard 2 of 3" in found.warnings[0]

    def test_read_hub_subfolder(self, hub: Hub) -> None:
        hub.repositories["org/name"].files["unet/diffusion_pytorch_model.safetensors"] = weights("c")
        assert read("hf:org/name/unet") == ["c"]

    def test_read_hub_repository_with_subfolders_only(self, hub: Hub) -> None:
        files = {"unet/a.safetensors": weights("c"), "x/y": small("")}
        hub.repositories["org/parts"] = Repository(files)
        with pytest.raises(CheckpointError, match="without a model's weights") as caught:
            read("hf:org/parts")
        assert caught.value.hint == "there are some in hf:org/parts/unet"
        files["model_index.json"] = small("{}")
        assert read("hf:org/parts") == ["unet.c"]

    def test_read_hub_single_distributed_file(self, hub: Hub) -> None:
        hub.repositories["org/step"] = Repository({"__0_0.distcp": small("?"), ".metadata": small("?")})
        with pytest.raises(CheckpointError, match="one file of a checkpoint of torch") as caught:
            read("hf:org/step/__0_0.distcp")
        assert caught.value.hint == "name the folder: hf:org/step"

    def test_read_hub_prefers_complete_set(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}})
        files = {
            INDEX: small(index),
            "model-00001-of-00001.safetensors": weights("a"),
            "pytorch_model.bin": small("?"),
            "flax_model.msgpack": small("?"),
        }
        hub.repositories["org/several"] = Repository(files)
        found = read_checkpoint("hf:org/several", online=True)
        assert ([each.name for each in found.tensors], found.problems) == (["a"], ())
        assert found.warnings == (
            f"{INDEX} names 1 file, of which 0 are there: model-*-of-00001.safetensors was read instead",
            "model-*-of-00001.safetensors was read; these weights next to it were not: "
            "pytorch_model.bin, flax_model.msgpack",
        )

    def test_read_hub_renamed_repository(self, hub: Hub) -> None:
        hub.renamed["old/name"] = "org/name"
        assert read("hf:old/name") == ["a", "b"]

    def test_read_hub_index(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "model.safetensors", "b": "model.safetensors"}})
        hub.repositories["org/name"].files[INDEX] = small(index)
        assert read(f"hf:org/name/{INDEX}") == ["a", "b"]

    def test_read_hub_several_gguf_files_need_a_name(self, hub: Hub) -> None:
        files = {name: File(b"GGUF") for name in ("q4.gguf", "q8.gguf")}
        hub.repositories["org/quantized"] = Repository(files)
        with pytest.raises(CheckpointError, match="several files of weights") as caught:
            read("hf:org/quantized")
        assert caught.value.cause == "there are q4.gguf, q8.gguf in it"
        assert caught.value.hint == "name one of them, such as hf:org/quantized/q4.gguf"

    def test_read_hub_damaged_file(self, hub: Hub) -> None:
        file = hub.repositories["org/name"].files["model.safetensors"]
        file.size -= 1
        with pytest.raises(CheckpointError, match=r"model\.safetensors is not whole"):
            read("hf:org/name")

    def test_read_hub_missing_shard_is_a_problem(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "m1.safetensors", "c": "m2.safetensors"}})
        hub.repositories["org/shards"] = Repository(
            {INDEX: small(index), "m1.safetensors": weights("a")}
        )
        found = read_checkpoint("hf:org/shards", online=True)
        assert found.problems == ("shard m2.safetensors: it is not there; it should hold c",)

    def test_read_hub_index_stays_in_repository(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "../../../org/name/resolve/main/model.safetensors"}})
        hub.repositories["org/evil"] = Repository({INDEX: small(index)})
        with pytest.raises(CheckpointError, match="names a file elsewhere"):
            read("hf:org/evil")


class TestFormats:
    """Formats whose headers are not at the start, or are read in many small steps."""

    def check(self, hub: Hub, tmp_path: Path, name: str, most_requests: int) -> None:
        """Check that a file on the hub gives the same record as on disk, in few requests."""
        raw = (tmp_path / name).read_bytes()
        hub.repositories["org/one"] = Repository({name: File(raw)})
        local = read_checkpoint(tmp_path / name)
        found = read_checkpoint(f"hf:org/one/{name}", online=True)
        # Where each member of an archive starts is not worth a journey.
        assert [replace(each, position=None) for each in found.tensors] == [
            replace(each, position=None) for each in local.tensors
        ]
        assert (found.format, found.metadata, found.globals) == (
            local.format,
            local.metadata,
            local.globals,
        )
        assert len(hub.of("cdn")) <= most_requests
        assert hub.sent() < 2_000_000 < len(raw)

    def test_read_hub_torch_zip(self, hub: Hub, tmp_path: Path) -> None:
        state = {f"layers.{number}.weight": torch.zeros(50_000) for number in range(100)}
        torch.save(state, tmp_path / "pytorch_model.bin")
        self.check(hub, tmp_path, "pytorch_model.bin", 4)

    def test_read_hub_torch_legacy(self, hub: Hub, tmp_path: Path) -> None:
        state = {f"layers.{number}.weight": torch.zeros(50_000) for number in range(50)}
        path = tmp_path / "pytorch_model.bin"
        torch.save(state, path, _use_new_zipfile_serialization=False)
        self.check(hub, tmp_path, path.name, 4)
        assert read_checkpoint(f"hf:org/one/{path.name}", online=True).warnings == ()
        hub.repositories["org/one"].files[path.name].size -= 200_000
        with pytest.raises(CheckpointError, match="is not whole"):
            read(f"hf:org/one/{path.name}")

    def test_read_hub_npz(self, hub: Hub, tmp_path: Path) -> None:
        numpy.savez(tmp_path / "a.npz", *[numpy.zeros(200_000) for _ in range(5)])
        self.check(hub, tmp_path, "a.npz", 7)

    def test_read_hub_gguf(self, hub: Hub, tmp_path: Path) -> None:
        writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
        writer.add_token_list([f"token {number}" for number in range(20_000)])
        writer.add_tensor("output.weight", numpy.zeros((1000, 1000), numpy.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        self.check(hub, tmp_path, "m.gguf", 4)

    def test_read_hub_onnx(self, hub: Hub, tmp_path: Path) -> None:
        tensors = [
            onnx.numpy_helper.from_array(numpy.zeros(500_000, numpy.float32), f"w{number}")
            for number in range(3)
        ]
        graph = onnx.helper.make_graph([], "g", [], [], initializer=tensors)
        onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
        self.check(hub, tmp_path, "m.onnx", 8)

    def test_read_hub_onnx_ignores_local_external_data(self, hub: Hub, tmp_path: Path) -> None:
        tensor = onnx.numpy_helper.from_array(numpy.zeros(500, numpy.float32), "w")
        model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], initializer=[tensor]))
        onnx.save(
            model, tmp_path / "m.onnx", save_as_external_data=True, location="w.data", size_threshold=0
        )
        hub.repositories["org/one"] = Repository({"m.onnx": File((tmp_path / "m.onnx").read_bytes())})
        (stored,) = read_checkpoint("hf:org/one/m.onnx", online=True).tensors
        assert (stored.name, stored.shape, stored.file) == ("w", (500,), None)


class TestCommand:
    def run(self, hub: Hub, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "netinspect", *arguments],
            env={**os.environ, "HF_ENDPOINT": hub.endpoint, "NO_COLOR": "1", **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def test_command_lists_hub_tensors(self, hub: Hub) -> None:
        done = self.run(hub, "params", "hf:org/name", "--online", "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert [row["name"] for row in json.loads(done.stdout)["rows"]] == ["a", "b"]

    def test_command_online_by_environment(self, hub: Hub) -> None:
        assert self.run(hub, "params", "hf:org/name", NETINSPECT_ONLINE="1").returncode == 0

    def test_command_is_offline_by_default(self, hub: Hub) -> None:
        done = self.run(hub, "params", "hf:org/name")
        assert done.returncode == 3
        assert "hint: --online fetches the headers" in done.stderr
        assert hub.requests == []

    def test_command_that_needs_a_model_fetches_nothing(self, hub: Hub) -> None:
        done = self.run(hub, "cost", "hf:org/name", "--online")
        assert done.returncode == 2
        assert "hf:org/name is a checkpoint" in done.stderr
        assert hub.requests == []

    def test_command_local_target_does_not_import_hub_client(self, tmp_path: Path) -> None:
        (tmp_path / "m.safetensors").write_bytes(save({"a": numpy.zeros(1)}))
        code = (
            "import sys; from netinspect import read_checkpoint; "
            f"read_checkpoint({str(tmp_path / 'm.safetensors')!r}); "
            "assert 'huggingface_hub' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
