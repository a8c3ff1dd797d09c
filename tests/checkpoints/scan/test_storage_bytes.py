"""Tests of the scan of storages, which are numbers unless a loader could read them as a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import netinspect
from tests.checkpoints.hostile.parts import SYSTEM


def test_storage_that_starts_like_pickle_is_examined(tmp_path: Path) -> None:
    """One in sixty random storages begins with the opcode of a frame or of an extension."""
    file = tmp_path / "model.pt"
    generator = np.random.default_rng(0)
    starts = (b"\x95", b"\x82", b"\x83", b"\x84", b"\x80\x04\x95")
    weights = {
        str(number): torch.from_numpy(
            np.frombuffer(starts[number % 5] + generator.bytes(300), np.uint8).copy()
        )
        for number in range(100)
    }
    torch.save(weights, file)
    report = netinspect.pickle_globals(file).record
    assert report.complete
    assert report.header.problems == ()


def test_storage_with_pickle_in_long_frame_is_reported(tmp_path: Path) -> None:
    """One of Python's loaders continues within such a frame."""
    file = tmp_path / "model.pt"
    hidden = b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + SYSTEM
    torch.save({"w": torch.frombuffer(bytearray(hidden), dtype=torch.uint8)}, file)
    assert any(
        "system" in each for each in [each.name for each in netinspect.pickle_globals(file).record.rows]
    )
