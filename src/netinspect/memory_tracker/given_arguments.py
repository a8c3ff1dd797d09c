"""Arguments of forward without input specs, from a caller or from the user's function."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map

from netinspect._utils.classes import is_a
from netinspect.errors import text_of
from netinspect.inputs.arguments import as_call
from netinspect.memory_tracker.fake_support import is_representable
from netinspect.memory_tracker.fake_tensors import CopyError
from netinspect.memory_tracker.model_copies import deep_copy
from netinspect.tracing.tensors.describe import tensors_within


class Given:
    """Arguments that are copied for each run, because forward may change them.

    Args:
        value: The arguments, in a form that `as_call` accepts.
        call: Method of the model that takes them.
    """

    def __init__(self, value: Any, call: str = "forward") -> None:
        self._value = value
        self._call = call

    def arguments(
        self, model: nn.Module, mode: Any = None, dtype: torch.dtype | None = None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return a copy of the positional and the keyword arguments.

        Args:
            model: The model to call.
            mode: Fake tensor mode for the copy; None to copy the values.
            dtype: Dtype of floating tensors in lists, tuples and dictionaries; None to leave it.

        Raises:
            CopyError: The arguments cannot be copied, or fake tensors cannot represent them.
        """
        try:
            copied = self._fake(mode) if mode is not None else deep_copy(self._value)
        except CopyError:
            raise
        except Exception as error:  # any object in them may refuse to be copied
            raise CopyError(
                "cannot copy the inputs to track the memory", cause=text_of(error)
            ) from error
        return as_call(model, copied if dtype is None else _cast(copied, dtype), self._call)

    def _fake(self, mode: Any) -> Any:
        from torch._subclasses.fake_tensor import FakeCopyMode

        with torch._C.DisableTorchFunction():
            if not all(map(is_representable, tensors_within(self._value))):
                raise CopyError("cannot track the memory of these inputs without values")
        with FakeCopyMode(mode):
            return deep_copy(self._value)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Cast the floating tensors in lists, tuples and dictionaries; equal objects stay equal."""
    made: dict[int, torch.Tensor] = {}

    def cast(each: Any) -> Any:
        if not is_a(each, torch.Tensor) or not each.is_floating_point():
            return each
        if id(each) not in made:
            made[id(each)] = each.to(dtype)
        return made[id(each)]

    return tree_map(cast, value)
