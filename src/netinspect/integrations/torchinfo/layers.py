"""Rows of a summary in torchinfo's order, from a trace and its `summary` report.

The rows are in the order of the calls, at the levels of the module tree. A container such as
`ModuleList` is not called; it has a row before the first row of a module in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from netinspect.integrations.torchinfo.layer_info import Amounts, HeldParameter, LayerInfo
from netinspect.integrations.torchinfo.module_tree import ModuleTree, entries_of, upwards
from netinspect.records.modules import Module
from netinspect.records.trace import Trace
from netinspect.records.values import Value, tensors_in

if TYPE_CHECKING:
    from netinspect.records.tensors import Parameter
    from netinspect.reports.summary.record import Summary, SummaryRow


@dataclass(slots=True)
class _Entry:
    """A row before amounts are distributed."""

    path: str
    """Path by which the module was called."""

    module: Module
    call: SummaryRow | None = None
    """None for a row that is not a call."""

    parent: int | None = None
    own: Amounts = field(default_factory=Amounts)
    held: list[HeldParameter] = field(default_factory=list)


def list_layers(trace: Trace, report: Summary, model: nn.Module) -> list[LayerInfo]:
    """Return the rows of a model.

    Args:
        trace: The trace; without a run, the rows are in the order of the constructors.
        report: The summary of the trace, in the order of the calls, not folded.
        model: The live model.
    """
    tree = ModuleTree(trace, model)
    entries = _called(tree, report.rows) if trace.ran else _defined(tree)
    _distribute(tree, entries)
    return _finish(tree, entries)


def _called(tree: ModuleTree, rows: Sequence[SummaryRow]) -> list[_Entry]:
    """Return an entry for each call, and one for each container around it."""
    entries: list[_Entry] = []
    open_paths: list[tuple[str, int]] = []
    """Path and entry of each level of the last row."""

    calling: list[int] = []
    """The entries of the calls that are running."""

    numbers = Counter[tuple[int, str]]()
    for row in rows:
        if not row.calls and row.depth:
            break  # modules that were not called come last
        del calling[row.depth :]
        path = _path_in_call(tree, row, entries[calling[-1]].path if calling else "", numbers, calling)
        above = [each for each in reversed([*upwards(path)]) if each != path]
        same = 0
        while same < min(len(above), len(open_paths)) and open_paths[same][0] == above[same]:
            same += 1
        del open_paths[same:]
        for each in (*above[same:], path):
            parent = open_paths[-1][1] if open_paths else None
            entry = _Entry(each, tree.module_at(each), row if each == path else None, parent)
            open_paths.append((each, len(entries)))
            entries.append(entry)
        calling.append(len(entries) - 1)
        if _is_script(tree, row.path):
            _add_inner(tree, entries, len(entries) - 1)
    return entries


def _path_in_call(
    tree: ModuleTree,
    row: SummaryRow,
    caller: str,
    numbers: Counter[tuple[int, str]],
    calling: Sequence[int],
) -> str:
    """Return the path by which a module was called: one below the calling module if there is one.

    A module with several names in it is called by them in turn, as in a `Sequential`.
    """
    paths = [*tree.paths_of(row.path)]
    if len(paths) == 1 or not calling:
        return row.path
    inside = [path for path in paths if not caller or path.startswith(f"{caller}.")] or paths
    nearest = min(path.count(".") for path in inside)
    inside = [path for path in inside if path.count(".") == nearest]
    number = numbers[calling[-1], row.path]
    numbers[calling[-1], row.path] += 1
    return inside[number % len(inside)]


def _is_script(tree: ModuleTree, path: str) -> bool:
    """Return whether calls in a module are not visible, because TorchScript makes them."""
    return isinstance(tree.live.get(path), torch.jit.ScriptModule)


def _add_inner(tree: ModuleTree, entries: list[_Entry], parent: int) -> None:
    """Add entries of all modules in a module, which are not calls."""
    waiting = [(path, parent) for path in reversed(entries[parent].module.children)]
    while waiting:
        path, above = waiting.pop()
        module = tree.module_at(path)
        entries.append(_Entry(path, module, None, above))
        if tree.modules[path].alias_of is None:
            at = len(entries) - 1
            waiting += [(child, at) for child in reversed(module.children)]


def _defined(tree: ModuleTree) -> list[_Entry]:
    """Return an entry for each module, in the order of the constructors."""
    entries = [_Entry("", tree.modules[""])]
    _add_inner(tree, entries, 0)
    return entries


def _distribute(tree: ModuleTree, entries: Sequence[_Entry]) -> None:
    """Give each parameter to the first row of the module that holds it, and each call its own MACs.

    A parameter of a module without a row, such as one that was not called, is given to the row of the
    nearest module above it.
    """
    rows: dict[str, int] = {}
    given: set[int] = set()
    for at, entry in enumerate(entries):
        path = entry.module.path
        rows.setdefault(path, at)
        new: dict[int, Parameter] = {}
        for parameter in tree.parameters.get(path, ()):
            identity = parameter.identity
            entry.held.append(_held(tree, parameter, tied=identity in given and identity not in new))
            if identity not in given:
                given.add(identity)
                new[identity] = parameter
        entry.own += tree.amounts(new)
        if entry.call is not None:
            entry.own += Amounts(macs=entry.call.own_cost.macs)
    for identity, parameter in tree.branches[""].items():
        if identity not in given:
            path = next(path for path in upwards(tree.first_path(parameter.module)) if path in rows)
            entries[rows[path]].own += tree.amounts({identity: parameter})


def _held(tree: ModuleTree, parameter: Parameter, *, tied: bool) -> HeldParameter:
    name = parameter.name.removeprefix(f"{parameter.module}." if parameter.module else "")
    elements = tree.sizes[parameter.identity]
    return HeldParameter(name=name, shape=parameter.spec.shape, elements=elements, tied=tied)


def _finish(tree: ModuleTree, entries: Sequence[_Entry]) -> list[LayerInfo]:
    rows: list[LayerInfo] = []
    numbers = Counter[int]()
    seen: set[str] = set()
    for at, entry in enumerate(entries):
        module, call = entry.module, entry.call
        depth = entry.path.count(".") + 1 if entry.path else 0
        numbers[depth] += 1
        live = tree.live.get(module.path)
        branch = tree.branch_amounts(module.path)
        outputs = [*tensors_in(call.output)] if call is not None else []
        rows.append(
            LayerInfo(
                module=live,
                path=entry.path,
                var_name=entry.path.rpartition(".")[2] or module.class_name,
                class_name=_class_name(module, live),
                depth=depth,
                depth_index=numbers[depth],
                executed=call is not None and call.calls > 0,
                is_leaf_layer=not module.children,
                is_repeated=module.path in seen,
                contains_lazy_param=live is not None and any(map(_is_lazy, _parameters_in(live))),
                inputs=() if call is None else call.inputs,
                output=None if call is None else call.output,
                input_size=_first_shape(call.inputs if call is not None else ()),
                output_size=_first_shape((call.output,) if call is not None and call.output else ()),
                output_bytes=sum(spec.bytes for spec in outputs),
                kernel_size=_sizes_of(live, "kernel_size"),
                groups=_number_of(live, "groups"),
                branch=branch if call is None else branch + Amounts(macs=call.cost.macs),
                own=entry.own,
                parameters=tuple(entry.held),
                is_lower_bound=call is not None and bool(call.own_cost.uncounted),
                _rows=rows,
                _index=at,
                _parent=entry.parent,
            )
        )
        seen.add(module.path)
    return rows


def _class_name(module: Module, live: nn.Module | None) -> str:
    """Return the name of a class; of a scripted module that of the class that was scripted."""
    name = getattr(live, "original_name", None) if isinstance(live, torch.jit.ScriptModule) else None
    return name if isinstance(name, str) else module.class_name


def _first_shape(values: Sequence[Value]) -> list[int]:
    spec = next((spec for value in values for spec in tensors_in(value)), None)
    return [] if spec is None else [size for size in spec.shape if isinstance(size, int)]


def _parameters_in(module: nn.Module) -> list[Any]:
    return [each for each in entries_of(module, "_parameters").values() if each is not None]


def _is_lazy(parameter: object) -> bool:
    return isinstance(parameter, (nn.UninitializedParameter, nn.UninitializedBuffer))


def _sizes_of(module: nn.Module | None, name: str) -> int | list[int] | None:
    """Return a size or sizes from an attribute of a module; None without one."""
    found = None if module is None else module.__dict__.get(name)
    if isinstance(found, torch.Tensor):
        found = None if found.device.type == "meta" else found.tolist()
    if isinstance(found, (tuple, list)) and all(isinstance(each, int) for each in found):
        return list(found)
    return found if isinstance(found, int) else None


def _number_of(module: nn.Module | None, name: str) -> int | None:
    found = None if module is None else module.__dict__.get(name)
    return found if isinstance(found, int) else None
