"""Arguments of torchinfo's `summary`, checked and in the form that netinspect takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar

from netinspect._utils.classes import plain_name
from netinspect.errors import suggestion
from netinspect.integrations.torchinfo.enums import ColumnSettings, Mode, RowSettings
from netinspect.integrations.torchinfo.errors import (
    InvalidCallError,
    InvalidTypeError,
    InvalidValueError,
)
from netinspect.integrations.torchinfo.formatting import FormattingOptions

if TYPE_CHECKING:
    import torch

Name = TypeVar("Name", ColumnSettings, RowSettings, Mode)

_NEED_INPUT = (ColumnSettings.INPUT_SIZE, ColumnSettings.OUTPUT_SIZE, ColumnSettings.MULT_ADDS)


def check_model(model: object) -> None:
    """Refuse what is not a live module.

    Raises:
        InvalidTypeError: It is a class, a name or something else.
    """
    import torch

    if isinstance(model, torch.nn.Module):
        return
    if isinstance(model, type) and issubclass(model, torch.nn.Module):
        name = plain_name(model)
        raise InvalidTypeError(
            f"expected an nn.Module, got the class {name}", hint=f"build it first: {name}()"
        )
    hint = "netinspect.summary also takes names of files and models"
    raise InvalidTypeError(
        f"expected an nn.Module, got {plain_name(type(model))}",
        hint=hint if isinstance(model, (str, os.PathLike)) else None,
    )


def read_formatting(
    *,
    col_names: Iterable[str] | None,
    col_width: int,
    depth: int,
    row_settings: Iterable[str] | None,
    verbose: int,
    has_input: bool,
) -> FormattingOptions:
    """Return the options of the table.

    Raises:
        InvalidTypeError: `depth` is not a number.
        InvalidValueError: A name or a number is not accepted, or a column needs an input.
    """
    if col_names is None:
        columns: tuple[ColumnSettings, ...] = (ColumnSettings.NUM_PARAMS,)
        if has_input:
            columns = (ColumnSettings.OUTPUT_SIZE, *columns)
    else:
        columns = tuple(read_name(ColumnSettings, name, "col_names") for name in _several(col_names))
    rows = ("depth",) if row_settings is None else _several(row_settings)
    if col_width <= 0:
        raise InvalidValueError(f"expected a col_width above 0, got {col_width}")
    if not _is_number(depth):
        raise InvalidTypeError(
            f"expected a number as depth, got {depth!r}", hint="depth=99 shows all levels"
        )
    if verbose not in (0, 1, 2):
        raise InvalidValueError(
            f"expected verbose 0, 1 or 2, got {verbose!r}",
            hint="0 prints nothing, 1 the table, 2 also the parameters of each layer",
        )
    if not has_input and (needy := [each for each in columns if each in _NEED_INPUT]):
        raise InvalidValueError(
            f"the columns {', '.join(needy)} need an input, and none was given",
            hint="give input_size=(1, 3, 224, 224), or input_data with tensors of your own",
        )
    return FormattingOptions(
        max_depth=depth,
        verbose=int(verbose),
        col_names=columns,
        col_width=col_width,
        row_settings=frozenset(read_name(RowSettings, name, "row_settings") for name in rows),
    )


def _several(names: Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def read_name(names: type[Name], name: str, argument: str) -> Name:
    """Return the member of an enumeration for its name, or for the member itself.

    Raises:
        InvalidValueError: There is no such name.
    """
    known = [member.value for member in names]
    if name not in known:
        raise InvalidValueError(
            f"{argument} does not have {name!r}",
            hint=suggestion(str(name), known) or f"expected {', '.join(known)}",
        )
    return names(name)


def read_device(device: str | torch.device | None) -> torch.device | None:
    """Return a device.

    Raises:
        InvalidCallError: There is no such device.
    """
    import torch

    if device is None or isinstance(device, torch.device):
        return device
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise InvalidCallError(
            f"{device!r} is not a device", hint="expected a device such as cpu or cuda:0"
        ) from error


def read_sizes(input_size: Any) -> list[Sequence[int]]:
    """Return the sizes of all inputs: of one from `(1, 3)` or `[1, 3]`, else from a sequence of sizes.

    Raises:
        InvalidTypeError: It is not a list or tuple, or contains something that is not a whole number.
        InvalidValueError: It is empty, or has a size of 0 or less.
    """
    hint = "write it like (1, 3, 224, 224), or [(1, 128), (1, 10)] for two inputs"
    if not isinstance(input_size, (list, tuple)):
        raise InvalidTypeError(
            f"expected a list or tuple as input_size, got {type(input_size).__name__}", hint=hint
        )
    several = any(isinstance(each, (list, tuple)) for each in input_size)
    sizes = list(input_size) if several else [input_size]
    for size in sizes:
        if not isinstance(size, (list, tuple)) or not all(map(_is_whole, size)):
            raise InvalidTypeError(f"expected whole numbers in input_size, got {size!r}", hint=hint)
        if any(each <= 0 for each in size):
            raise InvalidValueError(f"expected sizes above 0 in input_size, got {size!r}", hint=hint)
    if not input_size:
        raise InvalidValueError("input_size is empty", hint=hint)
    return sizes


def _is_number(value: object) -> bool:
    return isinstance(value, Real)


def _is_whole(size: object) -> bool:
    return hasattr(type(size), "__index__") and not isinstance(size, bool)


def read_dtypes(dtypes: Any, count: int) -> list[Any] | None:
    """Return a dtype for each size; None where none was given, so that it is inferred.

    Args:
        dtypes: Dtypes, or torch's old tensor types such as `torch.LongTensor`; one, or several.
        count: Number of sizes.
    """
    if dtypes is None:
        return None
    given = list(dtypes) if isinstance(dtypes, (list, tuple)) else [dtypes]
    return given[:count] + [None] * (count - len(given))


def sizes_of(data: Any) -> Any:
    """Return input data with the size of each tensor in its place."""
    import torch

    if isinstance(data, torch.Tensor):
        return data.size()
    if type(data).__module__ == "numpy" and hasattr(data, "shape"):
        return torch.Size(data.shape)
    if isinstance(data, Mapping):
        return {key: sizes_of(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(sizes_of, data))
    return type(data)(map(sizes_of, data)) if type(data) in (list, tuple) else data
