"""Replacements for torchvision's operators if the compiled ones cannot be loaded.

A torchvision that was built for another torch, or for CUDA, cannot even be imported, because its
operators are missing. `declare` declares them, so that tests of models run on every machine; the two
operators that the models use are implemented. If the compiled ones load, it does nothing.

As a script it runs the command line with them: `python tests/operators.py summary torchvision:resnet18`.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import torch

_BACKWARD = "SymInt batch_size, SymInt channels, SymInt height, SymInt width"
_BINS = "float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_DEFORM = (
    "SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, "
    "SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask"
)
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    f"roi_align(Tensor input, Tensor rois, {_BINS}, int sampling_ratio, bool aligned) -> Tensor",
    f"_roi_align_backward(Tensor grad, Tensor rois, {_BINS}, {_BACKWARD}, int sampling_ratio, "
    "bool aligned) -> Tensor",
    "qroi_align(Tensor input, Tensor rois, float input_scale, int input_zero_point, float rois_scale, "
    f"int rois_zero_point, {_BINS}, int sampling_ratio, bool aligned) -> Tensor",
    f"ps_roi_align(Tensor input, Tensor rois, {_BINS}, int sampling_ratio) -> (Tensor, Tensor)",
    f"_ps_roi_align_backward(Tensor grad, Tensor rois, Tensor channel_mapping, {_BINS}, "
    f"int sampling_ratio, {_BACKWARD}) -> Tensor",
    f"roi_pool(Tensor input, Tensor rois, {_BINS}) -> (Tensor, Tensor)",
    f"_roi_pool_backward(Tensor grad, Tensor rois, Tensor argmax, {_BINS}, {_BACKWARD}) -> Tensor",
    f"ps_roi_pool(Tensor input, Tensor rois, {_BINS}) -> (Tensor, Tensor)",
    f"_ps_roi_pool_backward(Tensor grad, Tensor rois, Tensor channel_mapping, {_BINS}, "
    f"{_BACKWARD}) -> Tensor",
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, "
    f"{_DEFORM}) -> Tensor",
    "_deform_conv2d_backward(Tensor grad, Tensor input, Tensor weight, Tensor offset, Tensor mask, "
    f"Tensor bias, {_DEFORM}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    "_cuda_version() -> int",
)
_EXTENSION = "torchvision.extension"
_CHUNK = 128
"""Number of regions that are processed at a time."""

_libraries: list[torch.library.Library] = []  # operators live as long as their library object


def declare() -> None:
    """Declare the operators, unless torchvision is absent or has working ones."""
    found = importlib.util.find_spec("torchvision")
    if _libraries or found is None or found.origin is None or _loads(Path(found.origin).parent):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    library.impl("nms", nms, "CPU")
    library.impl("roi_align", roi_align, "CPU")
    library.impl("_roi_align_backward", roi_align_backward, "CPU")
    library.impl("_cuda_version", lambda: -1, "CompositeExplicitAutograd")
    _libraries.append(library)
    sys.meta_path.insert(0, _Extension())


def _loads(folder: Path) -> bool:
    for file in folder.glob("_C*"):
        with contextlib.suppress(OSError):
            torch.ops.load_library(str(file))
            return True
    return False


class _Extension(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Importer of `torchvision.extension` that makes it report the operators as available."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != _EXTENSION:
            return None
        self.own = importlib.machinery.PathFinder.find_spec(name, path)
        return importlib.util.spec_from_loader(name, self)

    def exec_module(self, module: ModuleType) -> None:
        assert self.own is not None
        assert self.own.loader is not None
        module.__file__ = self.own.origin
        self.own.loader.exec_module(module)
        vars(module)["_has_ops"] = lambda: True


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return the indices of boxes that overlap no better box by more than the threshold."""
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=2)
    overlaps = (common / (area[:, None] + area - common) > iou_threshold).numpy()
    gone = numpy.zeros(len(boxes), dtype=bool)
    selected = []
    for index in range(len(boxes)):
        if not gone[index]:
            selected.append(index)
            gone |= overlaps[index]
    return order[torch.tensor(selected, dtype=torch.int64)]


def roi_align(
    input: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """Average bilinear samples over the bins of each region."""
    size = (pooled_height, pooled_width)
    flat = input.permute(0, 2, 3, 1).reshape(-1, input.shape[1])
    made = [
        (flat[cells] * weights[..., None]).sum(dim=(2, 4, 5)).permute(0, 3, 1, 2)
        for cells, weights in _samples(rois, input.shape, spatial_scale, size, sampling_ratio, aligned)
    ]
    return torch.cat(made).contiguous() if made else input.new_zeros(0, input.shape[1], *size)


def roi_align_backward(
    grad: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    batch_size: int,
    channels: int,
    height: int,
    width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """Distribute each bin's gradient to the cells that it was averaged from."""
    shape, size = (batch_size, channels, height, width), (pooled_height, pooled_width)
    flat = grad.new_zeros(batch_size * height * width, channels)
    first = 0
    for cells, weights in _samples(rois, shape, spatial_scale, size, sampling_ratio, aligned):
        part = grad[first : first + len(cells)].permute(0, 2, 3, 1)[:, :, None, :, None, None]
        first += len(cells)
        flat.index_add_(0, cells.flatten(), (part * weights[..., None]).reshape(-1, channels))
    return flat.view(batch_size, height, width, channels).permute(0, 3, 1, 2).contiguous()


def _samples(
    rois: torch.Tensor,
    shape: Sequence[int],
    scale: float,
    size: tuple[int, int],
    ratio: int,
    aligned: bool,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the cells that the bins of some regions read, and their weights.

    Both are (regions, bins down, samples down, bins across, samples across, 4 neighbours).
    """
    for part in rois.split(_CHUNK) if len(rois) else ():
        axes = []
        for axis in (0, 1):
            start = part[:, 2 - axis] * scale - (0.5 if aligned else 0)
            length = part[:, 4 - axis] * scale - (0.5 if aligned else 0) - start
            length = length if aligned else length.clamp(min=1)
            axes.append(_along(start, length, size[axis], shape[2 + axis], ratio))
        (rows, down), (columns, across) = axes
        image = part[:, 0].long()[:, None, None, None, None, None] * (shape[2] * shape[3])
        cells = rows[:, :, :, None, None, [0, 0, 1, 1]] * shape[3]
        cells = image + cells + columns[:, None, None, :, :, [0, 1, 0, 1]]
        weights = down[:, :, :, None, None, [0, 0, 1, 1]] * across[:, None, None, :, :, [0, 1, 0, 1]]
        yield cells, weights


def _along(
    start: torch.Tensor, length: torch.Tensor, bins: int, limit: int, ratio: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two neighbours of each sample of each bin along one axis, and their weights."""
    count = torch.full_like(start, ratio) if ratio > 0 else (length / bins).ceil().clamp(min=1)
    step = torch.arange(int(count.max()), dtype=start.dtype)
    bin_ = torch.arange(bins, dtype=start.dtype)[None, :, None]
    place = (bin_ + (step + 0.5) / count[:, None, None]) / bins
    place = start[:, None, None] + place * length[:, None, None]
    counts = (step < count[:, None, None]) & (place >= -1) & (place <= limit)
    place = place.clamp(0, limit - 1)
    near = place.floor().clamp(max=limit - 1)
    far = (near + 1).clamp(max=limit - 1)
    share = counts / count[:, None, None]
    weights = torch.stack([(1 - (place - near)) * share, (place - near) * share], dim=-1)
    return torch.stack([near, far], dim=-1).long(), weights


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose files must not be importable
    declare()
    from netinspect.cli.run import main

    main()
