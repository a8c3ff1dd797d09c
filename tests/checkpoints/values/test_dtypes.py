from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import pytest
import torch

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.values.dtypes import KINDS, table_of, widen
from tests.checkpoints.values.tensor_values import REAL, SMALL_FLOATS, any_bits, name_of

BYTES = np.arange(256, dtype="u1")


def test_kinds_has_every_plain_torch_dtype() -> None:
    others = {name for name in BITS if name not in KINDS}
    assert all(re.fullmatch(r"q.+|bits.+|u?int[1-7]|.+x[248]", name) for name in others), others
    assert all(kind.itemsize * 8 == BITS[name] for name, kind in KINDS.items())


@pytest.mark.parametrize("dtype", [each for each in REAL if each.itemsize == 1], ids=name_of)
def test_table_of_equals_torch(dtype: torch.dtype) -> None:
    if dtype == torch.bool:
        assert table_of("bool").tolist() == [0.0] + [1.0] * 255
        return
    expected = torch.from_numpy(BYTES.copy()).view(dtype).to(torch.float64).numpy()
    np.testing.assert_array_equal(table_of(name_of(dtype)), expected)
    # The sign of zero too.
    assert (np.signbit(table_of(name_of(dtype))) == np.signbit(expected))[~np.isnan(expected)].all()


@pytest.mark.parametrize("dtype", SMALL_FLOATS, ids=name_of)
def test_table_of_equals_ml_dtypes(dtype: torch.dtype) -> None:
    other = getattr(ml_dtypes, name_of(dtype))
    np.testing.assert_array_equal(table_of(name_of(dtype)), BYTES.view(other).astype("f8"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=name_of)
def test_widen_all_halves_equals_torch(dtype: torch.dtype) -> None:
    bits = np.arange(1 << 16, dtype="u2")
    out = np.empty(1 << 16, "f4")
    found = widen(name_of(dtype), bits, out)
    expected = torch.from_numpy(bits.view("i2")).view(dtype).float().numpy()
    assert found is out
    is_nan = np.isnan(expected)
    assert (np.isnan(found) == is_nan).all()
    assert (found.view("u4") == expected.view("u4"))[~is_nan].all()
    # Without values that need the slow path.
    finite = bits[np.isfinite(expected)]
    found = widen(name_of(dtype), finite, np.empty(len(finite), "f4"))
    assert (found.view("u4") == expected[np.isfinite(expected)].view("u4")).all()


@pytest.mark.parametrize("dtype", REAL, ids=name_of)
def test_widen_any_bits_equals_torch(dtype: torch.dtype) -> None:
    tensor = any_bits(dtype, 1000, seed=1)
    kind = KINDS[name_of(dtype)]
    raw = np.frombuffer(tensor.view(torch.uint8).numpy().tobytes(), kind.raw)
    found = widen(name_of(dtype), raw, np.empty(1000, kind.wide))
    with np.errstate(invalid="ignore"):  # signaling NaN
        np.testing.assert_array_equal(found.astype("f8"), tensor.double().numpy())
