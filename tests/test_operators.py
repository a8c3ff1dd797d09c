"""Tests of the replacements for torchvision's operators."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from tests import operators

pytestmark = pytest.mark.libraries

torchvision = pytest.importorskip("torchvision")


def boxes(count: int, size: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=generator, dtype=torch.float64) * size
    return torch.cat([corners, corners + torch.rand(count, 2, generator=generator) * size / 2], dim=1)


def test_nms_removes_overlapping_boxes() -> None:
    found, scores = boxes(200, 10), torch.rand(200, generator=torch.Generator().manual_seed(1))
    selected = operators.nms(found, scores, 0.3)
    overlaps = torchvision.ops.box_iou(found, found)
    expected: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        if all(overlaps[index, other] <= 0.3 for other in expected):
            expected.append(index)
    assert selected.tolist() == expected
    assert operators.nms(found[:0], scores[:0], 0.3).tolist() == []


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [2, -1])
def test_roi_align_equals_torchvision(ratio: int, aligned: bool) -> None:
    slow: Any = importlib.import_module("torchvision.ops.roi_align")._roi_align
    slow = getattr(slow, "__wrapped__", slow)  # not compiled
    images = torch.rand(2, 3, 9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    images.requires_grad_()
    numbers = torch.arange(7, dtype=torch.float64) % 2
    rois = torch.cat([numbers[:, None], boxes(7, 22)], dim=1)
    made = operators.roi_align(images.detach(), rois, 0.25, 3, 2, ratio, aligned)
    expected = slow(images, rois, 0.25, 3, 2, ratio, aligned)
    assert torch.allclose(made, expected)
    weights = torch.rand_like(made)
    (expected * weights).sum().backward()
    back = operators.roi_align_backward(weights, rois, 0.25, 3, 2, 2, 3, 9, 11, ratio, aligned)
    assert images.grad is not None
    assert torch.allclose(back, images.grad)


def test_roi_align_outside_image_is_zero() -> None:
    rois = torch.tensor([[0.0, 50, 50, 60, 60]])
    assert not operators.roi_align(torch.ones(1, 1, 8, 8), rois, 1.0, 2, 2, 2, True).any()


def test_detection_model_runs() -> None:
    model = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None
    ).eval()
    with torch.no_grad():
        (found,) = model([torch.rand(3, 64, 64)])
    assert found["boxes"].shape[1] == 4
