"""Storages of torch's archives in `globals`: numbers, unless a loader could take them for a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import netinspect
from tests.checkpoints.hostile.parts import SYSTEM


def test_storages_that_begin_like_a_pickle_are_numbers(tmp_path: Path) -> None:
    """Of random bytes one in sixty begins with the opcode of a frame or of an extension."""
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


def test_a_pickle_in_a_frame_that_is_too_long_is_found(tmp_path: Path) -> None:
    """One of Python's loaders reads on in such a frame."""
    file = tmp_path / "model.pt"
    hidden = b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + SYSTEM
    torch.save({"w": torch.frombuffer(bytearray(hidden), dtype=torch.uint8)}, file)
    assert any(
        "system" in each for each in [each.name for each in netinspect.pickle_globals(file).record.rows]
    )
