from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netinspect.checkpoints.values import statistics as module
from netinspect.checkpoints.values.data import PIECE, CheckpointData
from netinspect.checkpoints.values.statistics import summarize_values
from netinspect.errors import LoadError
from netinspect.quantiles import BARS, SAMPLE, sample_places
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.distribution import Statistics, ValueSummary
from netinspect.tracing.tensors.statistics import summarize_values as observed
from tests.checkpoints.values.tensor_values import (
    COMPLEX,
    FLOATS,
    INTEGERS,
    REAL,
    any_bits,
    as_float64,
    name_of,
    normal,
    write_raw,
)

Summarize = Callable[[torch.Tensor], ValueSummary]

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

QUANTILES = {"q01": 0.01, "q25": 0.25, "median": 0.5, "q75": 0.75, "q99": 0.99}


def summaries(checkpoint: Checkpoint) -> list[ValueSummary]:
    with CheckpointData(checkpoint) as data:
        return summarize_values(data, checkpoint.tensors)


@pytest.fixture
def summarize(tmp_path: Path) -> Summarize:
    return lambda tensor: summaries(write_raw(tmp_path / "x", {"before": torch.ones(2), "a": tensor}))[1]


def expected(tensor: torch.Tensor) -> Statistics:
    """Compute statistics in long double on the whole tensor, converted by torch."""
    if tensor.dtype in INTEGERS:
        x = tensor.numpy().reshape(-1).astype(np.longdouble)
    else:
        x = as_float64(tensor).numpy().reshape(-1).astype(np.longdouble)
    finite = x[np.isfinite(x)]
    count = len(finite)
    mean = finite.sum() / max(1, count)
    std = np.sqrt(((finite - mean) ** 2).sum() / max(1, count - 1))
    return Statistics(
        mean=float(mean) if count else None,
        std=float(std) if count > 1 else None,
        min=float(finite.min()) if len(finite) else None,
        max=float(finite.max()) if len(finite) else None,
        zeros=int((x == 0).sum()),
        nan=int(np.isnan(x).sum()),
        inf=int(np.isinf(x).sum()),
    )


def check(found: ValueSummary, tensor: torch.Tensor, tolerance: float = 3e-7) -> None:
    """Check counts and extremes exactly, mean and deviation up to a share of the deviation."""
    wanted = expected(tensor)
    assert found.statistics is not None
    for name in ("min", "max", "zeros", "nan", "inf"):
        assert getattr(found.statistics, name) == getattr(wanted, name), name
    if wanted.std is None:
        assert found.statistics.std is None
        assert found.statistics.mean == wanted.mean
    else:
        assert found.statistics.std == pytest.approx(wanted.std, rel=tolerance)
        error = max(tolerance * wanted.std, 1e-15 * abs(wanted.mean or 0.0))
        assert found.statistics.mean == pytest.approx(wanted.mean, rel=0, abs=error)
    assert found.constant == (
        not wanted.nan + wanted.inf and tensor.numel() > 1 and wanted.min == wanted.max
    )


def check_quantiles(found: ValueSummary, tensor: torch.Tensor) -> None:
    """Check quantiles: of all elements against numpy, of a sample by their ranks."""
    values = as_float64(tensor).numpy().reshape(-1)
    values = np.sort(values[np.isfinite(values)])
    spread = found.distribution
    if not len(values):
        assert spread is None
        return
    assert spread is not None
    assert spread.exact == (spread.elements == len(values))
    for name, share in QUANTILES.items():
        quantile = getattr(spread, name)
        if spread.exact:
            wanted = np.quantile(values.astype(np.longdouble), share)
            assert quantile == pytest.approx(float(wanted), rel=1e-12, abs=1e-320), name
        else:
            below = np.searchsorted(values, quantile, side="left") / len(values)
            not_above = np.searchsorted(values, quantile, side="right") / len(values)
            error = 5 * math.sqrt(share * (1 - share) / spread.elements)
            assert below - error <= share <= not_above + error, name
    if spread.low == spread.high:
        assert spread.bars == ()
    else:
        assert len(spread.bars) == BARS
        assert sum(spread.bars) == spread.elements


@pytest.mark.parametrize("size", [0, 1, 2, 5, 1023, SAMPLE, PIECE - 1, PIECE + 1, 3 * PIECE + 7])
@pytest.mark.parametrize("dtype", REAL, ids=name_of)
def test_summarize_random_bits(summarize: Summarize, dtype: torch.dtype, size: int) -> None:
    tensor = any_bits(dtype, size, seed=size)
    found = summarize(tensor)
    check(found, tensor)
    check_quantiles(found, tensor)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS], ids=name_of)
def test_summarize_ordinary_values(summarize: Summarize, dtype: torch.dtype) -> None:
    if dtype.is_floating_point:
        tensor = normal(torch.float64, 2 * module._PART // 1000 + 3, 1000).to(dtype)
    else:
        tensor = normal(torch.float64, PIECE + 1, 5).mul(20).abs().to(dtype)
    found = summarize(tensor)
    check(found, tensor, 5e-8 if dtype.is_floating_point and dtype.itemsize < 8 else 1e-12)
    check_quantiles(found, tensor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int32, torch.float8_e5m2])
def test_summarize_equals_statistics_of_live_model(summarize: Summarize, dtype: torch.dtype) -> None:
    tensor = normal(torch.float32, 300, 400).mul(9).to(dtype)
    found, wanted = summarize(tensor).statistics, observed(tensor.float()).statistics
    assert found is not None
    assert wanted is not None
    for name in Statistics.__slots__:  # type: ignore[attr-defined]
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), rel=1e-6, abs=1e-6), name


@pytest.mark.parametrize("place", [0, PIECE - 1, PIECE, 2 * PIECE + 1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38, 1e-45, 0.0, -0.0])
def test_summarize_one_odd_value(summarize: Summarize, place: int, value: float) -> None:
    tensor = normal(torch.float32, 2 * PIECE + 2)
    tensor[place] = value
    check(summarize(tensor), tensor)


@pytest.mark.parametrize("mean", [1e3, -1e6, 1e9, 3e38])
@pytest.mark.parametrize("order", ["mixed", "rising"])
def test_summarize_small_deviation_with_large_mean(
    summarize: Summarize, mean: float, order: str
) -> None:
    tensor = (mean + normal(torch.float64, 3 * PIECE) * abs(mean) * 3e-7).float()
    if order == "rising":
        tensor = tensor.sort().values
    check(summarize(tensor), tensor)
    precise = mean + normal(torch.float64, 3 * PIECE) * abs(mean) * 1e-12
    check(summarize(precise), precise, 1e-3)  # most of which is already lost to rounding


def test_summarize_values_with_drifting_mean(summarize: Summarize) -> None:
    """The mean of one piece is far from that of the next one."""
    steps = torch.arange(8).repeat_interleave(PIECE // 2) ** 5 * 1e5
    tensor = steps + normal(torch.float32, len(steps))
    check(summarize(tensor), tensor)


@pytest.mark.parametrize(
    "factor", [1e-320, 1e-300, 1e-160, 1e-44, 1e-40, 1e-25, 1e25, 1e37, 1e160, 4e307]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=name_of)
def test_summarize_huge_and_tiny_values(summarize: Summarize, dtype: torch.dtype, factor: float) -> None:
    if dtype == torch.float32 and not 1e-45 < factor < 1e38:
        pytest.skip("no float32")
    tensor = (normal(torch.float64, 3000).clamp(-3, 3) * factor).to(dtype)
    found = summarize(tensor)
    check(found, tensor)
    check_quantiles(found, tensor)


def test_summarize_large_integers_exactly(summarize: Summarize) -> None:
    tensor = torch.tensor([2**60 + 1, 2**60])
    found = summarize(tensor)
    assert not found.constant
    assert summarize(torch.full((9,), 2**60 + 1)).constant


@pytest.mark.parametrize("value", [0.0, 0.1, -7e20, 1e-40])
def test_summarize_constants(summarize: Summarize, value: float) -> None:
    tensor = torch.full((PIECE + 3,), value)
    found = summarize(tensor)
    check(found, tensor)
    assert found.constant
    assert found.statistics is not None
    assert found.statistics.std == 0
    assert found.distribution is not None
    assert found.distribution.bars == ()
    assert found.distribution.median == float(tensor[0])
    tensor[-1] = 1
    assert not summarize(tensor).constant


def test_summarize_tensors_without_finite_values(summarize: Summarize) -> None:
    empty = Statistics(mean=None, std=None, min=None, max=None, zeros=0, nan=0, inf=0)
    assert summarize(torch.ones(0, 5)) == ValueSummary(statistics=empty)
    found = summarize(torch.tensor([math.nan, math.inf, -math.inf, math.nan]))
    assert found == ValueSummary(statistics=replace(empty, nan=2, inf=2))
    one = summarize(torch.tensor(2.5))
    assert one.statistics == replace(empty, mean=2.5, min=2.5, max=2.5)
    assert one.distribution is not None
    assert not one.constant


@pytest.mark.parametrize("dtype", COMPLEX, ids=name_of)
def test_summarize_counts_complex_numbers_only(summarize: Summarize, dtype: torch.dtype) -> None:
    tensor = any_bits(dtype, PIECE + 5, seed=1)
    torch.view_as_real(tensor)[:7] = 0.0
    torch.view_as_real(tensor)[3, 1] = math.inf
    wide = torch.view_as_real(tensor).double()
    assert summarize(tensor) == ValueSummary(
        statistics=Statistics(
            mean=None,
            std=None,
            min=None,
            max=None,
            zeros=6 + int((wide[7:] == 0).all(1).sum()),
            nan=int(wide.isnan().any(1).sum()),
            inf=int(wide.isinf().any(1).sum()),
        )
    )


def test_summarize_views(summarize: Summarize) -> None:
    base = normal(torch.float32, 300, 200)
    for tensor in (base.t(), base[::2, 3:150], base.t()[5:, ::3]):
        found = summarize(tensor)
        check(found, tensor)
        check_quantiles(found, tensor)


def test_summarize_big_endian_numbers(tmp_path: Path) -> None:
    tensor = normal(torch.float32, 100, 300)
    for view in (tensor, tensor[:, ::3]):
        checkpoint = write_raw(tmp_path / "x", {"a": view})
        data = bytearray((tmp_path / "x").read_bytes())
        storage = np.frombuffer(data, "<f4", tensor.numel(), 3)
        data[3 : 3 + storage.nbytes] = storage.byteswap().tobytes()
        (tmp_path / "x").write_bytes(data)
        stamp = checkpoint.files[0].modified
        assert stamp is not None
        os.utime(tmp_path / "x", ns=(stamp, stamp))
        swapped = replace(checkpoint, tensors=(replace(checkpoint.tensors[0], byte_order="big"),))
        check(summaries(swapped)[0], view)


def test_summarize_reads_tied_tensors_once(tmp_path: Path) -> None:
    tensor = normal(torch.float32, 1000)
    checkpoint = write_raw(tmp_path / "x", {"a": tensor, "b": tensor, "half": tensor[:500]})
    progress: list[tuple[int, int]] = []
    with CheckpointData(checkpoint) as data:
        found = summarize_values(
            data, checkpoint.tensors, lambda done, total: progress.append((done, total))
        )
    assert found[0] == found[1] != found[2]
    check(found[2], tensor[:500])
    assert progress[-1] == (6000, 6000)


def test_summarize_gives_reason_for_unreadable_tensors(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(3), "b": torch.ones(3)})
    packed = replace(checkpoint.tensors[0], dtype="Q4_K")
    found = summaries(replace(checkpoint, tensors=(packed, checkpoint.tensors[1])))
    assert found[0] == ValueSummary(not_read="the elements of Q4_K cannot be read as numbers")
    assert found[1].statistics is not None


def test_summarize_does_not_depend_on_order_of_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART", PIECE)
    checkpoint = write_raw(
        tmp_path / "x", {"a": normal(torch.float32, 20 * PIECE + 5), "b": any_bits(torch.int8, 9**6, 1)}
    )
    first = summaries(checkpoint)
    assert all(summaries(checkpoint) == first for _ in range(5))
    monkeypatch.setattr("netinspect.checkpoints.values.threads.processors", lambda: 1)
    assert summaries(checkpoint) == first


def test_summarize_refuses_file_that_changes(tmp_path: Path) -> None:
    checkpoint = write_raw(tmp_path / "x", {"a": torch.ones(3)})
    with CheckpointData(checkpoint) as data:
        os.utime(tmp_path / "x", ns=(1, 1))
        with pytest.raises(LoadError, match=r"changed while it was read(?m:$)"):
            summarize_values(data, checkpoint.tensors)


@given(st.integers(0, 2**40))
def test_sample_places_has_one_element_per_range(elements: int) -> None:
    places = sample_places(elements)
    if elements <= SAMPLE:
        assert places.tolist() == list(range(elements))
    else:
        starts = [number * elements // SAMPLE for number in range(SAMPLE + 1)]
        assert (np.array(starts[:-1]) <= places).all()
        assert (places < np.array(starts[1:])).all()


def test_sample_places_prefers_no_column() -> None:
    columns = np.bincount(sample_places(1 << 24) % 16, minlength=16)
    assert columns.sum() == SAMPLE
    assert abs(columns - SAMPLE / 16).max() < 5 * math.sqrt(SAMPLE / 16)


@given(
    st.lists(
        st.floats(width=32) | st.sampled_from([0.0, 1.0, -1.0, 1e30, 1e-30]), min_size=1, max_size=60
    ),
    st.sampled_from(FLOATS),
    st.integers(1, 3),
)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_summarize_any_values(
    summarize: Summarize, values: list[float], dtype: torch.dtype, repeats: int
) -> None:
    tensor = torch.tensor(values * repeats, dtype=torch.float64).to(dtype)
    found = summarize(tensor)
    check(found, tensor)
    check_quantiles(found, tensor)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_values_take_bounded_memory(tmp_path: Path) -> None:
    """Read tensors that are larger than the memory limit of a child process."""
    write_raw(tmp_path / "x", {"a": torch.ones(150 << 20, dtype=torch.uint8), "b": torch.ones(30 << 20)})
    code = """
import sys
from tests.checkpoints.values.pairs import compare_tensors
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.checkpoints.values.anomalies import detect_anomalies
from netinspect.checkpoints.io.source import LocalSource
from netinspect.checkpoints.values.statistics import summarize_values
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, StoredTensor
path = sys.argv[1]
with LocalSource(path) as source:
    file = source.stored_file()
size = 150 << 20
tensors = (
    StoredTensor(name="a", dtype="int8", shape=(size,), bytes=size, storage=0, position=3),
    StoredTensor(name="b", dtype="float32", shape=(30 << 20,), bytes=120 << 20, storage=1,
                 position=size + 6),
    StoredTensor(name="c", dtype="float32", shape=(1 << 10, 30 << 10), bytes=120 << 20, storage=1,
                 position=size + 6, stride=(1, 1 << 10)),
    StoredTensor(name="d", dtype="float16", shape=(1 << 9, 30 << 9), bytes=15 << 20, storage=1,
                 position=size + 6, stride=(2, 1 << 11)),
)
checkpoint = Checkpoint(target=path, format="pickle", files=(file,), tensors=tensors)
with CheckpointData(checkpoint) as data:
    found = summarize_values(data, tensors)
    detect_anomalies(data, tensors, found)
    assert compare_tensors(data, replace(tensors[2], stride=None), data, tensors[2]).equal
assert [each.statistics.zeros for each in found] == [0, 0, 0, 30 << 18], found
assert "torch" not in sys.modules
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    assert int(completed.stdout) < 100 * 1024
