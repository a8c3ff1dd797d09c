"""Support of fake tensors: which parameters and buffers torch can represent without data.

The fake copy of a sparse tensor stores no elements, so its size differs from the original. Quantized and
nested tensors have no fake copies. For a wrapper class without `__tensor_flatten__`, torch creates a
plain fake tensor.
"""

from __future__ import annotations

import torch
from torch import nn

from netinspect.tracing.model.members import registered_tensors
from netinspect.tracing.safe_access import class_attribute
from netinspect.tracing.tensors.describe import is_uninitialised
from netinspect.tracing.tensors.inner_tensors import (
    inner_tensors,
    is_fake_class,
    is_plain,
    is_sparse,
    layout_name,
    may_wrap,
    memory_of,
)


def unrepresentable(model: nn.Module) -> str:
    """Return the layout of the first unsupported parameter or buffer; empty if all are supported."""
    with torch._C.DisableTorchFunction():
        for tensor in registered_tensors(model):
            if not is_representable(tensor):
                return layout_name(tensor)
    return ""


def is_representable(tensor: torch.Tensor) -> bool:
    """Return whether a fake copy of a tensor has its layout and size."""
    if is_uninitialised(tensor) or is_plain(tensor):
        return True
    if is_sparse(tensor) and is_fake_class(type(tensor)):
        return inner_tensors(tensor)["values"].numel() > 0  # its inner tensors have known sizes
    if tensor.is_nested or not may_wrap(type(tensor)):
        return False
    if class_attribute(type(tensor), "__tensor_flatten__") is None:
        return False
    return all(map(is_plain, memory_of(tensor)))
