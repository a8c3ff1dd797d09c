from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netinspect.checkpoints.values import compare as compare_module
from netinspect.checkpoints.values.compare import compare_pairs
from netinspect.checkpoints.values.data import PIECE, CheckpointData
from netinspect.errors import LoadError
from netinspect.records.base import replace
from netinspect.records.comparison import Comparison
from tests.checkpoints.values.pairs import compare_tensors
from tests.checkpoints.values.tensor_values import (
    COMPLEX,
    REAL,
    any_bits,
    bytes_of,
    name_of,
    normal,
    write_raw,
)

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

Compare = Callable[[torch.Tensor, torch.Tensor], Comparison]

IDENTICAL = Comparison(
    identical=True,
    equal=True,
    differing=0,
    max_absolute=0.0,
    max_relative=0.0,
    relative_norm=0.0,
    cosine=1.0,
)


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    def run(left: torch.Tensor, right: torch.Tensor) -> Comparison:
        one = write_raw(tmp_path / "left", {"a": left})
        other = write_raw(tmp_path / "right", {"skipped": torch.ones(3), "a": right})
        with CheckpointData(one) as left_data, CheckpointData(other) as right_data:
            return compare_tensors(left_data, one.tensors[0], right_data, other.tensors[1])

    return run


def expected(left: torch.Tensor, right: torch.Tensor) -> Comparison:
    """Compute the comparison by torch on whole tensors, with sums in long double."""
    a, b = (
        torch.view_as_real(each.to(torch.complex128)) if each.is_complex() else each.double()
        for each in (left, right)
    )
    a, b = a.reshape(-1), b.reshape(-1)
    parts = 2 if left.is_complex() else 1
    unequal = ((a != b) & ~(a.isnan() & b.isnan())).reshape(-1, parts)
    nan_a, nan_b = (each.isnan().reshape(-1, parts).any(1) for each in (a, b))
    if left.is_complex():
        unequal = unequal.any(1, keepdim=True) & ~(nan_a & nan_b)[:, None]
    if left.dtype == right.dtype and not left.is_floating_point() and not left.is_complex():
        unequal = torch.from_numpy(left.numpy() != right.numpy()).reshape(-1, 1)
    finite = a.isfinite() & b.isfinite()
    numbers = ~(a.isnan() | b.isnan())
    apart = torch.where(a == b, 0.0, (a - b).abs())[numbers]
    x, y = (each[finite].numpy().astype(np.longdouble) for each in (a, b))
    larger = np.maximum(np.abs(x), np.abs(y))
    norm, other = np.sqrt((x * x).sum()), np.sqrt((y * y).sum())
    distance = np.sqrt(((x - y) ** 2).sum())
    relative = np.abs(x - y) / np.where(larger == 0, 1, larger)
    return Comparison(
        identical=left.dtype == right.dtype and bytes_of(left) == bytes_of(right),
        equal=not unequal.any(),
        differing=int(unequal.any(1).sum()),
        max_absolute=float(apart.max()) if len(apart) else None,
        max_relative=float(relative.max()) if len(x) else None,
        relative_norm=(
            None if not len(x) or (not norm and distance) else float(distance / norm) if norm else 0.0
        ),
        cosine=float((x * y).sum() / (norm * other)) if norm and other else None,
        left_nan=int((nan_a & ~nan_b).sum()),
        right_nan=int((nan_b & ~nan_a).sum()),
    )


def check(found: Comparison, wanted: Comparison, tolerance: float = 1e-6) -> None:
    """Check a comparison: counts exactly, largest differences up to the rounding of float32."""
    for name in ("identical", "equal", "differing", "left_nan", "right_nan", "not_compared"):
        assert getattr(found, name) == getattr(wanted, name), name
    for name in ("max_absolute", "max_relative", "relative_norm", "cosine"):
        one, other = getattr(found, name), getattr(wanted, name)
        if other is None:
            assert one is None, name
        else:
            absolute = tolerance if name == "cosine" else 0
            assert one == pytest.approx(other, rel=tolerance, abs=absolute), name


PAIRS = [(one, one) for one in [*REAL, *COMPLEX]] + [
    (torch.float32, torch.bfloat16),
    (torch.float16, torch.float32),
    (torch.float64, torch.float32),
    (torch.bfloat16, torch.float8_e4m3fn),
    (torch.int64, torch.float32),
    (torch.int32, torch.int8),
    (torch.uint16, torch.bfloat16),
    (torch.bool, torch.uint8),
    (torch.complex64, torch.complex128),
]


@pytest.mark.parametrize(("left", "right"), PAIRS, ids=lambda each: name_of(each))
@pytest.mark.parametrize("size", [1, 5, PIECE - 1, PIECE + 1, 2 * PIECE + 2])
def test_compare_tensors_of_random_bits(
    compare: Compare, left: torch.dtype, right: torch.dtype, size: int
) -> None:
    one, other = any_bits(left, size, seed=size), any_bits(right, size, seed=size + 1)
    if left == right and size > 5:
        other[: size // 2] = one[: size // 2]
    check(compare(one, other), expected(one, other))


@pytest.mark.parametrize(("left", "right"), PAIRS, ids=lambda each: name_of(each))
def test_compare_tensors_of_ordinary_values(
    compare: Compare, left: torch.dtype, right: torch.dtype
) -> None:
    if "float8_e8m0fnu" in (name_of(left), name_of(right)):
        pytest.skip("powers of two only: any bits are ordinary")
    one = normal(torch.float64, 3, PIECE + 8)
    one, other = (
        torch.view_as_complex(each.reshape(-1, 2)[:, :2].to(dtype.to_real()))
        if dtype.is_complex
        else each.to(dtype)
        for each, dtype in ((one.mul(20), left), (one.mul(20.5).add(0.1), right))
    )
    check(compare(one, other), expected(one, other))


@pytest.mark.parametrize("dtype", [*REAL, *COMPLEX], ids=name_of)
def test_compare_identical_tensors(compare: Compare, dtype: torch.dtype) -> None:
    tensor = any_bits(dtype, 2 * PIECE + 3, seed=4)
    assert compare(tensor, tensor.clone()) == IDENTICAL


def test_compare_empty_and_scalar_tensors(compare: Compare) -> None:
    assert compare(torch.ones(0, 3), torch.ones(0, 3)) == IDENTICAL
    assert compare(torch.ones(0), torch.ones(0).half()) == replace(IDENTICAL, identical=False)
    one, other = torch.tensor(2.0), torch.tensor(-2.0)
    check(compare(one, other), expected(one, other))
    assert compare(one, other).cosine == -1


def test_compare_counts_equal_parts_in_norm(compare: Compare) -> None:
    """Equal parts contribute to the norm."""
    one = normal(torch.float32, compare_module._PART + 3 * PIECE)
    for place in (0, len(one) - 1):
        other = one.clone()
        other[place] += 1
        check(compare(one, other), expected(one, other))


def test_compare_signed_zeros_and_nans(compare: Compare) -> None:
    one = torch.tensor([0.0, 1.0])
    found = compare(one, torch.tensor([-0.0, 1.0]))
    assert (found.identical, found.equal, found.differing) == (False, True, 0)
    bits = torch.tensor([0x7FC00000, 0x7FC00001], dtype=torch.int32)
    found = compare(bits.view(torch.float32), bits.flip(0).view(torch.float32))
    assert (found.identical, found.equal, found.differing) == (False, True, 0)
    assert (found.max_absolute, found.relative_norm, found.cosine) == (None, None, None)


def test_compare_infinities(compare: Compare) -> None:
    inf = math.inf
    one, other = torch.tensor([inf, 1.0, 2.0]), torch.tensor([inf, 1.0, 3.0])
    assert compare(one, other).max_absolute == 1
    other[0] = -inf
    found = compare(one, other)
    assert (found.max_absolute, found.differing) == (inf, 2)
    assert found.relative_norm == pytest.approx(1 / math.sqrt(5))


def test_compare_cosine_of_similar_tensors_is_precise(compare: Compare) -> None:
    """Sums of a*b, a*a and b*b would lose all digits."""
    one = normal(torch.float32, 10 * PIECE)
    other = one + normal(torch.float32, 10 * PIECE, seed=1) * 1e-4
    found, wanted = compare(one, other), expected(one, other)
    assert found.cosine is not None
    assert wanted.cosine is not None
    assert 1 - found.cosine == pytest.approx(1 - wanted.cosine, rel=0.01)


def test_compare_differences_with_large_mean(compare: Compare) -> None:
    one = 1e6 + normal(torch.float32, 2 * PIECE)
    other = one.clone()
    other[::7] += 1 / 16
    check(compare(one, other), expected(one, other))


@pytest.mark.parametrize("factor", [1e-320, 1e-300, 1e-160, 1e-40, 1e-25, 1e25, 1e38, 1e160, 1e300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=name_of)
def test_compare_huge_and_tiny_values(compare: Compare, dtype: torch.dtype, factor: float) -> None:
    if dtype == torch.float32 and not 1e-45 < factor < 1e39:
        pytest.skip("no float32")
    base = normal(torch.float64, 3000).clamp(-3, 3)
    one, other = (base * factor).to(dtype), ((base + 0.25) * factor).to(dtype)
    check(compare(one, other), expected(one, other))


def test_compare_large_integers_exactly(compare: Compare) -> None:
    one = torch.tensor([2**60, -(2**63), 5])
    other = torch.tensor([2**60 + 1, 2**63 - 1, 5])
    found = compare(one, other)
    assert (found.differing, found.max_absolute) == (2, float(2**64 - 1))
    found = compare(one[:1], other[:1])
    assert (found.differing, found.max_absolute) == (1, 1.0)
    assert found.relative_norm == 2.0**-60


def test_compare_views_in_element_order(compare: Compare) -> None:
    one = normal(torch.float32, 300, 500)
    assert compare(one, one.t().contiguous().t()) == IDENTICAL
    other = normal(torch.float32, 500, 300, seed=1).t()
    check(compare(one, other), expected(one, other))


def test_compare_pairs_reports_progress(tmp_path: Path) -> None:
    left = {f"{number}": normal(torch.float32, 70 * number, seed=number) for number in range(100)}
    right = {name: tensor + (int(name) % 2) for name, tensor in left.items()}
    one, other = write_raw(tmp_path / "left", left), write_raw(tmp_path / "right", right)
    progress: list[tuple[int, int]] = []
    with CheckpointData(one) as left_data, CheckpointData(other) as right_data:
        found = compare_pairs(
            left_data,
            right_data,
            list(zip(one.tensors, other.tensors, strict=True)),
            lambda done, total: progress.append((done, total)),
        )
    for name, each in zip(left, found, strict=True):
        check(each, expected(left[name], right[name]) if int(name) % 2 else IDENTICAL)
    size = sum(tensor.bytes for tensor in one.tensors) * 2
    assert progress == sorted(progress)
    assert progress[-1] == (size, size)


def test_compare_bytes_of_tensors_without_values(tmp_path: Path) -> None:
    path = tmp_path / "x"
    checkpoint = write_raw(
        path, {"a": torch.arange(9), "b": torch.arange(9), "c": torch.zeros(9).long()}
    )
    tensors = [replace(tensor, dtype="Q4_K") for tensor in checkpoint.tensors]
    reason = "the elements of Q4_K cannot be read as numbers"
    with CheckpointData(checkpoint) as data:
        first, second, third = (compare_tensors(data, tensors[0], data, each) for each in tensors)
        plain = compare_tensors(data, tensors[0], data, checkpoint.tensors[0])
        elsewhere = compare_tensors(data, tensors[0], data, replace(tensors[0], position=None))
    same = Comparison(identical=True, equal=True, differing=0, not_compared=reason)
    assert (first, second) == (same, same)
    assert third == plain == Comparison(identical=False, not_compared=reason)
    assert elsewhere == Comparison(identical=None, not_compared=reason)


def test_compare_refuses_complex_with_real(compare: Compare) -> None:
    found = compare(torch.ones(3), torch.ones(3, dtype=torch.complex64))
    assert found == Comparison(identical=False, not_compared="one is complex and the other is not")


def test_compare_refuses_different_shapes(compare: Compare) -> None:
    with pytest.raises(ValueError, match="a is"):
        compare(torch.ones(3), torch.ones(1, 3))


def test_compare_refuses_file_that_changes(tmp_path: Path) -> None:
    one = write_raw(tmp_path / "left", {"a": torch.ones(PIECE)})
    with CheckpointData(one) as left, CheckpointData(one) as right:
        os.utime(tmp_path / "left", ns=(1, 1))
        with pytest.raises(LoadError, match=r"changed while it was read(?m:$)"):
            compare_tensors(left, one.tensors[0], right, one.tensors[0])


@given(
    st.lists(
        st.tuples(
            st.floats(width=32) | st.sampled_from([0.0, 1.0, -1.0]),
            st.floats(width=32) | st.sampled_from([0.0, 1.0, -1.0]) | st.none(),
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_compare_any_values(
    compare: Compare,
    values: list[tuple[float, float | None]],
    left: torch.dtype,
    right: torch.dtype,
) -> None:
    one = torch.tensor([a for a, _ in values], dtype=torch.float64).to(left)
    other = torch.tensor([a if b is None else b for a, b in values], dtype=torch.float64).to(right)
    wanted = expected(one, other)
    found = compare(one, other)
    if wanted.identical:
        assert found == IDENTICAL
    else:
        check(found, wanted)
