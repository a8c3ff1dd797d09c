"""Hollow weights: full shapes, no memory, and real kernels that run on them.

While a model is built under `Hollow`, each large tensor that a factory such as `torch.empty` would make
is one number expanded to the whole shape, with all strides zero; what initialises it does nothing. Such
a model takes next to no memory and no time to initialise, and unlike one on the meta device it can run
code that reads values, on zeros. Small tensors, and what is computed from others, are made as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

LARGE = 1 << 20
"""Elements from which on a tensor is hollow: to fill a smaller one takes a few milliseconds."""

# Factories whose first arguments are sizes; the number in every element does not matter for random ones.
_BY_SIZE: dict[Any, Callable[..., torch.Tensor]] = {
    torch.empty: torch.zeros,
    torch.zeros: torch.zeros,
    torch.rand: torch.zeros,
    torch.randn: torch.zeros,
    torch.ones: torch.ones,
}
_LIKE: dict[Any, Callable[..., torch.Tensor]] = {
    torch.empty_like: torch.zeros,
    torch.zeros_like: torch.zeros,
    torch.rand_like: torch.zeros,
    torch.randn_like: torch.zeros,
    torch.ones_like: torch.ones,
}
_NEW: dict[Any, Callable[..., torch.Tensor]] = {
    torch.Tensor.new_empty: torch.zeros,
    torch.Tensor.new_zeros: torch.zeros,
    torch.Tensor.new_ones: torch.ones,
}
# Done to one element they say all: the rest is the same.
_ELEMENTWISE = frozenset(
    {
        torch.Tensor.clone, torch.Tensor.to, torch.Tensor.type, torch.Tensor.float, torch.Tensor.double,
        torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.cpu, torch.Tensor.contiguous,
        torch.clone,
    }
)  # fmt: skip
_MADE_WITH = ("dtype", "device", "requires_grad")


class Hollow(TorchFunctionMode):
    """While entered, large tensors are made hollow.

    Attributes:
        made: How many were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Answer one torch function. Called by torch, with the mode itself off."""
        kwargs = dict(kwargs or {})
        made = self._made_by(func, args, kwargs)
        if made is not None:
            self.made += 1
            return made
        first = args[0] if args else kwargs.get("tensor", kwargs.get("input"))
        if isinstance(first, torch.Tensor) and is_hollow(first):
            if func in _ELEMENTWISE:
                kwargs.pop("memory_format", None)
                rest = [each for each in args[1:] if not isinstance(each, torch.memory_format)]
                one = first.detach().as_strided((), ())
                changed = func(one, *rest, **kwargs)
                if isinstance(changed, torch.Tensor):
                    return first if changed is one else changed.expand(first.shape)
                return changed
            if _writes(func):
                return first  # nobody will read what it would write
        return func(*args, **kwargs)

    @staticmethod
    def _made_by(
        func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> torch.Tensor | None:
        """Return a hollow tensor in place of a factory's; None where it would not be large."""
        if kwargs.get("out") is not None or kwargs.get("layout") not in (None, torch.strided):
            return None
        options = {name: kwargs[name] for name in _MADE_WITH if name in kwargs}
        try:
            if (make := _BY_SIZE.get(func)) is not None:
                shape = _sizes(args, kwargs)
            elif func is torch.full:
                shape = _sizes(args[:1], kwargs)
                value = args[1] if len(args) > 1 else kwargs["fill_value"]

                def make(_: Any, **more: Any) -> torch.Tensor:
                    return torch.full((), value, **more)

            elif (make := _LIKE.get(func)) is not None:
                source = args[0] if args else kwargs["input"]
                shape = source.shape
                options = {"dtype": source.dtype, "device": source.device, **options}
            elif (make := _NEW.get(func)) is not None:
                shape = _sizes(args[1:], kwargs)
                options = {"dtype": args[0].dtype, "device": args[0].device, **options}
            else:
                return None
            if shape.numel() < LARGE or torch.device(options.get("device") or "cpu").type == "meta":
                return None
            wants_gradient = options.pop("requires_grad", False)
            made: torch.Tensor = make((), **options).expand(shape)
            return made.requires_grad_() if wants_gradient else made
        except (TypeError, ValueError, KeyError, AttributeError, RuntimeError):
            return None  # a call that is wrong: torch itself shall say so


def is_hollow(tensor: torch.Tensor) -> bool:
    """Whether a tensor is one number, seen as many."""
    try:
        return tensor.numel() >= 2 and not any(
            stride for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1
        )
    except (RuntimeError, NotImplementedError, ValueError):  # it has no strides
        return False


def _sizes(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.Size:
    sizes = args or (kwargs["size"],)
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    return torch.Size(sizes)


def _writes(func: Callable[..., Any]) -> bool:
    name = getattr(func, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name == "__setitem__"
