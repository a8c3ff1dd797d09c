"""Arguments of forward, as a caller describes them: `input_size`, `input_data`, `dtypes`, `kwargs`.

Sizes become input specs, as those of the command line, from which the runner makes tensors on the device
of the model. Torch is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

from netinspect._utils.classes import plain_name
from netinspect._utils.tensors import DTYPES, MAXIMUM_ELEMENTS, dtype_named, fits
from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record

_SIZES = "write it like input_size=(1, 3, 224, 224), or [(1, 128), (1, 10)] for two inputs"


@record
class ForwardInputs:
    """Arguments of one call of forward: values, input specs of tensors to make, or both."""

    args: tuple[Any, ...] | None = None
    """Positional arguments; None if the caller gave none."""

    kwargs: Mapping[str, Any] | None = None
    specs: tuple[str, ...] = ()


def read_inputs(
    args: Sequence[Any] | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    inputs: str | Sequence[str] = (),
    input_size: Any = None,
    input_data: Any = None,
    dtypes: Any = None,
    batch_dim: int | None = None,
) -> ForwardInputs:
    """Return the arguments of forward that a caller describes.

    Args:
        args: Positional arguments of forward; None or empty for none.
        kwargs: Keyword arguments of forward, next to whatever the other ones describe.
        inputs: Input specs, such as `ids=2x16:int64`; one, or several.
        input_size: One size, such as `(1, 3, 224, 224)`; a list or tuple of sizes; or sizes by the names
            of arguments. They contain the batch, unless there is a `batch_dim`.
        input_data: A list or tuple of positional arguments, a mapping of keyword arguments, or anything
            else as the only argument.
        dtypes: Dtypes for the sizes, as of torch or by name, in their order or by their names.
        batch_dim: Dimension at which a batch of 1 is inserted into each size; None for no dimension.

    Raises:
        UsageError: A size or dtype cannot be read, or there are several sources of inputs.
    """
    sources = {
        "*args": bool(args),
        "inputs": bool(inputs),
        "input_size": input_size is not None,
        "input_data": input_data is not None,
    }
    chosen = [name for name, is_given in sources.items() if is_given]
    if len(chosen) > 1:
        raise UsageError(
            f"expected one source of inputs, got {' and '.join(chosen)}",
            hint="give only one of them; kwargs={...} may accompany each",
        )
    if dtypes is not None and input_size is None:
        raise UsageError(
            "dtypes are for the tensors of input_size, which is not given",
            hint="leave dtypes out: tensors of your own have their dtypes",
        )
    if input_size is not None:
        return ForwardInputs(kwargs=kwargs, specs=_specs(input_size, dtypes, batch_dim))
    if input_data is not None:
        args, named = _arguments(input_data)
        return ForwardInputs(args=args, kwargs={**named, **(kwargs or {})})
    specs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    return ForwardInputs(args=tuple(args) if args else None, kwargs=kwargs, specs=specs)


def _arguments(data: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(data, Mapping):
        if not all(isinstance(name, str) for name in data):
            raise UsageError(
                "expected names of arguments as keys of input_data",
                hint="put a dictionary that forward takes as one argument in a list: input_data=[batch]",
            )
        return (), dict(data)
    # A named tuple is one argument: its class means something to forward.
    return (tuple(data) if type(data) in (list, tuple) else (data,)), {}


def _specs(sizes: Any, dtypes: Any, batch_dim: int | None) -> tuple[str, ...]:
    named = _by_name(sizes)
    types = map(_dtype, _dtypes(dtypes, [*named]))
    return tuple(
        f"{name}=" * isinstance(name, str)
        + ("x".join(map(str, _shape(size, batch_dim))) or "scalar")
        + ("" if dtype is None else f":{dtype}")
        for (name, size), dtype in zip(named.items(), types, strict=True)
    )


def _by_name(sizes: Any) -> dict[str | int, Any]:
    """Return sizes by their names, or by their positions without names."""
    if isinstance(sizes, Mapping):
        for name in sizes:
            if not (isinstance(name, str) and all(map(str.isidentifier, name.split(".")))):
                raise UsageError(
                    f"expected names of arguments of forward in input_size, got {name!r}",
                    hint='write it like input_size={"ids": (1, 128), "mask": (1, 128)}',
                )
        return dict(sizes)
    if not isinstance(sizes, (list, tuple)):
        raise UsageError(
            f"expected sizes in input_size, got {plain_name(type(sizes))}",
            hint="tensors of your own are given as input_data" if hasattr(sizes, "shape") else _SIZES,
        )
    several = bool(sizes) and all(isinstance(size, (list, tuple)) for size in sizes)
    return dict(enumerate(sizes if several else [sizes]))


def _shape(size: Any, batch_dim: int | None) -> tuple[int, ...]:
    try:
        shape = [index(each) for each in size]
    except TypeError:
        shape = [-1]
    if any(each < 0 or isinstance(given, bool) for each, given in zip(shape, size, strict=False)):
        raise UsageError(f"expected whole numbers from 0 in input_size, got {size!r}", hint=_SIZES)
    if batch_dim is not None:
        if not -len(shape) - 1 <= batch_dim <= len(shape):
            raise UsageError(
                f"batch_dim {batch_dim} is not a dimension of {size!r}",
                hint=f"expected {-len(shape) - 1} to {len(shape)}",
            )
        shape.insert(batch_dim if batch_dim >= 0 else len(shape) + 1 + batch_dim, 1)
    if not fits(shape):
        raise UsageError(
            f"input_size is too large: {size!r}",
            cause=f"no more than {MAXIMUM_ELEMENTS:,} elements fit in memory",
            hint="give smaller sizes",
        )
    return tuple(shape)


def _dtype(given: Any) -> str | None:
    """Return the name of a dtype: of torch's or NumPy's, a type of tensors, or a name of one of them."""
    if given is None:
        return None
    kind = getattr(given, "dtype", given)  # of a type of tensors, such as torch.LongTensor
    text = (
        given.__name__ if isinstance(given, type) and not str(kind).startswith("torch.") else str(kind)
    )
    text, colon, values = text.partition(":")  # of a name with a range of values, as in int64:0..9
    name = dtype_named(text)
    if name not in DTYPES or any(given is each for each in (bool, int, float)):
        near = suggestion(name, DTYPES)
        listed = ", ".join(f"torch.{each}" for each in DTYPES)
        raise UsageError(
            f"expected a dtype in dtypes, got {given!r}",
            hint=near or f"one of {listed}; tensors of other dtypes are given as input_data",
        )
    return f"{name}{colon}{values}"


def _dtypes(dtypes: Any, names: list[str | int]) -> list[Any]:
    if dtypes is None:
        return [None] * len(names)
    if isinstance(dtypes, Mapping):
        if unknown := [name for name in dtypes if name not in names]:
            raise UsageError(
                f"input_size has no {unknown[0]!r}, which dtypes has",
                hint=f"the sizes are: {', '.join(map(str, names))}",
            )
        chosen = [dtypes.get(name) for name in names]
    else:
        chosen = list(dtypes) if isinstance(dtypes, (list, tuple)) else [dtypes]
    if len(chosen) != len(names):
        raise UsageError(
            f"expected a dtype for each of the {len(names)} sizes, got {len(chosen)}",
            hint="write it like dtypes=[torch.int64, torch.float32]",
        )
    return chosen
