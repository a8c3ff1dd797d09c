from __future__ import annotations

import math
from pathlib import Path

import torch

from netinspect.checkpoints.values.anomalies import detect_anomalies
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.checkpoints.values.statistics import summarize_values
from netinspect.records.distribution import Finding
from tests.checkpoints.values.tensor_values import normal, write_raw


def findings(path: Path, tensors: dict[str, torch.Tensor]) -> dict[str, list[Finding]]:
    checkpoint = write_raw(path / "x", tensors)
    with CheckpointData(checkpoint) as data:
        found = detect_anomalies(data, checkpoint.tensors, summarize_values(data, checkpoint.tensors))
    by_kind: dict[str, list[Finding]] = {}
    for each in found:
        by_kind.setdefault(each.kind, []).append(each)
    return by_kind


def test_detect_anomalies_ignores_ordinary_tensors(tmp_path: Path) -> None:
    tensors = {f"{number}": normal(torch.float32, 30, 40, seed=number) for number in range(20)}
    scalars = {f"step {number}": torch.tensor(7) for number in range(3)}
    same_mean = {
        f"norm {number}": 1 + 0.001 * normal(torch.float32, 50, seed=number) for number in range(9)
    }
    tied = {"tied": tensors["0"], "view": tensors["0"][:5], "no element": torch.ones(0, 3)}
    assert findings(tmp_path, tensors | scalars | same_mean | tied) == {}


def test_detect_anomalies_non_finite_and_constant(tmp_path: Path) -> None:
    broken = normal(torch.bfloat16, 50)
    broken[7] = math.nan
    found = findings(
        tmp_path,
        {
            "nan": broken,
            "inf": torch.tensor([1.0, -math.inf]),
            **{f"bias {number}": torch.zeros(9) for number in range(7)},
            "negative": -torch.zeros(8),
            "ones": torch.ones(9),
            "more ones": torch.ones(9),
            "number": torch.tensor(0.0),
        },
    )
    assert found == {
        "not finite": [Finding(kind="not finite", tensors=2, names=("nan", "inf"))],
        "all zero": [
            Finding(kind="all zero", tensors=8, names=tuple(f"bias {number}" for number in range(5)))
        ],
        "constant": [Finding(kind="constant", tensors=2, names=("ones", "more ones"))],
    }


def test_detect_anomalies_copies(tmp_path: Path) -> None:
    a, b = normal(torch.float16, 30, 40), normal(torch.float16, 40, 30, seed=1)
    broken = normal(torch.float32, 9)
    broken[0] = math.nan
    tensors = {"a": a, "b": b, "a again": a.clone(), "a once more": a.clone(), "b again": b.clone()}
    found = findings(tmp_path, {**tensors, "broken": broken, "broken again": broken.clone()})
    assert [each.names for each in found["copies"]] == [
        ("a", "a again", "a once more"),
        ("b", "b again"),
        ("broken", "broken again"),
    ]
    assert "near copies" not in found


def test_detect_anomalies_near_copies(tmp_path: Path) -> None:
    a, b = normal(torch.float32, 30, 40), 5 + 0.1 * normal(torch.float32, 30, 40, seed=1)
    noise = normal(torch.float32, 30, 40, seed=2)
    found = findings(
        tmp_path,
        {
            "a": a,
            "ema": a + 0.01 * noise,
            "half": a.half(),
            "other": a + 0.1 * noise,
            "other shape": a.reshape(40, 30).clone(),
            "b": b,
            "near b": b + 0.001 * noise,
            "as far from b as b is wide": b + 0.1 * noise,
            "negative": -a,
            "equal start": torch.cat([a[:16], noise[16:]]),
        },
    )
    near = found["near copies"]
    assert [each.names for each in near] == [("a", "ema", "half"), ("b", "near b")]
    assert [each.tensors for each in near] == [3, 2]
    for each in near:
        assert 0.009 < float(each.detail) < 0.011
    assert set(found) == {"near copies"}


def test_detect_anomalies_groups_unread_tensors_by_reason(tmp_path: Path) -> None:
    base = torch.ones(3)
    found = findings(tmp_path, {"a": base.expand(2, 3), "b": normal(torch.float32, 4)})
    reason = "several of its elements share memory"
    assert found == {"not read": [Finding(kind="not read", tensors=1, names=("a",), detail=reason)]}
