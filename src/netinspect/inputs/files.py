"""Inputs from files of NumPy, torch and safetensors; only tensors, and no code in a file is executed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netinspect.errors import UsageError, class_name, message_of
from netinspect.inputs.infer.model_facts import device_of
from netinspect.tracing.safe_access import is_a, items_of

SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".safetensors")


def read_inputs(texts: tuple[str, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read the arguments of forward from files.

    Args:
        texts: `FILE` or `NAME=FILE` each. A file with one tensor is the next argument, or the named one.
            A file with a dictionary of tensors gives arguments by its keys.

    Returns:
        Positional and keyword arguments.

    Raises:
        UsageError: A file cannot be read, or contains objects other than tensors.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        name, equals, file = text.rpartition("=")
        if equals and not name.isidentifier():
            name, file = "", text
        loaded = _read(Path(file))
        if isinstance(loaded, torch.Tensor):
            if name:
                kwargs[name] = loaded
            else:
                args.append(loaded)
        elif name:
            kwargs[name] = loaded
        elif isinstance(loaded, dict):
            kwargs.update(loaded)
        else:
            args += loaded
    return tuple(args), kwargs


def _read(file: Path) -> Any:
    readers = {
        ".npy": _numpy,
        ".npz": _numpy,
        ".pt": _torch,
        ".pth": _torch,
        ".safetensors": _safetensors,
    }
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise _unreadable(file, f"expected a suffix of {', '.join(SUFFIXES)}")
    try:
        mode = os.stat(file).st_mode
    except FileNotFoundError as error:
        raise _unreadable(file, "the file does not exist") from error
    except (OSError, ValueError) as error:
        raise _unreadable(file, getattr(error, "strerror", None) or str(error)) from error
    if not stat.S_ISREG(mode):
        raise _unreadable(file, "it is not a regular file")
    try:
        loaded = reader(file)
    except UsageError:
        raise
    except Exception as error:  # readers raise many types on invalid files
        cause = message_of(error).partition("\n")[0] or class_name(type(error))
        raise _unreadable(file, cause) from error
    if not _holds_tensors_only(loaded):
        raise _unreadable(file, "it contains objects other than tensors")
    return loaded


def _numpy(file: Path) -> Any:
    import numpy

    loaded = numpy.load(file, allow_pickle=False)
    if isinstance(loaded, numpy.ndarray):
        return torch.from_numpy(loaded)
    with loaded:
        return {name: torch.from_numpy(loaded[name]) for name in loaded.files}


def _torch(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


def _safetensors(file: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise UsageError(
            f"cannot read {file}: safetensors is not installed", hint="pip install safetensors"
        ) from error
    loaded = load_file(file)
    return next(iter(loaded.values())) if len(loaded) == 1 else loaded


def _holds_tensors_only(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _holds_tensors_only(each) for key, each in value.items())
    if isinstance(value, (tuple, list)):
        return all(map(_holds_tensors_only, value))
    return isinstance(value, torch.Tensor)


def _unreadable(file: Path, cause: str) -> UsageError:
    return UsageError(
        f"cannot read inputs from {file}",
        cause=cause,
        hint="save the inputs as a NumPy array, or as tensors with torch.save or safetensors",
    )


def place_on(model: nn.Module, value: Any) -> Any:
    """Move the tensors in a value to the device of a model."""
    return _moved(value, device_of(model))


def _moved(value: Any, device: torch.device) -> Any:
    if is_a(value, torch.Tensor):
        return value.to(device)
    if is_a(value, dict):
        return {key: _moved(each, device) for key, each in items_of(value)}
    if type(value) is tuple or type(value) is list:
        return type(value)(_moved(each, device) for each in value)
    return value
