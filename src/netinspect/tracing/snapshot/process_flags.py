"""Process-wide flags of torch that forward may change, restored at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import torch

Flag = tuple[Callable[[], Any], Callable[[Any], Any]]
"""Getter and setter of a flag."""

_NAMES = (
    ("_get_cudnn_enabled", "_set_cudnn_enabled"),
    ("_get_cudnn_benchmark", "_set_cudnn_benchmark"),
    ("_get_cudnn_deterministic", "_set_cudnn_deterministic"),
    ("_get_cudnn_allow_tf32", "_set_cudnn_allow_tf32"),
    ("_get_cublas_allow_tf32", "_set_cublas_allow_tf32"),
    ("_get_mkldnn_enabled", "_set_mkldnn_enabled"),
    ("_get_nnpack_enabled", "_set_nnpack_enabled"),
    ("_get_float32_matmul_precision", "_set_float32_matmul_precision"),
    ("_get_math_sdp_enabled", "_set_sdp_use_math"),
    ("_get_flash_sdp_enabled", "_set_sdp_use_flash"),
    ("_get_mem_efficient_sdp_enabled", "_set_sdp_use_mem_efficient"),
    ("_get_cudnn_sdp_enabled", "_set_sdp_use_cudnn"),
    ("is_autocast_cache_enabled", "set_autocast_cache_enabled"),
    ("is_anomaly_enabled", "set_anomaly_enabled"),
    ("get_num_threads", "set_num_threads"),
)


def _flags() -> Iterator[Flag]:
    for getter, setter in _NAMES:
        for module in (torch._C, torch):
            read, write = getattr(module, getter, None), getattr(module, setter, None)
            if read is not None and write is not None:
                yield read, write
                break
    for kind in ("cpu", "cuda"):
        yield (
            partial(torch.is_autocast_enabled, kind),
            partial(torch.set_autocast_enabled, kind),
        )
        yield (
            partial(torch.get_autocast_dtype, kind),
            partial(torch.set_autocast_dtype, kind),
        )
    yield (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    )


_FLAGS = tuple(_flags())


@contextmanager
def preserved_flags() -> Iterator[None]:
    """Restore the flags at the end."""
    before = [(read, write, _read(read)) for read, write in _FLAGS]
    try:
        yield
    finally:
        for read, write, value in before:
            if value is not None and _read(read) != value:
                with suppress(RuntimeError):
                    write(value)


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except RuntimeError:  # it was set through a newer interface that this getter does not support
        return None
