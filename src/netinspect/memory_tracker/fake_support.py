"""Parameters and buffers for which torch has no tensors without data.

The fake copy of a sparse tensor stores nothing, so that it has not the size of the original. Of
quantized and nested tensors there are no fake ones. For a class that does not say which tensors it
wraps, torch makes a plain one.
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
    """Return the layout of a parameter or buffer that no fake tensor has; empty if all are supported."""
    with torch._C.DisableTorchFunction():
        for tensor in registered_tensors(model):
            if not is_representable(tensor):
                return layout_name(tensor)
    return ""


def is_representable(tensor: torch.Tensor) -> bool:
    """Return whether a fake tensor has the layout of a tensor, and its size."""
    if is_uninitialised(tensor) or is_plain(tensor):
        return True
    if is_sparse(tensor) and is_fake_class(type(tensor)):
        return inner_tensors(tensor)["values"].numel() > 0  # made of parts of known sizes
    if tensor.is_nested or not may_wrap(type(tensor)):
        return False
    if class_attribute(type(tensor), "__tensor_flatten__") is None:
        return False
    return all(map(is_plain, memory_of(tensor)))
