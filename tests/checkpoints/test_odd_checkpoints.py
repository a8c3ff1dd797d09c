"""Tests of the commands on odd checkpoints: unusual names, containers and folders."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import torch

from netinspect.api import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary
from tests.reports.checkpoints import state_dict
from tests.support import Outcome


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("file.pt")


def test_params_shows_empty_names(cli: Callable[..., Outcome], file: Path) -> None:
    torch.save({"": torch.ones(5), "x..y": torch.ones(6), ".z": torch.ones(7)}, file)
    assert "''  " in cli("params", "file.pt", "--width", "100").out
    tree = cli("tree", "file.pt", "--width", "100").out
    assert "'' (5)" in tree
    assert "├─ x" in tree
    assert "│  └─ ''" in tree
    assert "└─ ''" in tree
    # The name of the file is in the title and the root only.
    assert tree.count("file.pt") == 2
    summary = cli("summary", "file.pt", "--width", "100").out
    assert summary.partition("state dict")[0].count("file.pt") == 2
    assert "''  " in cli("summary", "file.pt", "--width", "100", "--sort", "name").out


@pytest.mark.parametrize(
    ("held", "what"),
    [
        (torch.ones(3), "one tensor"),
        ([torch.ones(3), torch.ones(2)], "numbered tensors"),
        ({"w": torch.ones(3)}, "state dict"),
        ({0: torch.ones(3)}, "numbered tensors"),
    ],
)
def test_summary_names_kind_of_non_state_dict(file: Path, held: object, what: str) -> None:
    torch.save(held, file)
    assert build_checkpoint_summary(read_checkpoint(file)).what == what


def test_tree_shows_single_tensor_without_branch(cli: Callable[..., Outcome], file: Path) -> None:
    torch.save({"fc.weight": torch.ones(3)}, file)
    wrong = cli("tree", "file.pt", "fc.weight")
    assert wrong.code == 2
    assert "fc.weight is a tensor, not a module" in wrong.err
    assert "netinspect params file.pt --include 'fc.weight'" in wrong.err
    assert "there are only tensors" in cli("tree", "file.pt", "fc.nothing").err


def test_params_object_array_hints_at_globals(cli: Callable[..., Outcome], file: Path) -> None:
    numpy.save("objects.npy", numpy.array([{"a": 1}], dtype=object))
    wrong = cli("params", "objects.npy")
    assert wrong.code == 3
    assert "hint: netinspect globals objects.npy" in wrong.err
    assert cli("globals", "objects.npy").code == 0


def test_summary_shares_of_identical_blocks_add_up() -> None:
    shapes = {f"h.{block}.{name}.{part}.w": (4,) for block in range(3) for name in "ab" for part in "xy"}
    groups = {group.path: group for group in build_checkpoint_summary(state_dict(shapes)).groups}
    assert sum(groups[f"h.{block}"].share for block in range(3)) == pytest.approx(1)
    assert groups["h.0.a"].share + groups["h.0.b"].share == pytest.approx(groups["h.0"].share)
    assert [groups[f"h.{block}.a.x"].share for block in range(3)] == [pytest.approx(1 / 12)] * 3


def test_summary_lists_content_outside_rows(cli: Callable[..., Outcome], file: Path) -> None:
    made = {f"h.{block}.fc.w": torch.ones(4) for block in range(3)}
    torch.save({"model": {"betas": torch.ones(1000), **made}, "rng": torch.ones(5)}, file)
    text = cli("summary", "file.pt", "--width", "100").out
    assert (
        "held directly, in no row of their own: model 1 tensor, 3.9 KiB; file.pt 1 tensor, 20 B\n"
        in text
    )
    assert "beside" not in cli("summary", "file.pt", "--width", "100", "--depth", "0", "--top", "2").out


def test_diff_names_which_duplicate_is_compared(cli: Callable[..., Outcome], file: Path) -> None:
    torch.save({"a.b": torch.ones(2), "a": {"b": torch.ones(3)}}, file)
    text = cli("diff", "file.pt", "file.pt", "--width", "120").out
    for side in "ab":
        note = f"note: {side}: 1 name is shared by several tensors, of which the last is compared: a.b"
        assert note in text


def test_diff_reports_removed_tied_name(cli: Callable[..., Outcome], file: Path) -> None:
    weight = torch.ones(3, 2)
    torch.save({"emb.weight": weight, "out.weight": weight}, file)
    torch.save({"emb.weight": weight}, "other.pt")
    text = cli("diff", "file.pt", "other.pt", "--width", "120").out
    assert re.search(r"-  +out\.weight .* tied to emb\.weight\n", text)


def test_params_names_stay_distinct_with_statistics(cli: Callable[..., Outcome], file: Path) -> None:
    names = [
        f"encoder.some_very_long_block_name.attention_output_{number}.weight" for number in range(9)
    ]
    torch.save({name: torch.ones(1) for name in names}, file)
    lines = cli("params", "file.pt", "--stats", "--width", "40").out.splitlines()[2:11]
    assert len({line.partition(" ")[0] for line in lines}) == 9
    # NaN is the last of the counts to be dropped.
    assert "nan" in cli("params", "file.pt", "--stats", "--width", "70").out.splitlines()[1]


def test_tree_without_matching_row_hints_at_depth(cli: Callable[..., Outcome], file: Path) -> None:
    torch.save({"a.b.c.d.mlp.w": torch.ones(4)}, file)
    words = ("summary", "file.pt", "--include", "*mlp*", "--depth", "3", "--width", "100")
    outcome = cli(*words)
    assert outcome.code == 2
    assert "no row matches *mlp*" in outcome.err
    assert outcome.err.endswith("rows further down come with --depth 0\n")
    outcome = cli(*words, "--depth", "0")
    assert (outcome.code, "further down" in outcome.out) == (0, False)


@pytest.mark.parametrize("command", ["params", "summary", "tree", "globals", "diff"])
def test_output_does_not_replace_checkpoint(
    cli: Callable[..., Outcome], file: Path, command: str
) -> None:
    torch.save({"w": torch.ones(4)}, file)
    before = file.read_bytes()
    words = (command, *(["other.pt"] if command == "diff" else []), "file.pt")
    Path("other.pt").write_bytes(before)
    wrong = cli(*words, "-o", "./file.pt", "--format", "plain")
    assert (wrong.code, file.read_bytes()) == (2, before)
    assert "file.pt would be replaced, but it is the target" in wrong.err
    assert cli(*words, "-o", "new.tsv").code == 0


def test_output_does_not_replace_shard(cli: Callable[..., Outcome], file: Path) -> None:
    Path("model").mkdir()
    shard = Path("model", "pytorch_model.bin")
    torch.save({"w": torch.ones(4)}, shard)
    before = shard.read_bytes()
    assert cli("params", "model", "-o", str(shard), "--format", "plain").code == 2
    assert shard.read_bytes() == before
    assert cli("params", "model", "-o", "model/report.md").code == 0


@pytest.mark.parametrize("command", ["params", "globals"])
@pytest.mark.parametrize(
    ("content", "cause", "hint"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "a pointer of Git LFS",
            "lfs pull",
        ),
        (b"<!DOCTYPE html>\n<html>", "a page of HTML", "fetch it again"),
        (b"\n<html>", "a page of HTML", "fetch it again"),
        (gzip.compress(b"\xff" * 99, mtime=0), "it is compressed", "unpack it"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5", ""),
    ],
)
def test_target_mistaken_for_checkpoint_is_named(
    cli: Callable[..., Outcome], file: Path, command: str, content: bytes, cause: str, hint: str
) -> None:
    file.write_bytes(content)
    wrong = cli(command, "file.pt")
    if command == "globals" and hint in ("unpack it", ""):
        # The right file was found, but it is not examined.
        assert wrong.code == 0
        assert wrong.err.startswith("not examined: file.pt: ")
        return
    assert wrong.code == 3
    assert cause in wrong.err
    assert hint in wrong.err


def test_target_dangling_link_is_an_error(cli: Callable[..., Outcome], file: Path) -> None:
    file.symlink_to("blobs/0123")
    wrong = cli("params", "file.pt")
    assert wrong.code == 3
    assert "file.pt is a broken link" in wrong.err
    assert "it points to blobs/0123" in wrong.err


def test_target_hub_cache_hints_at_revisions(file: Path) -> None:
    Path("models--org--name/snapshots/0123").mkdir(parents=True)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint("models--org--name")
    assert caught.value.hint == "there are some in models--org--name/snapshots/0123"
