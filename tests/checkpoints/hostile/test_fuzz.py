"""Tests of damaged files of every format: an error that names the file, or a valid record.

They take at most a minute and are reproducible; `benchmarks/fuzz.py` runs as long as desired.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkpoints.hostile.fuzz_seeds import FORMATS, UNREAD, Seed, all_seeds
from tests.checkpoints.hostile.fuzzing import KINDS, WHOLE, Step, damage, examine, examine_file

pytestmark = pytest.mark.slow

NUMBER = st.integers(0, WHOLE - 1)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(KINDS), NUMBER, NUMBER, NUMBER), min_size=1, max_size=5
)


@functools.cache
def seeds(format: str) -> list[Seed]:
    with tempfile.TemporaryDirectory() as folder:
        return all_seeds(Path(folder), format)


@pytest.mark.parametrize("format", FORMATS)
def test_fuzz_seed_is_valid(format: str) -> None:
    for seed in seeds(format):
        checkpoint = examine(seed.bytes()).checkpoint
        assert checkpoint is not None
        assert checkpoint.format == format
        assert seed.build(list(seed.parts)) == seed.bytes()


@pytest.mark.parametrize("format", [*FORMATS, UNREAD])
@settings(max_examples=400, derandomize=True, database=None)
@given(data=st.data())
def test_damaged_file_is_read_or_refused(format: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(range(len(seeds(format)))))
    steps = data.draw(STEPS)
    outcome = examine(damage(seeds(format)[seed], steps).bytes())
    assert outcome.checkpoint is not None or outcome.sign


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=40, derandomize=True, database=None)
@given(data=st.data())
def test_values_of_damaged_file_are_read_or_refused(format: str, data: st.DataObject) -> None:
    seed = seeds(format)[data.draw(st.sampled_from(range(len(seeds(format)))))]
    damaged = damage(seed, data.draw(STEPS)).bytes()
    with tempfile.TemporaryDirectory() as folder:
        assert set(examine_file(damaged, seed.bytes(), Path(folder))) <= {"shown", "refused"}


@settings(max_examples=300, derandomize=True, database=None)
@given(
    st.sampled_from(
        [b"", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0", b"\x80\x02", b"\x08\x07:", b"PK\x03\x04"]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes) -> None:
    outcome = examine(start + rest)
    assert outcome.checkpoint is not None or outcome.sign
