"""Shell completion of values: columns, sort keys, groupings, tensor modes and module paths; no torch."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SORTED = {
    "summary": ("summary.compute:ROW_KEYS", "summary.checkpoint_compute:ROW_KEYS"),
    "params": ("params.compute:ROW_KEYS", "params.compute:STORED_STATISTICS_ROW_KEYS"),
    "params without --stats": ("params.compute:ROW_KEYS", "params.compute:STORED_ROW_KEYS"),
    "params --stats": (
        "params.compute:STATISTICS_ROW_KEYS",
        "params.compute:STORED_STATISTICS_ROW_KEYS",
    ),
    "cost": ("cost.compute:ROW_KEYS",),
    "diff": ("diff.row_keys:ROW_KEYS",),
}
"""Declarations of the sort keys of each command: of models, and of checkpoints."""

_COMPUTED = {
    "summary": "uncounted",
    "params": "file offset storage sharing storage_bytes member section mean std min max zeros nan inf "
    "q01 q25 median q75 q99",
    "cost": "module function operator line uncounted",
    "tree": "params elements",
    "memory": "parameters buffers inputs gradients optimizer_states activations temporaries",
    "diff": "new_name",
}
"""Columns whose keys are computed, and so are not in the text of the layout."""

_LAYOUTS = ("*layout*.py", "columns.py")
_TENSOR_MODES = ("auto", "real", "zeros", "meta", "fake")


def sort_keys(command: str) -> list[str]:
    """Return the keys of `--sort` of a command, of models first; its reports are imported only now."""
    found: list[str] = []
    for place in _SORTED.get(command, ()):
        module, _, name = place.partition(":")
        found += getattr(import_module(f"netinspect.reports.{module}"), name).names
    return list(dict.fromkeys(found))


def check_sort_key(command: str, sort: str | None, *, of_checkpoint: bool = False) -> None:
    """Check the key of `--sort` before a model runs.

    Args:
        command: The command.
        sort: The key; None for the order of the model.
        of_checkpoint: Whether the rows are those of a checkpoint.

    Raises:
        UsageError: Rows cannot be sorted by it.
    """
    if sort is not None:
        places = _SORTED[command]
        module, _, name = places[-1 if of_checkpoint else 0].partition(":")
        getattr(import_module(f"netinspect.reports.{module}"), name).resolve(sort)


def complete_sort_key(ctx: Any, incomplete: str) -> list[str]:
    """Complete a key of `--sort`."""
    return _starting_with(incomplete, sort_keys(ctx.info_name))


def column_keys(command: str) -> list[str]:
    """Return the keys of the columns of a command, read from the source of its layout.

    Which columns a view has depends on its report; so these are the columns of any of its views.
    """
    specification = find_spec(f"netinspect.reports.{command}")
    found: list[str] = []
    for folder in (specification and specification.submodule_search_locations) or ():
        for file in sorted(file for pattern in _LAYOUTS for file in Path(folder).glob(pattern)):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func).lower().endswith("column"):
                    keys = [each.value for each in node.keywords if each.arg == "key"]
                    for key in (keys or node.args)[:1]:
                        if isinstance(key, ast.Constant) and isinstance(key.value, str):
                            found.append(key.value)
    return list(dict.fromkeys((*found, *_COMPUTED.get(command, "").split())))


def complete_columns(ctx: Any, incomplete: str) -> list[str]:
    """Complete the last of several columns with commas between them."""
    before, comma, last = incomplete.rpartition(",")
    chosen = before.split(",")
    keys = [each for each in column_keys(ctx.info_name) if each not in chosen]
    return [f"{before}{comma}{each}" for each in _starting_with(last, keys)]


def complete_grouping(incomplete: str) -> list[str]:
    """Complete what the rows of `cost` are."""
    from netinspect.reports.cost.compute import GROUPINGS

    return _starting_with(incomplete, GROUPINGS)


def complete_tensor_mode(incomplete: str) -> list[str]:
    """Complete a tensor mode."""
    return _starting_with(incomplete, _TENSOR_MODES)


def complete_module(ctx: Any, incomplete: str) -> list[str]:
    """Complete a module path, level by level, if the target was traced before or is stored in a file."""
    from netinspect.errors import NetinspectError

    paths: Sequence[str] = ()
    with suppress(NetinspectError, OSError):  # whatever is wrong, the command reports it
        paths = _module_paths(ctx.params.get("target") or "lenet")
    matching = _starting_with(incomplete, paths)
    level = incomplete.count(".")
    found = [each for each in matching if each.count(".") == level]
    # After a whole path, its children.
    return (
        found if found != [incomplete] else [each for each in matching if each.count(".") <= level + 1]
    )


def _module_paths(text: str) -> list[str]:
    from netinspect.records.request import TraceRequest
    from netinspect.runner.cached_traces import peek_trace
    from netinspect.runner.stored_files import read_checkpoint, read_saved
    from netinspect.targets.target import parse_target

    target = parse_target(text)
    if target.kind == "hub":
        return []
    if target.is_checkpoint:
        names = (each.name for each in read_checkpoint(target).tensors)
        parents = (name.split(".")[:count] for name in names for count in range(1, name.count(".") + 1))
        return list(dict.fromkeys(".".join(parts) for parts in parents))
    if target.kind == "saved":
        trace = read_saved(target.place, text)
    elif (cached := peek_trace(TraceRequest(target=target))) is not None:
        trace = cached
    else:
        return []
    return [each.path for each in trace.modules if each.path]


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _starting_with(incomplete: str, words: Iterable[str]) -> list[str]:
    return [each for each in words if each.startswith(incomplete)]
