"""Fake tensors: models without data. Only this module uses torch's private mode for them.

Tensors are on the CPU for every allocator, because a build of torch without CUDA crashes the process
when a backward runs on fake CUDA tensors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.analysis.diagnosis.messages import unmet_needs
from netinspect.errors import LoadError, class_name, message_of, text_of
from netinspect.memory_tracker.fake_support import unrepresentable
from netinspect.memory_tracker.model_copies import deep_copy
from netinspect.tracing.model.members import TENSORS, entries, modules, put
from netinspect.tracing.model.offload import absent_tensors
from netinspect.tracing.snapshot.random_state import preserved_randomness
from netinspect.tracing.tensors.inner_tensors import is_plain


@contextmanager
def fake_tensors() -> Iterator[Any]:
    """Create only fake tensors in the block; yield the mode.

    Raises:
        LoadError: This version of torch has no such mode.
    """
    try:
        from torch._subclasses.fake_tensor import FakeTensorMode

        mode = FakeTensorMode(allow_non_fake_inputs=True)
    except (ImportError, AttributeError, TypeError) as error:
        raise LoadError(
            f"torch {torch.__version__} cannot run without data",
            cause=text_of(error),
            hint="memory tracking uses torch._subclasses.fake_tensor, which is private to torch; "
            "install a version of torch that netinspect is tested with",
        ) from error
    with preserved_randomness(), without_onednn(), warnings.catch_warnings():
        # The trace has already reported these warnings.
        warnings.simplefilter("ignore")
        with mode:
            yield mode


@contextmanager
def without_onednn() -> Iterator[None]:
    """Disable oneDNN, in which an LSTM is one call with a workspace of unknown size.

    `torch.backends.mkldnn.flags` sets further flags, and warns about them.
    """
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)


def real_tensors() -> AbstractContextManager[Any]:
    """Return a context inside `fake_tensors` in which tensors have data."""
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    return unset_fake_temporarily()


def needs_values(error: BaseException | None) -> bool:
    """Return whether an exception was raised for missing data."""
    return error is not None and "values" in unmet_needs(class_name(type(error)), message_of(error))


def fake_copy(model: nn.Module, mode: Any) -> nn.Module:
    """Copy a model to fake tensors, without changing it.

    Raises:
        LoadError: The model cannot be copied.
    """
    from torch._subclasses.fake_tensor import FakeCopyMode

    check_representable(model)
    try:
        with FakeCopyMode(mode):
            return deep_copy(model)
    except Exception as error:  # any object in the model may refuse to be copied
        raise copy_error(model, error) from error


class CopyError(LoadError):
    """Raised if a model cannot be copied."""


def check_representable(model: nn.Module) -> None:
    """Check that fake tensors can represent a model's parameters and buffers.

    Raises:
        CopyError: Some parameter or buffer has no fake tensor.
    """
    if kind := unrepresentable(model):
        raise CopyError(
            f"cannot track the memory of {plain_name(type(model))} without values",
            cause=f"a parameter or buffer is {kind}, which torch's fake tensors do not support",
        )


def copy_error(model: nn.Module, error: Exception) -> CopyError:
    """Return the error for a model that cannot be copied."""
    return CopyError(
        f"cannot copy {plain_name(type(model))} to track its memory",
        cause=text_of(error),
        hint="name a target that can be built, such as net.py:Net",
    )


def adapt(model: nn.Module, dtype: torch.dtype | None) -> None:
    """Make parameters and buffers trackable, in place; tied tensors stay tied.

    Floating tensors are cast here, because `Module.to` swaps fake tensors, which torch refuses if they
    have weak references. Three kinds of tensors are created again: tensors on the meta device, unless a
    hook replaces them during a call; zero-filled tensors; and results of `copy.deepcopy` on fake
    tensors, as in torch's transformers, whose views do not share their memory.

    Args:
        model: A model without data.
        dtype: Dtype of floating tensors; None to leave it.
    """
    check_representable(model)
    absent = {id(tensor) for tensor in absent_tensors(model)}

    def trackable(tensor: torch.Tensor, wanted: torch.dtype) -> torch.Tensor:
        if id(tensor) in absent or (wanted is tensor.dtype and _is_trackable(tensor)):
            return tensor
        return torch.empty(tensor.shape, dtype=wanted, device=_device(tensor))

    _change(model, dtype, trackable)


def cast(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast the floating parameters and buffers of a model with values, in place."""

    def converted(tensor: torch.Tensor, wanted: torch.dtype) -> torch.Tensor:
        return tensor if wanted is tensor.dtype else tensor.detach().to(wanted)

    _change(model, dtype, converted)


def _change(
    model: nn.Module,
    dtype: torch.dtype | None,
    change: Callable[[torch.Tensor, torch.dtype], torch.Tensor],
) -> None:
    """Replace parameters and buffers by the results of a function of them and their target dtype."""
    made: dict[int, torch.Tensor] = {}
    for module in modules(model):
        for table in TENSORS:
            for name, tensor in list(entries(module, table)):
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    is_floating = tensor.dtype.is_floating_point
                    wanted = dtype if dtype is not None and is_floating else tensor.dtype
                    changed = change(tensor, wanted)
                    if changed is not tensor and isinstance(tensor, nn.Parameter):
                        changed = nn.Parameter(changed, requires_grad=tensor.requires_grad)
                    made[id(tensor)] = changed
                if made[id(tensor)] is not tensor:
                    put(module, table, name, made[id(tensor)])


def _device(tensor: torch.Tensor) -> torch.device:
    return torch.device("cpu") if tensor.device.type == "meta" else tensor.device


def _is_trackable(tensor: torch.Tensor) -> bool:
    if tensor.device.type == "meta":
        return False
    if not is_plain(tensor):
        return True
    return bool(tensor.untyped_storage()._cdata == tensor.detach().untyped_storage()._cdata)
