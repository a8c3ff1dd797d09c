"""Tests of the comparison of values, and of pairing renamed tensors by their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.reports.diff.record import Diff
from tests.reports.diff.state_dicts import save
from tests.support import Outcome


def diff(tmp_path: Path, a: dict[str, Tensor], b: dict[str, Tensor], sort: str | None = None) -> Diff:
    return netinspect.diff(
        save(a, tmp_path / "a"), save(b, tmp_path / "b"), compare_values=True, sort=sort
    ).record


def net() -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 8), nn.Linear(8, 8))
    return dict(model.state_dict())


def test_compare_values_of_equal_files_finds_no_difference(tmp_path: Path) -> None:
    report = diff(tmp_path, net(), net())
    assert not report.differs
    assert report.values is not None
    assert report.values.identical == report.same == 11


def test_compare_values_matches_torch(tmp_path: Path) -> None:
    a = net()
    b = {name: value.clone() for name, value in a.items()}
    b["0.weight"] += 0.5 * torch.randn(8, 6)
    b["2.bias"][3] = 7.0
    b["1.num_batches_tracked"] += 1000
    report = diff(tmp_path, a, b, sort="change")
    assert [row.new.name for row in report.rows if row.new] == [
        *("1.num_batches_tracked", "2.bias", "0.weight")
    ]
    assert report.values is not None
    assert (report.values.identical, report.values.changed) == (8, 3)
    assert report.values.largest == "2.bias"
    found = report.rows[2].values
    assert found is not None
    change = b["0.weight"] - a["0.weight"]
    assert found.max_absolute == pytest.approx(change.abs().max().item())
    assert found.relative_norm == pytest.approx((change.norm() / a["0.weight"].norm()).item())
    cosine = nn.functional.cosine_similarity(a["0.weight"].flatten(), b["0.weight"].flatten(), dim=0)
    assert found.cosine == pytest.approx(cosine.item())
    assert all(row.differs == ("values",) for row in report.rows)


def test_compare_values_of_another_dtype(tmp_path: Path) -> None:
    a = {"x.weight": torch.arange(6.0).reshape(2, 3), "x.bias": torch.tensor([0.1, 0.2])}
    report = diff(tmp_path, a, {name: value.half() for name, value in a.items()})
    assert [row.differs for row in report.rows] in (
        [("dtype", "values"), ("dtype",)],
        [("dtype",), ("dtype", "values")],
    )
    assert report.values is not None
    assert (report.values.equal, report.values.changed) == (1, 1)


def test_compare_values_pairs_renamed_tensors_by_bytes(tmp_path: Path) -> None:
    """Two layers of the same sizes, renamed and put in another order."""
    a = net()
    b = {name: value for name, value in a.items() if name[0] in "01"}
    for old, new in (("2", "second"), ("3", "first")):
        b |= {f"{new}.{leaf}": a[f"{old}.{leaf}"] for leaf in ("weight", "bias")}
    without = netinspect.diff(save(a, tmp_path / "a"), save(b, tmp_path / "b")).record
    assert (without.removed, without.added) == (4, 4)
    report = diff(tmp_path, a, b)
    assert {row.old.name: row.new.name for row in report.rows if row.old and row.new} == {
        f"{old}.{leaf}": f"{new}.{leaf}"
        for old, new in (("2", "second"), ("3", "first"))
        for leaf in ("weight", "bias")
    }
    assert {each.evidence for each in report.renames} == {"values"}
    assert all(row.values is not None and row.values.identical for row in report.rows)


def test_compare_values_reports_exchanged_names(tmp_path: Path) -> None:
    a = net()
    b = a | {"2.weight": a["3.weight"], "3.weight": a["2.weight"]}
    report = diff(tmp_path, a, b)
    assert {(each.old, each.new) for each in report.moved_values} == {
        ("2.weight", "3.weight"),
        ("3.weight", "2.weight"),
    }
    assert report.changed == 2
    assert "moved values" in str(netinspect.diff(tmp_path / "a", tmp_path / "b", compare_values=True))


def test_compare_values_does_not_pair_zeros(tmp_path: Path) -> None:
    report = diff(tmp_path, {"old.bias": torch.zeros(4)}, {"new.bias": torch.zeros(4)})
    assert (report.removed, report.added) == (1, 1)
    twice = {"c.weight": torch.ones(2, 2), "d.weight": torch.ones(2, 2)}
    report = diff(tmp_path, {"a.weight": torch.ones(2, 2), "b.weight": torch.ones(2, 2)}, twice)
    assert (report.removed, report.added) == (2, 2)


def test_compare_values_counts_tensors_of_other_shapes(tmp_path: Path) -> None:
    report = diff(
        tmp_path, {"x": torch.zeros(2), "y": torch.ones(3)}, {"x": torch.zeros(3), "y": torch.ones(3)}
    )
    assert report.values is not None
    assert (report.values.identical, report.values.reshaped) == (1, 1)


def test_compare_values_sets_the_exit_code(
    tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(net(), Path("a.safetensors"))
    save({name: tensor + 1 for name, tensor in net().items()}, Path("b.safetensors"))
    for other, values, code in [("a", True, 0), ("b", False, 0), ("b", True, 1)]:
        words = ["a.safetensors", f"{other}.safetensors", "--exit-code", *["--compare-values"] * values]
        assert cli("diff", *words).code == code
        assert cli("diff", *words[:2], *words[3:]).code == 0
