"""GPU kernels: functions that save other tensors for backward on a GPU than on the CPU.

According to torch's source, dropout on CUDA saves a mask of one byte per element, and attention with
dropout does not create the matrix of attention weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

_DROPOUT_OF_ATTENTION = 10
"""Position of `dropout_p` among the arguments of `multi_head_attention_forward`."""


class GpuKernels(TorchFunctionMode):
    """Function mode in which dropout and attention save the same tensors as on a GPU."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one torch function. Called by torch, with this mode off."""
        kwargs = dict(kwargs or {})
        if func is F.dropout or func is torch.dropout:
            return _dropout(func, args, kwargs)
        if func is F.scaled_dot_product_attention:
            if len(args) > 4:
                args = (*args[:4], 0.0, *args[5:])
            elif "dropout_p" in kwargs:
                kwargs["dropout_p"] = 0.0
        elif func is F.multi_head_attention_forward and kwargs.get("need_weights") is False:
            args = (*args[:_DROPOUT_OF_ATTENTION], 0.0, *args[_DROPOUT_OF_ATTENTION + 1 :])
        return func(*args, **kwargs)


def _dropout(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = ("input", "p", "training", "inplace") if func is F.dropout else ("input", "p", "train")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    training = given.get("training", given.get("train", True))
    probability = given.get("p", 0.5)
    if training and not given.get("inplace") and 0 < probability < 1:
        return torch.native_dropout(given["input"], probability, True)[0]
    return func(*args, **kwargs)
