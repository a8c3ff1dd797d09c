"""Tests of requests to the hub: fetched bytes, use of the token, and reports of failures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

import netinspect
from netinspect import read_checkpoint
from netinspect.checkpoints.hub import client as hub_client
from netinspect.checkpoints.hub import remote
from netinspect.errors import LoadError, NetinspectError
from tests.checkpoints.hub.hub_files import INDEX, huge, read, small, weights
from tests.checkpoints.hub.hub_server import File, Hub, Repository
from tests.support import PATIENCE


def limit_the_wait_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the timeout of answers about files to 0.4 s, without a timeout for other requests."""
    stream = hub_client.Client._stream

    def limited(client: Any, url: str, headers: dict[str, str]) -> Any:
        client._timeout = 0.4
        return stream(client, url, headers)

    monkeypatch.setattr(hub_client.Client, "_stream", limited)


class TestValues:
    """Values are never fetched, so they are not compared."""

    def test_compare_values_refuses_two_hub_models(self, hub: Hub) -> None:
        sides = [read_checkpoint("hf:org/name", online=True) for _ in range(2)]
        report = str(netinspect.diff(*sides, compare_values=True))
        assert "no difference: 2 tensors equal in name, shape and dtype\n" in report
        assert "values of pairs: 0 identical, 0 changed, 2 not compared" in report
        assert "dtype and values" not in report


class TestGlobals:
    """The imports of a pickle are listed without a download of the file."""

    @pytest.fixture
    def state(self, hub: Hub) -> dict[str, File]:
        files = {"config.json": small("{}"), "model.safetensors": weights("a")}
        for number in (1, 2):
            made = io.BytesIO()
            torch.save({f"w{number}": torch.zeros(500_000), "layer": torch.nn.Linear(2, 2)}, made)
            files[f"pytorch_model-{number:05}-of-00002.bin"] = File(made.getvalue())
        hub.repositories["org/pickled"] = Repository(files)
        return files

    def test_scan_hub_all_files(self, hub: Hub, state: dict[str, File], tmp_path: Path) -> None:
        found = netinspect.pickle_globals("hf:org/pickled", online=True).record
        for name, file in state.items():
            (tmp_path / name).write_bytes(file.head)
        assert found.rows == netinspect.pickle_globals(tmp_path).record.rows
        assert {row.name for row in found.rows if row.verdict == "other"} == {
            "torch.nn.modules.linear.Linear"
        }
        assert hub.sent() < 1_000_000

    def test_scan_hub_one_file(self, hub: Hub, state: dict[str, File]) -> None:
        name = "hf:org/pickled/pytorch_model-00001-of-00002.bin"
        found = netinspect.pickle_globals(name, online=True).record
        assert {row.file for row in found.rows} == {"pytorch_model-00001-of-00002.bin"}
        assert not [each for each in hub.requests if "00002-of-00002" in each.path]

    def test_scan_hub_enters_folders_and_lists_unfetched_files(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote.DownloadBudget.__init__, "__defaults__", (1 << 20,))
        evil = b"\x80\x02cposix\nsystem\n(X\x01\0\0\0xtR."
        files = {
            "a/b/x.bin": File(evil),
            "a/net.py": small("import os\n"),
            "long.txt": File(b"text\n" * 500_000),
            "z.json": small("{}"),
        }
        hub.repositories["org/deep"] = Repository(files)
        found = netinspect.pickle_globals("hf:org/deep", online=True).record
        assert [(row.name, row.file) for row in found.rows] == [("posix.system", "a/b/x.bin")]
        reasons = {part.file: part.reason for part in found.unexamined}
        assert reasons["a/net.py"] == "Python code, which loaders may run"
        assert reasons["long.txt"] == "no more than 1 MiB are fetched"
        assert not found.complete

    def test_scan_hub_is_offline_by_default(self, hub: Hub, state: dict[str, File]) -> None:
        with pytest.raises(LoadError, match="network access is off"):
            netinspect.pickle_globals("hf:org/pickled")
        assert hub.requests == []

    def test_scan_hub_network_failure_is_an_error(self, hub: Hub, state: dict[str, File]) -> None:
        hub.faults["/-/pytorch_model-00001-of-00002.bin"] = "429"
        with pytest.raises(LoadError, match="too many requests"):
            netinspect.pickle_globals("hf:org/pickled", online=True)


class TestTraffic:
    def test_read_hub_thirty_shards_take_few_requests(self, hub: Hub) -> None:
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

    def test_read_hub_long_header_takes_one_more_request(self, hub: Hub) -> None:
        hub.repositories["org/many"] = Repository({"model.safetensors": huge(20_000, 10)})
        assert len(read("hf:org/many")) == 20_000
        assert len(hub.of("cdn")) <= 5
        assert hub.sent() < 2 * hub.repositories["org/many"].files["model.safetensors"].size

    def test_read_hub_bounds_fetched_bytes(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote.DownloadBudget.__init__, "__defaults__", (1 << 20,))
        hub.repositories["org/many"] = Repository({"model.safetensors": huge(40_000, 10)})
        with pytest.raises(LoadError, match="the headers of hf:org/many have more than 1 MiB"):
            read("hf:org/many")
        assert hub.sent() < 1.2 * (1 << 20)


class TestToken:
    def test_client_sends_token_to_hub_only(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "right")
        hub.repositories["org/name"].refusal = (401, "GatedRepo")
        assert read("hf:org/name") == ["a", "b"]
        assert {each.token for each in hub.of("hub")} == {"Bearer right"}
        assert [each.token for each in hub.of("cdn")] == [None]

    def test_client_fetches_small_files_from_hub(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "right")
        hub.repositories["org/name"].refusal = (401, "GatedRepo")
        hub.repositories["org/name"].files["model.safetensors"].stored_elsewhere = False
        assert read("hf:org/name") == ["a", "b"]
        assert hub.of("cdn") == []

    def test_client_errors_do_not_show_token(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        hub.repositories["org/name"].refusal = (403, "")
        with pytest.raises(LoadError) as caught:
            read("hf:org/name")
        assert "secret" not in str(vars(caught.value))


class TestRefusals:
    """Errors of the hub and the messages for the user."""

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
            ("hf:org/name", (429, ""), "too many requests to the hub", "hf auth login"),
            ("hf:org/name", (500, ""), "the hub failed on a request for org/name", None),
            ("hf:org/name", (418, ""), "the hub refuses to give org/name", None),
        ],
    )
    def test_read_hub_reports_refused_repository(
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
            ("429", "too many requests to the hub", "it asks to wait 77 s"),
            ("500", "failed on a request for", "500"),
            ("403", "does not give access to", "the token does not allow it"),
            ("404", "refuses to give", "it responds with status 404"),
            (
                "ignores Range",
                "127.0.0.1 does not serve parts of model.safetensors",
                "got 200",
            ),
            ("another range", "the response has another part of model.safetensors", "'bytes 1-"),
            ("another size", "the response has another part of model.safetensors", "'bytes 0-"),
            ("no Content-Range", "the response has another part of model.safetensors", "''"),
            ("wrong size", "the hub reports", None),
            ("cut", "model.safetensors was not received completely", ""),
            ("short", "model.safetensors was not received completely", ""),
            ("more", "the response for model.safetensors is longer than requested", None),
            ("compressed", "model.safetensors was sent compressed", None),
            (
                "hang",
                "the hub does not respond to a request for model.safetensors",
                "no response for 0.4 s",
            ),
            ("drips", "model.safetensors is received too slowly", "bytes in 0.6 s"),
        ],
    )
    def test_read_hub_reports_refused_file(
        self,
        hub: Hub,
        monkeypatch: pytest.MonkeyPatch,
        fault: str,
        message: str,
        cause: str | None,
    ) -> None:
        # Only the second server misbehaves, unless it is about sizes, which the first one reports.
        hub.repositories["org/name"].files["model.safetensors"] = huge(100, 10**9)
        end = "model.safetensors" if fault == "wrong size" else "/-/model.safetensors"
        hub.faults[end] = fault
        if fault == "hang":
            limit_the_wait_for_a_file(monkeypatch)
        elif fault == "drips":
            monkeypatch.setattr(hub_client, "_SLOWEST", 0.6 / PATIENCE)
        with pytest.raises(NetinspectError) as caught:
            read("hf:org/name")
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
            ("hang", "the hub does not respond to a request for org/name"),
            ("nonsense", "the hub's response about org/name cannot be parsed"),
        ],
    )
    def test_read_hub_reports_refused_listing(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
    ) -> None:
        hub.faults["/api/models/org/name"] = fault
        if fault == "hang":
            monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.4)
        with pytest.raises(LoadError, match=message):
            read("hf:org/name")

    def test_client_retries_temporary_errors(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hub_client, "_RETRIES", 2)
        hub.faults["/-/model.safetensors"] = "503 once"
        assert read("hf:org/name") == ["a", "b"]
        assert len(hub.of("cdn")) == 2

    def test_client_does_not_wait_for_retry_after(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub_client, "_RETRIES", 2)
        hub.faults["/-/model.safetensors"] = "429"
        with pytest.raises(LoadError) as caught:
            read("hf:org/name")
        assert caught.value.cause == "it asks to wait 77 s"
        assert len(hub.of("cdn")) == 1

    def test_read_hub_network_failure_is_not_a_problem_of_one_shard(self, hub: Hub) -> None:
        index = json.dumps({"weight_map": {"a": "m1.safetensors", "c": "m2.safetensors"}})
        files = {INDEX: small(index), "m1.safetensors": weights("a"), "m2.safetensors": weights("c")}
        hub.repositories["org/shards"] = Repository(files)
        hub.faults["/-/m2.safetensors"] = "429"
        with pytest.raises(LoadError, match="too many requests"):
            read("hf:org/shards")

    def test_read_hub_reports_unreachable_hub(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(LoadError, match=r"cannot reach the hub at http://127\.0\.0\.1:9"):
            read("hf:org/name")
