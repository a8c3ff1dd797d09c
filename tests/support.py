"""Helpers of several test files: outcome of a command, golden files, measurements."""

from __future__ import annotations

import cProfile
import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from netinspect.api.command_names import COMMANDS
from netinspect.rendering.html import style_sheet

if TYPE_CHECKING:
    import torch
    from torch import nn

    from netinspect.records.request import Target

MODEL_COMMANDS = tuple(
    each
    for each in COMMANDS
    if "model" in inspect.signature(import_module(f"netinspect.cli.{each}").command).parameters
)
"""Commands with the options of a model."""

TABLE_COMMANDS = tuple(each for each in MODEL_COMMANDS if each != "page")
"""Those of them that write tables and text in every format."""

# Not from torch itself: processes whose memory is measured import this file.
TORCH = tuple(map(int, version("torch").split(".")[:2]))
"""Major and minor version of torch."""

_FIRST_TORCH = {"float8_e8m0fnu": (2, 7), "float4_e2m1fn_x2": (2, 8)}
"""First versions of torch with dtypes that the oldest supported torch does not have."""

GOLDEN = Path(__file__).parent / "golden"

PATIENCE = 600.0
"""Timeout in seconds of a process that should end; it is not a performance bound."""

IS_CI = bool(os.environ.get("CI"))
"""Read when tests are collected, before their environment is replaced."""


def fail_or_skip(tool: str) -> NoReturn:
    """Skip a test because a tool is missing; with `CI` set, fail it."""
    import pytest

    if IS_CI:
        pytest.fail(f"needs {tool}; .ci/run installs such programs")
    pytest.skip(f"needs {tool}")


def torch_dtypes(*names: str) -> list[torch.dtype]:
    """Return dtypes by name, without those that only newer versions of torch have."""
    torch = import_module("torch")
    return [getattr(torch, name) for name in names if _FIRST_TORCH.get(name, (0, 0)) <= TORCH]


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


def command_line(command: str, target: str) -> list[str]:
    """Return the words of a command about a model; some commands take no model, and diff takes two."""
    return [command, *[target] * (command in MODEL_COMMANDS), *[target] * (command == "diff")]


def build_module(target: Target, arguments: Mapping[str, Any], *, seed: int) -> nn.Module:
    """Import a target and construct the model with real weights."""
    from netinspect.targets.model_factory import find_factory

    return find_factory(target, arguments, seed=seed).build()[0]


def peak_memory() -> int:
    """Return the peak memory of this process in bytes.

    `ru_maxrss` is not used if possible, because a process inherits it from its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (found,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        return int(found) << 10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def calls_of(function: Callable[[], object]) -> int:
    """Count the Python and C function calls of one call, in this thread.

    The number is the same on every machine. Work within one C function is not counted.
    """
    # The profiler in C takes a tenth of the time of a Python callback.
    profiler = cProfile.Profile(subcalls=False)
    profiler.enable()
    try:
        function()
    finally:
        profiler.disable()
    return sum(each.callcount for each in profiler.getstats())


def assert_golden(name: str, text: str) -> None:
    """Compare text with a golden file; `UPDATE_GOLDEN=1 pytest` rewrites the file.

    The file of an HTML page refers to the style sheet, which the page has to contain whole.
    """
    file = GOLDEN / name
    if name.endswith(".html"):
        assert text.count(style_sheet()) == 1
        text = text.replace(style_sheet(), "(html.css)\n")
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"golden file {name} does not exist; create it with UPDATE_GOLDEN=1"
    assert text == file.read_text(encoding="utf-8")
