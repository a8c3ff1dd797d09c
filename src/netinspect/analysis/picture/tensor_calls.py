"""Calls that stand for the names of a checkpoint without a graph, for its picture."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.analysis.checkpoints.name_tree import Branch, build_branches
from netinspect.analysis.picture.calls import Call, connect
from netinspect.analysis.picture.file_calls import root_label, trainability_of
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.picture import Template
from netinspect.records.report_header import Operand
from netinspect.records.values import TensorSpec

_LONGEST_FACTS = 80
_MOST_NAMED = 3


def calls_of_tensors(checkpoint: Checkpoint) -> list[Call]:
    """Return the tree of the dotted names of a checkpoint as calls without data flow."""
    calls: list[Call] = []
    waiting: list[tuple[Branch, int | None]] = [(build_branches(checkpoint), None)]
    while waiting:
        branch, parent = waiting.pop()
        index = len(calls)
        label = root_label(checkpoint) if parent is None and not branch.class_path else ""
        calls.append(Call(parent, _template(branch, label), branch.path))
        waiting += [(child, index) for child in reversed(branch.children.values())]
    connect(calls)
    return calls


def _label(branch: Branch) -> str:
    """Return the dtypes of a branch without others in it, or the number of its tensors."""
    is_leaf = not branch.children and len(branch.dtypes) <= _MOST_NAMED
    return ", ".join(branch.dtypes) if is_leaf else units.plural(branch.count, "tensor")


def _template(branch: Branch, label: str) -> Template:
    facts = ", ".join(
        f"{key} {'x'.join(map(str, each.shape)) or '1'}"
        for key, each in zip(branch.keys, branch.tensors, strict=True)
    )
    return Template(
        kind="module",
        label=label or branch.class_name or _label(branch),
        qualified_name=branch.class_path,
        facts=facts if len(facts) <= _LONGEST_FACTS else f"{facts[: _LONGEST_FACTS - 3]}...",
        inputs=tuple(
            Operand(
                name=key,
                spec=TensorSpec(
                    shape=each.shape, dtype=each.dtype, device="", bytes=each.bytes, layout=each.layout
                ),
            )
            for key, each in zip(branch.keys, branch.tensors, strict=True)
        ),
        parameters=branch.elements,
        parameter_bytes=branch.bytes,
        trainable=trainability_of(branch.tensors),
    )
