"""Tests of folders of torch.distributed.checkpoint that two processes saved."""

from __future__ import annotations

import json
import math
import os
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.distributed.checkpoint.state_dict_saver import save

from netinspect.api import _checkpoints, _diff
from netinspect.checkpoints.pickle_globals import scan_pickles
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from netinspect.reports.diff.record import Diff
from tests.checkpoints.hostile.fuzz_parts import opcodes
from tests.checkpoints.hostile.fuzz_seeds import OPCODES, Seed, joined
from tests.checkpoints.hostile.fuzzing import KINDS, WHOLE, damage, show
from tests.support import TORCH

WRITER = Path(__file__).with_name("writer.py")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder saved by two processes: `sharded`, `safe`, and all values in `truth.pt`."""
    if TORCH < (2, 8):
        pytest.skip("torch before 2.8 cannot shard on the CPU, or has no writer of sharded safetensors")
    folder = tmp_path_factory.mktemp("distributed")
    running = [
        subprocess.Popen([sys.executable, str(WRITER), str(rank), str(folder)], cwd=folder)
        for rank in (0, 1)
    ]
    assert [each.wait(600) for each in running] == [0, 0]
    return folder


@pytest.fixture(scope="module")
def truth(saved: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(saved / "truth.pt")
    return found


@pytest.fixture
def sharded(saved: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may change."""
    return Path(shutil.copytree(saved / "sharded", tmp_path / "sharded"))


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """Return a folder saved by one process."""
    return save_alone(tmp_path)


def save_alone(tmp_path: Path) -> Path:
    state = {"w": torch.arange(6.0).reshape(2, 3), "n": 3, "b": torch.ones(4).bfloat16()}
    folder = tmp_path / "one"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of one process; of torch 2.6 itself
        save(state, checkpoint_id=str(folder))
    return folder


def by_name(found: Checkpoint) -> dict[str, StoredTensor]:
    return {each.name: each for each in found.tensors}


def assert_values(found: Checkpoint, truth: dict[str, torch.Tensor]) -> None:
    """Check the statistics of each tensor against its true values."""
    names = [each.name for each in found.tensors]
    summaries, _ = _checkpoints.summarize_values(found, range(len(names)))
    for name, summary in zip(names, summaries, strict=True):
        if name not in truth:
            continue
        values = truth[name].double()
        assert summary.not_read == ""
        assert summary.statistics is not None
        if values.numel():
            expected = (values.min().item(), values.max().item())
            assert (summary.statistics.min, summary.statistics.max) == expected
            assert summary.statistics.mean == pytest.approx(values.mean().item(), abs=1e-5)


class TestSharded:
    @pytest.mark.slow
    def test_read_distributed_names_shapes_and_dtypes(
        self, saved: Path, truth: dict[str, torch.Tensor]
    ) -> None:
        found = read_checkpoint(str(saved / "sharded"))
        assert (found.format, found.problems, found.warnings) == ("torch distributed", (), ())
        tensors = by_name(found)
        for name, tensor in truth.items():
            ours = tensors[name]
            assert (ours.shape, f"torch.{ours.dtype}") == (tuple(tensor.shape), str(tensor.dtype))
            assert ours.bytes == tensor.numel() * tensor.element_size()
            assert sum(math.prod(each.sizes) for each in ours.pieces) == tensor.numel()
        assert len(tensors["split.rows"].pieces) == 2
        assert [each.offsets for each in tensors["split.columns"].pieces] == [(0, 0, 0), (0, 2, 0)]
        assert len(tensors["split.copies"].pieces) == 1
        assert (tensors["model.0.weight"].section, tensors["model.0.weight"].key) == (
            "model",
            "0.weight",
        )
        assert [each.name for each in found.files] == [".metadata", "__0_0.distcp", "__1_0.distcp"]

    def test_read_distributed_objects(self, saved: Path) -> None:
        found = read_checkpoint(str(saved / "sharded"))
        texts = {each.name: each.text for each in found.metadata}
        assert texts["step"] == "3"
        assert texts["optim.param_groups.0.weight_decay"] == "0.01"
        assert {each for each in by_name(found) if each.startswith("optim.state.0.weight.")} == {
            f"optim.state.0.weight.{each}" for each in ("step", "exp_avg", "exp_avg_sq")
        }

    def test_read_distributed_values(self, saved: Path, truth: dict[str, torch.Tensor]) -> None:
        assert_values(read_checkpoint(str(saved / "sharded")), truth)

    def test_read_distributed_values_equal_single_file(
        self, saved: Path, truth: dict[str, torch.Tensor], tmp_path: Path
    ) -> None:
        whole: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in truth.items():
            part, _, key = name.partition(".")
            whole.setdefault(part, {})[key] = tensor
        torch.save(whole, tmp_path / "whole.pt")
        report = _diff.diff(saved / "sharded", tmp_path / "whole.pt", compare_values=True).record
        assert compared(report) == (len(truth), 0)

    def test_read_spread_safetensors_of_each_process(
        self, saved: Path, truth: dict[str, torch.Tensor]
    ) -> None:
        found = read_checkpoint(str(saved / "safe"))
        tensors = by_name(found)
        assert {name: each.shape for name, each in tensors.items()} == {
            name: tuple(truth[f"split.{name}"].shape) for name in ("rows", "columns", "last", "copies")
        }
        assert (found.format, found.problems) == ("safetensors", ())
        assert_values(found, {name: truth[f"split.{name}"] for name in tensors})

    def test_read_spread_reports_missing_process(self, saved: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(saved / "safe", tmp_path / "safe"))
        next(folder.glob("shard-00001-*")).unlink()
        found = read_checkpoint(str(folder))
        assert any(
            "the pieces of rows reach to (7, 4, 3), and have 36 of 84" in each for each in found.problems
        )
        summaries, _ = _checkpoints.summarize_values(found, range(len(found.tensors)))
        assert {each.not_read for each in summaries} == {"", "some of its elements are in no piece"}

    def test_scan_pickles_examines_every_byte_of_distributed_folder(self, saved: Path) -> None:
        found = scan_pickles(str(saved / "sharded"))
        assert (found.problems, found.unexamined) == ((), ())
        assert len(found.pickles) > 50
        path = f"{type(Path()).__module__}.PosixPath"
        assert {each.name for each in found.globals if each.verdict == "other"} == {path}

    def test_read_distributed_reports_missing_file(self, sharded: Path) -> None:
        (sharded / "__0_0.distcp").unlink()
        found = read_checkpoint(str(sharded))
        (problem,) = found.problems
        assert problem.startswith("__0_0.distcp is not there; it should hold pieces of model.0.weight")
        names = [each.name for each in found.tensors]
        summaries, _ = _checkpoints.summarize_values(found, range(len(names)))
        reasons = {name: each.not_read for name, each in zip(names, summaries, strict=True)}
        assert reasons["split.rows"].startswith("a piece of it is missing")
        assert reasons["split.copies"] == ""

    def test_read_distributed_reports_truncated_file(self, sharded: Path) -> None:
        path = sharded / "__1_0.distcp"
        path.write_bytes(path.read_bytes()[:-1000])
        assert any(
            "extends beyond the end of __1_0.distcp" in each
            for each in read_checkpoint(str(sharded)).problems
        )

    def test_read_distributed_refuses_missing_metadata(self, sharded: Path) -> None:
        (sharded / ".metadata").unlink()
        with pytest.raises(CheckpointError, match="pieces of a checkpoint of torch") as caught:
            read_checkpoint(str(sharded))
        assert "the .metadata that assigns them to tensors is missing" in (caught.value.cause or "")


class TestOne:
    def test_read_distributed_folder_of_one_process(self, one: Path) -> None:
        found = read_checkpoint(str(one), "it")
        assert {name: each.shape for name, each in by_name(found).items()} == {"w": (2, 3), "b": (4,)}
        assert [(each.name, each.text) for each in found.metadata] == [("n", "3")]
        assert read_checkpoint(str(one / ".metadata"), "it") == found

    @pytest.mark.parametrize("module", ["pathlib", "pathlib._local"])
    def test_read_distributed_expects_paths_of_any_python(
        self, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, pathlib)
        monkeypatch.setattr(type(tmp_path), "__module__", module)
        found = read_checkpoint(str(save_alone(tmp_path)))
        assert f"{module}.PosixPath" in {each.name for each in found.globals}
        assert found.warnings == ()

    def test_read_distributed_single_file_hints_at_folder(self, one: Path) -> None:
        with pytest.raises(CheckpointError, match="one file of a checkpoint of torch") as caught:
            read_checkpoint(str(one / "__0_0.distcp"), "it")
        assert caught.value.hint == f"name the folder: {one}"
        (one / ".metadata").unlink()
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(one / "__0_0.distcp"), "it")
        assert caught.value.hint == "fetch the whole folder"

    def test_read_checkpoint_prefers_other_weights_to_distributed(self, one: Path) -> None:
        save_file({"w": torch.ones(2)}, one / "model.safetensors")
        found = read_checkpoint(str(one))
        assert [each.shape for each in found.tensors] == [(2,)]
        (warning,) = found.warnings
        assert warning.endswith("these weights next to it were not: *.distcp (1 file)")

    def test_read_checkpoint_parent_folder_hints_at_distributed(self, one: Path) -> None:
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(one.parent), "run")
        assert f"run/{one.name}" in (caught.value.hint or "")

    def test_compare_values_finds_change_in_distributed(self, one: Path, tmp_path: Path) -> None:
        torch.save(
            {"w": torch.tensor([[0.0, 1, 2], [3, 9, 5]]), "b": torch.ones(4).bfloat16()},
            tmp_path / "b.pt",
        )
        report = _diff.diff(str(one), tmp_path / "b.pt", compare_values=True).record
        assert compared(report) == (1, 1)

    @pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "..", ""])
    def test_read_distributed_refuses_files_elsewhere(self, one: Path, file: str) -> None:
        replace_text(one, "__0_0.distcp", file)
        with pytest.raises(CheckpointError, match="names a file in another folder"):
            read_checkpoint(str(one))

    def test_read_distributed_refuses_link_elsewhere(self, one: Path) -> None:
        (one / "__0_0.distcp").rename(one.parent / "secret")
        (one / "__0_0.distcp").symlink_to("../secret")
        with pytest.raises(CheckpointError, match="names a file in another folder"):
            read_checkpoint(str(one))

    def test_read_distributed_refuses_other_pickle_as_metadata(self, one: Path) -> None:
        (one / ".metadata").write_bytes(pickle.dumps({"w": 1}))
        with pytest.raises(CheckpointError, match="not the metadata of torch"):
            read_checkpoint(str(one))

    def test_scan_pickles_lists_calls_of_distributed_metadata(self, one: Path) -> None:
        evil = b"cposix\nsystem\n(S'touch /tmp/x'\ntR0"
        raw = (one / ".metadata").read_bytes()
        (one / ".metadata").write_bytes(raw[:2] + evil + raw[11:])  # without the frame
        found = read_checkpoint(str(one))
        assert len(found.tensors) == 2
        assert "posix.system" in found.warnings[0]

    def test_read_distributed_reports_fifo(self, one: Path) -> None:
        (one / "__0_0.distcp").unlink()
        os.mkfifo(one / "__0_0.distcp")
        assert (
            "cannot be read (__0_0.distcp is not a regular file)"
            in read_checkpoint(str(one)).problems[0]
        )

    @pytest.mark.slow
    @settings(
        max_examples=150,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(data=st.data())
    def test_read_distributed_damage_is_error_or_valid_record(
        self, one: Path, data: st.DataObject
    ) -> None:
        name = data.draw(st.sampled_from([".metadata", ".metadata", "__0_0.distcp"]))
        raw = RAW_FILES.setdefault((str(one), name), (one / name).read_bytes())
        parts = tuple(opcodes(raw)) if name == ".metadata" else (raw,)
        number = st.integers(0, WHOLE - 1)
        steps = data.draw(
            st.lists(st.tuples(st.sampled_from(KINDS), number, number, number), max_size=4)
        )
        (one / name).write_bytes(damage(Seed(name, parts, joined, OPCODES), steps).bytes())
        try:
            found = read_checkpoint(str(one))
            show(found)
            _checkpoints.summarize_values(found, range(len(found.tensors)))
        except LoadError:
            pass
        finally:
            (one / name).write_bytes(raw)


RAW_FILES: dict[tuple[str, str], bytes] = {}


def compared(report: Diff) -> tuple[int, int]:
    """Return the numbers of pairs with equal values and with different values."""
    assert report.values is not None
    assert report.values.unknown == 0
    return report.values.identical, report.values.changed


def replace_text(folder: Path, old: str, new: str) -> None:
    """Replace a short text in the metadata, which is one frame."""
    raw = (folder / ".metadata").read_bytes()
    short = re.escape(b"\x8c" + bytes([len(old)]) + old.encode())
    raw = re.sub(short, lambda _: b"\x8c" + bytes([len(new)]) + new.encode(), raw[:2] + raw[11:])
    (folder / ".metadata").write_bytes(raw)


def offsets_of(**offsets: Any) -> dict[str, str]:
    return {
        "DCP_SHARDING_INFO": json.dumps(
            {name: {"saved_offsets": each} for name, each in offsets.items()}
        )
    }


@pytest.mark.parametrize(
    "offsets", [{}, {"w": "x"}, {"w": [0]}, {"w": [0, -1]}, {"w": [0, 1.5]}, {"w": [1 << 70, 0]}]
)
def test_read_spread_refuses_invalid_offsets(tmp_path: Path, offsets: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    name = "shard-00001-model-00001-of-00001.safetensors"
    save_file({"w": torch.ones(2, 2)}, tmp_path / name, offsets_of(**offsets))
    with pytest.raises(CheckpointError, match="does not record which piece of 'w'"):
        read_checkpoint(str(tmp_path))
