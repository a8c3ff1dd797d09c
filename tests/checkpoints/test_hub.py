"""Checkpoints on the hub: only headers come, by few requests, and every failure is told."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import gguf
import huggingface_hub
import numpy
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
import torch
from huggingface_hub import constants, file_download
from safetensors.numpy import save

import netinspect
from netinspect import read_checkpoint
from netinspect.checkpoints.hub import client as hub_client
from netinspect.checkpoints.hub import remote
from netinspect.checkpoints.hub.repository import Reference
from netinspect.errors import CheckpointError, LoadError, NetinspectError, UsageError
from tests.checkpoints.hub_server import COMMIT, File, Hub, Repository, running

INDEX = "model.safetensors.index.json"


def weights(*names: str) -> File:
    return File(save({name: numpy.zeros((2, 3), numpy.float32) for name in names}))


def small(text: str) -> File:
    return File(text.encode(), stored_elsewhere=False)


def huge(count: int, size: int, prefix: str = "w") -> File:
    """A file whose header tells of `count` tensors of `size` bytes each."""
    entries = {
        f"{prefix}.{number}": {
            "dtype": "U8",
            "shape": [size],
            "data_offsets": [number * size, number * size + size],
        }
        for number in range(count)
    }
    header = json.dumps(entries).encode()
    return File(len(header).to_bytes(8, "little") + header, 8 + len(header) + count * size)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        monkeypatch.setattr(constants, "ENDPOINT", made.endpoint)
        template = made.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, file_download):  # the latter has a name of its own before 1.0
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.4)
        monkeypatch.setattr(hub_client, "_RETRIES", 0)
        made.repositories["org/name"] = Repository(
            {"config.json": small('{"model_type": "llama"}'), "model.safetensors": weights("a", "b")}
        )
        yield made
        # Its connections are of no use to others; before 1.0 they were kept by `requests`.
        getattr(huggingface_hub, "close_session", lambda: None)()


def read(text: str) -> list[str]:
    return [tensor.name for tensor in read_checkpoint(text, online=True).tensors]


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
    def test_read(self, text: str, expected: tuple[str, str | None, str]) -> None:
        found = Reference.parse(text)
        assert (found.repository, found.revision, found.path) == expected

    @pytest.mark.parametrize(
        "text",
        ["hf:", "hf:/", "hf:a/b@", "hf:a b", "hf:a//b", "hf:@main", "hf:org/na\x1bme", "hf:https://x"],
    )
    def test_nonsense(self, text: str) -> None:
        with pytest.raises(UsageError, match="names no model of the hub"):
            Reference.parse(text)


class TestNothingUnasked:
    def test_offline_is_the_default(self, hub: Hub) -> None:
        with pytest.raises(LoadError, match="nothing is fetched unasked") as caught:
            read_checkpoint("hf:org/name")
        assert "--online" in (caught.value.hint or "")
        assert hub.requests == []

    @pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
    def test_the_hubs_own_variable_counts(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "1")
        with pytest.raises(LoadError, match=f"{variable} is set"):
            read("hf:org/name")
        assert hub.requests == []

    def test_a_file_of_that_name_goes_before(
        self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("hf:local").write_bytes(save({"mine": numpy.zeros(1)}))
        assert read("hf:local") == ["mine"]
        assert hub.requests == []

    def test_without_the_library(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(LoadError, match="needs huggingface_hub") as caught:
            read("hf:org/name")
        assert caught.value.hint == "pip install 'netinspect[hub]'"


class TestReading:
    def test_as_from_the_disk(self, hub: Hub, tmp_path: Path) -> None:
        for name, file in hub.repositories["org/name"].files.items():
            (tmp_path / name).write_bytes(file.head)
        local = read_checkpoint(tmp_path)
        found = read_checkpoint("hf:org/name", online=True)
        assert (found.tensors, found.metadata) == (local.tensors, local.metadata)
        assert (found.target, found.problems, found.warnings) == ("hf:org/name", (), ())
        (stored,) = found.files
        assert stored.path == f"{hub.endpoint}/org/name/resolve/{COMMIT}/model.safetensors"
        assert stored.bytes == local.files[0].bytes

    def test_all_is_read_at_one_commit(self, hub: Hub) -> None:
        read("hf:org/name")
        assert {each.path.split("/resolve/")[1][:40] for each in hub.of("hub", "HEAD")} == {COMMIT}

    def test_a_revision(self, hub: Hub) -> None:
        assert read(f"hf:org/name@{COMMIT}") == ["a", "b"]
        assert hub.requests[0].path == f"/api/models/org/name/revision/{COMMIT}"

    def test_an_old_name(self, hub: Hub) -> None:
        hub.repositories["gpt2"] = hub.repositories["org/name"]
        assert read("hf:gpt2") == read("hf:gpt2@main/model.safetensors") == ["a", "b"]

    def test_one_file(self, hub: Hub) -> None:
        hub.repositories["org/name"].files["sub/model-00002-of-00003.safetensors"] = weights("c")
        found = read_checkpoint("hf:org/name/sub/model-00002-of-00003.safetensors", online=True)
        assert [tensor.name for tensor in found.tensors] == ["c"]
        assert found.target == "hf:org/name/sub/model-00002-of-00003.safetensors"
        assert "is shard 2 of 3" in found.warnings[0]

    def test_a_folder_in_it(self, hub: Hub) -> None:
        hub.repositories["org/name"].files["unet/diffusion_pytorch_model.safetensors"] = weights("c")
        assert read("hf:org/name/unet") == ["c"]

    def test_only_folders_in_it(self, hub: Hub) -> None:
        files = {"model_index.json": small("{}"), "unet/a.safetensors": weights("c"), "x/y": small("")}
        hub.repositories["org/parts"] = Repository(files)
        with pytest.raises(CheckpointError, match="without a model's weights") as caught:
            read("hf:org/parts")
        assert caught.value.hint == "there are some in hf:org/parts/unet"

    def test_one_that_got_a_new_name(self, hub: Hub) -> None:
        hub.renamed["old/name"] = "org/name"
        assert read("hf:old/name") == ["a", "b"]

    def test_an_index(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "model.safetensors", "b": "model.safetensors"}})
        hub.repositories["org/name"].files[INDEX] = small(index)
        assert read(f"hf:org/name/{INDEX}") == ["a", "b"]

    def test_of_several_gguf_files_one_has_to_be_named(self, hub: Hub) -> None:
        files = {name: File(b"GGUF") for name in ("q4.gguf", "q8.gguf")}
        hub.repositories["org/quantized"] = Repository(files)
        with pytest.raises(CheckpointError, match="several files of weights") as caught:
            read("hf:org/quantized")
        assert caught.value.cause == "there are q4.gguf, q8.gguf in it"
        assert caught.value.hint == "name one of them, such as hf:org/quantized/q4.gguf"

    def test_a_damaged_file(self, hub: Hub) -> None:
        file = hub.repositories["org/name"].files["model.safetensors"]
        file.size -= 1
        with pytest.raises(CheckpointError, match=r"model\.safetensors is not whole"):
            read("hf:org/name")

    def test_a_missing_shard_is_a_problem(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "m1.safetensors", "c": "m2.safetensors"}})
        hub.repositories["org/shards"] = Repository(
            {INDEX: small(index), "m1.safetensors": weights("a")}
        )
        found = read_checkpoint("hf:org/shards", online=True)
        assert found.problems == ("shard m2.safetensors: it is not there; it should hold c",)

    def test_an_index_stays_in_its_repository(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "../../../org/name/resolve/main/model.safetensors"}})
        hub.repositories["org/evil"] = Repository({INDEX: small(index)})
        with pytest.raises(CheckpointError, match="names a file elsewhere"):
            read("hf:org/evil")


class TestFormats:
    """Formats whose headers do not stand at the start, or are read in many small steps."""

    def check(self, hub: Hub, tmp_path: Path, name: str, most_requests: int) -> None:
        """Read a file from the disk and from the hub: the same is found, by few requests."""
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

    def test_torch_zip(self, hub: Hub, tmp_path: Path) -> None:
        state = {f"layers.{number}.weight": torch.zeros(50_000) for number in range(100)}
        torch.save(state, tmp_path / "pytorch_model.bin")
        self.check(hub, tmp_path, "pytorch_model.bin", 4)

    def test_torch_legacy(self, hub: Hub, tmp_path: Path) -> None:
        state = {f"layers.{number}.weight": torch.zeros(50_000) for number in range(50)}
        path = tmp_path / "pytorch_model.bin"
        torch.save(state, path, _use_new_zipfile_serialization=False)
        self.check(hub, tmp_path, path.name, 4)
        assert read_checkpoint(f"hf:org/one/{path.name}", online=True).warnings == ()
        hub.repositories["org/one"].files[path.name].size -= 200_000
        with pytest.raises(CheckpointError, match="is not whole"):
            read(f"hf:org/one/{path.name}")

    def test_npz(self, hub: Hub, tmp_path: Path) -> None:
        numpy.savez(tmp_path / "a.npz", *[numpy.zeros(200_000) for _ in range(5)])
        self.check(hub, tmp_path, "a.npz", 7)

    def test_gguf(self, hub: Hub, tmp_path: Path) -> None:
        writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
        writer.add_token_list([f"token {number}" for number in range(20_000)])
        writer.add_tensor("output.weight", numpy.zeros((1000, 1000), numpy.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        self.check(hub, tmp_path, "m.gguf", 4)

    def test_onnx(self, hub: Hub, tmp_path: Path) -> None:
        tensors = [
            onnx.numpy_helper.from_array(numpy.zeros(500_000, numpy.float32), f"w{number}")
            for number in range(3)
        ]
        graph = onnx.helper.make_graph([], "g", [], [], initializer=tensors)
        onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
        self.check(hub, tmp_path, "m.onnx", 8)

    def test_the_data_of_onnx_beside_it_is_not_looked_for_on_the_disk(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        tensor = onnx.numpy_helper.from_array(numpy.zeros(500, numpy.float32), "w")
        model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], initializer=[tensor]))
        onnx.save(
            model, tmp_path / "m.onnx", save_as_external_data=True, location="w.data", size_threshold=0
        )
        hub.repositories["org/one"] = Repository({"m.onnx": File((tmp_path / "m.onnx").read_bytes())})
        (stored,) = read_checkpoint("hf:org/one/m.onnx", online=True).tensors
        assert (stored.name, stored.shape, stored.file) == ("w", (500,), None)


class TestValues:
    """Values are never fetched: nothing is said of them."""

    def test_two_of_the_hub_are_not_called_equal(self, hub: Hub) -> None:
        sides = [read_checkpoint("hf:org/name", online=True) for _ in range(2)]
        told = str(netinspect.diff(*sides, values=True))
        assert "no difference: 2 tensors the same in name, shape and dtype\n" in told
        assert "values of pairs: 0 identical, 0 changed, 2 not compared" in told
        assert "dtype and values" not in told


class TestGlobals:
    """What loading would import can be known before anything is downloaded."""

    @pytest.fixture
    def state(self, hub: Hub) -> dict[str, File]:
        files = {"config.json": small("{}"), "model.safetensors": weights("a")}
        for number in (1, 2):
            made = io.BytesIO()
            torch.save({f"w{number}": torch.zeros(500_000), "layer": torch.nn.Linear(2, 2)}, made)
            files[f"pytorch_model-{number:05}-of-00002.bin"] = File(made.getvalue())
        hub.repositories["org/pickled"] = Repository(files)
        return files

    def test_of_all_files(self, hub: Hub, state: dict[str, File], tmp_path: Path) -> None:
        found = netinspect.pickle_globals("hf:org/pickled", online=True).record
        for name, file in state.items():
            (tmp_path / name).write_bytes(file.head)
        assert found.rows == netinspect.pickle_globals(tmp_path).record.rows
        assert {row.name for row in found.rows if row.verdict == "other"} == {
            "torch.nn.modules.linear.Linear"
        }
        assert hub.sent() < 1_000_000

    def test_of_one(self, hub: Hub, state: dict[str, File]) -> None:
        name = "hf:org/pickled/pytorch_model-00001-of-00002.bin"
        found = netinspect.pickle_globals(name, online=True).record
        assert {row.file for row in found.rows} == {"pytorch_model-00001-of-00002.bin"}
        assert not [each for each in hub.requests if "00002-of-00002" in each.path]

    def test_unasked_nothing_is_fetched(self, hub: Hub, state: dict[str, File]) -> None:
        with pytest.raises(LoadError, match="nothing is fetched unasked"):
            netinspect.pickle_globals("hf:org/pickled")
        assert hub.requests == []

    def test_a_failure_on_the_way(self, hub: Hub, state: dict[str, File]) -> None:
        hub.faults["/-/pytorch_model-00001-of-00002.bin"] = "429"
        with pytest.raises(LoadError, match="asked too often"):
            netinspect.pickle_globals("hf:org/pickled", online=True)


class TestTraffic:
    def test_thirty_shards_of_140_gigabytes(self, hub: Hub) -> None:
        shards, count = 30, 40
        files, shard_of = {}, {}
        for number in range(1, shards + 1):
            name = f"model-{number:05}-of-{shards:05}.safetensors"
            files[name] = huge(count, 140_000_000_000 // shards // count, f"layers.{number}")
            shard_of.update({f"layers.{number}.{each}": name for each in range(count)})
        files[INDEX] = small(json.dumps({"weight_map": shard_of}))
        hub.repositories["org/large"] = Repository(files)
        found = read_checkpoint("hf:org/large", online=True)
        assert len(found.tensors) == shards * count
        assert sum(tensor.bytes for tensor in found.tensors) > 139_000_000_000
        assert [file.name for file in found.files] == sorted(name for name in files if name != INDEX)
        assert found.problems == ()
        # The list of files, then for each of them where it is, and one part of it.
        assert len(hub.requests) == 1 + 2 * (shards + 1)
        assert hub.sent() < 5_000_000

    def test_one_request_more_for_a_long_header(self, hub: Hub) -> None:
        hub.repositories["org/many"] = Repository({"model.safetensors": huge(20_000, 10)})
        assert len(read("hf:org/many")) == 20_000
        assert len(hub.of("cdn")) <= 5
        assert hub.sent() < 2 * hub.repositories["org/many"].files["model.safetensors"].size

    def test_what_is_fetched_has_a_limit(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote.Allowance.__init__, "__defaults__", (1 << 20,))
        hub.repositories["org/many"] = Repository({"model.safetensors": huge(40_000, 10)})
        with pytest.raises(LoadError, match="the headers of hf:org/many have more than 1 MiB"):
            read("hf:org/many")
        assert hub.sent() < 1.2 * (1 << 20)


class TestToken:
    def test_it_is_sent_to_the_hub_and_to_nobody_else(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "right")
        hub.repositories["org/name"].refusal = (401, "GatedRepo")
        assert read("hf:org/name") == ["a", "b"]
        assert {each.token for each in hub.of("hub")} == {"Bearer right"}
        assert [each.token for each in hub.of("cdn")] == [None]

    def test_small_files_come_from_the_hub_itself(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "right")
        hub.repositories["org/name"].refusal = (401, "GatedRepo")
        hub.repositories["org/name"].files["model.safetensors"].stored_elsewhere = False
        assert read("hf:org/name") == ["a", "b"]
        assert hub.of("cdn") == []

    def test_no_error_tells_it(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        hub.repositories["org/name"].refusal = (403, "")
        with pytest.raises(LoadError) as caught:
            read("hf:org/name")
        assert "secret" not in str(vars(caught.value))


class TestRefusals:
    """What the hub says no with, and what the user is told."""

    @pytest.mark.parametrize(
        ("target", "refusal", "message", "hint"),
        [
            (
                "hf:org/nothing",
                None,
                "the hub has no model org/nothing, or does not show it",
                "HF_TOKEN",
            ),
            ("hf:org/name@v9", None, "org/name has no revision v9", None),
            ("hf:org/name/x.bin", None, "org/name has no file x.bin", "it has model.safetensors"),
            ("hf:org/name", (403, "GatedRepo"), "org/name is gated", "/org/name, and log in"),
            ("hf:org/name", (401, "GatedRepo"), "org/name is gated", "/org/name, and log in"),
            ("hf:org/name", (401, "RepoNotFound"), "or does not show it", "hf auth login"),
            ("hf:org/name", (404, "RepoNotFound"), "or does not show it", "hf auth login"),
            ("hf:org/name", (403, ""), "the hub does not give access to org/name", "hf auth login"),
            ("hf:org/name", (429, ""), "the hub was asked too often", "hf auth login"),
            ("hf:org/name", (500, ""), "the hub fails when asked for org/name", None),
            ("hf:org/name", (418, ""), "the hub refuses to give org/name", None),
        ],
    )
    def test_of_a_repository(
        self, hub: Hub, target: str, refusal: tuple[int, str] | None, message: str, hint: str | None
    ) -> None:
        hub.repositories["org/name"].refusal = refusal
        with pytest.raises(LoadError) as caught:
            read(target)
        assert message in caught.value.message
        if hint is None:
            assert caught.value.hint is None
        else:
            assert hint in (caught.value.hint or "")

    @pytest.mark.parametrize(
        ("fault", "message", "cause"),
        [
            ("429", "the hub was asked too often", "it wants 77 s of rest"),
            ("500", "fails when asked for", "500"),
            ("403", "does not give access to", "the token does not allow it"),
            ("404", "refuses to give", "it answers 404"),
            (
                "ignores Range",
                "only the whole of model.safetensors can be had from 127.0.0.1",
                "answers 200",
            ),
            ("another range", "another part of model.safetensors came", "'bytes 1-"),
            ("another size", "another part of model.safetensors came", "'bytes 0-"),
            ("no Content-Range", "another part of model.safetensors came", "''"),
            ("lies about its size", "the hub states", None),
            ("cut", "model.safetensors did not come whole", ""),
            ("short", "model.safetensors did not come whole", ""),
            ("more", "more came of model.safetensors than was asked for", None),
            ("compressed", "model.safetensors comes compressed", None),
            (
                "hang",
                "the hub does not answer when asked for model.safetensors",
                "nothing came for 0.4 s",
            ),
            ("drips", "model.safetensors comes too slowly", "bytes in 2.4 s"),
        ],
    )
    def test_of_a_file(self, hub: Hub, fault: str, message: str, cause: str | None) -> None:
        # Only the second server misbehaves, unless it is about sizes, which the first one tells.
        hub.repositories["org/name"].files["model.safetensors"] = huge(100, 10**9)
        end = "model.safetensors" if fault.startswith("lies") else "/-/model.safetensors"
        hub.faults[end] = fault
        start = perf_counter()
        with pytest.raises(NetinspectError) as caught:
            read("hf:org/name")
        assert perf_counter() - start < 5
        assert message in caught.value.message
        if cause is None:
            assert caught.value.cause is None
        else:
            assert cause in (caught.value.cause or "")
        assert "Signature" not in str(vars(caught.value))
        assert hub.sent() < 10_000_000

    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            ("hang", "the hub does not answer when asked for org/name"),
            ("nonsense", "the hub's answer about org/name is not understood"),
        ],
    )
    def test_of_the_list_of_files(self, hub: Hub, fault: str, message: str) -> None:
        hub.faults["/api/models/org/name"] = fault
        with pytest.raises(LoadError, match=message):
            read("hf:org/name")

    def test_what_may_pass_is_tried_again(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hub_client, "_RETRIES", 2)
        hub.faults["/-/model.safetensors"] = "503 once"
        assert read("hf:org/name") == ["a", "b"]
        assert len(hub.of("cdn")) == 2

    def test_a_rest_of_a_minute_is_not_waited_for(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub_client, "_RETRIES", 2)
        hub.faults["/-/model.safetensors"] = "429"
        with pytest.raises(LoadError) as caught:
            read("hf:org/name")
        assert caught.value.cause == "it wants 77 s of rest"
        assert len(hub.of("cdn")) == 1

    def test_a_failure_on_the_way_is_no_mere_problem_of_one_shard(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "m1.safetensors", "c": "m2.safetensors"}})
        files = {INDEX: small(index), "m1.safetensors": weights("a"), "m2.safetensors": weights("c")}
        hub.repositories["org/shards"] = Repository(files)
        hub.faults["/-/m2.safetensors"] = "429"
        with pytest.raises(LoadError, match="asked too often"):
            read("hf:org/shards")

    def test_nobody_is_there(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(LoadError, match=r"cannot reach the hub at http://127\.0\.0\.1:9"):
            read("hf:org/name")


class TestCommand:
    def run(self, hub: Hub, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "netinspect", *arguments],
            env={**os.environ, "HF_ENDPOINT": hub.endpoint, "NO_COLOR": "1", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_it_lists_the_tensors(self, hub: Hub) -> None:
        done = self.run(hub, "params", "hf:org/name", "--online", "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert [row["name"] for row in json.loads(done.stdout)["rows"]] == ["a", "b"]

    def test_the_environment_may_allow_it(self, hub: Hub) -> None:
        assert self.run(hub, "params", "hf:org/name", NETINSPECT_ONLINE="1").returncode == 0

    def test_unasked_it_does_not(self, hub: Hub) -> None:
        done = self.run(hub, "params", "hf:org/name")
        assert done.returncode == 3
        assert "hint: --online fetches the headers" in done.stderr
        assert hub.requests == []

    def test_other_commands_need_a_model_and_fetch_nothing(self, hub: Hub) -> None:
        done = self.run(hub, "cost", "hf:org/name", "--online")
        assert done.returncode == 2
        assert "hf:org/name is a checkpoint" in done.stderr
        assert hub.requests == []

    def test_the_hubs_client_is_not_imported_for_other_targets(self, tmp_path: Path) -> None:
        (tmp_path / "m.safetensors").write_bytes(save({"a": numpy.zeros(1)}))
        code = (
            "import sys; from netinspect import read_checkpoint; "
            f"read_checkpoint({str(tmp_path / 'm.safetensors')!r}); "
            "assert 'huggingface_hub' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
