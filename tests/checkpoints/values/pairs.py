"""Comparison of single pairs of tensors, for tests."""

from __future__ import annotations

from netinspect.checkpoints.values.compare import compare_pairs
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.records.checkpoint import StoredTensor
from netinspect.records.comparison import Comparison


def compare_tensors(
    left_data: CheckpointData, left: StoredTensor, right_data: CheckpointData, right: StoredTensor
) -> Comparison:
    """Compare two tensors of equal shape; see `compare_pairs`."""
    return compare_pairs(left_data, right_data, [(left, right)])[0]
