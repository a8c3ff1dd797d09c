"""Identical modules of a trace, and the tensors registered on a module."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from netinspect.analysis.module_index import Structure
from netinspect.analysis.repeats import Repeats, without_numbers
from netinspect.records.steps import Step
from netinspect.records.tensors import Parameter, RegisteredTensor
from netinspect.records.values import tensors_in


def find_repeats(structure: Structure, top: str = "", *, calls: bool) -> Repeats[str]:
    """Find identical modules of a trace, by path.

    Modules are identical if they have the same class, constructor facts, mode, hooks, tensors and
    submodules. The names of the siblings of one run differ in a number only, as `0` and `1` or `layer1`
    and `layer2`.

    Args:
        structure: Index of the trace.
        top: Path of the module at the top.
        calls: Whether identical modules also have equal shapes and costs in each of their calls.
    """
    facts = _Facts(structure, calls=calls)
    return Repeats(top, partial(_children, structure), facts.of, label_key=without_numbers)


def _children(structure: Structure, path: str) -> dict[str, str]:
    module = structure.modules[path]
    if module.alias_of is not None:
        return {}
    return {structure.modules[child].name: child for child in module.children}


class _Facts:
    """Properties that identical modules have in common apart from their submodules."""

    def __init__(self, structure: Structure, *, calls: bool) -> None:
        self._structure = structure
        self._calls = calls
        self._never_called = set(structure.never_called())

    def of(self, path: str) -> Hashable:
        """Return the facts of a module."""
        structure = self._structure
        module = structure.modules[path]
        tensors = own_tensors(structure, path)
        calls = structure.calls.get(path, ()) if self._calls else ()
        return (
            module.class_path,
            module.extra,
            module.training,
            module.hooks,
            tuple(
                (
                    local_name(each),
                    each.spec.shape,
                    each.spec.dtype,
                    getattr(each, "trainable", None),
                    getattr(each, "persistent", None),
                    isinstance(each, Parameter) and structure.counts(each),
                )
                for each in tensors
            ),
            path in self._never_called,
            # A shared layer without state, such as an activation, is like one for each of its paths.
            module.alias_of if tensors or module.children else None,
            tuple(map(_call_facts, calls)),
            structure.own_costs.get(path) if self._calls else None,
        )


def own_tensors(structure: Structure, path: str) -> list[RegisteredTensor]:
    """Return the parameters and buffers registered directly on a module, in order."""
    module = structure.modules[path]
    entries = {
        entry.name: entry
        for entry in (*structure.parameters.get(path, ()), *structure.buffers.get(path, ()))
    }
    return [entries[name] for name in (*module.parameters, *module.buffers) if name in entries]


def local_name(entry: RegisteredTensor) -> str:
    """Return the name of a tensor in the module that it is registered on."""
    return entry.name.rpartition(".")[2]


def _call_facts(step: Step) -> Hashable:
    return (
        step.failed,
        tuple((spec.shape, spec.dtype) for spec in tensors_in(step.inputs)),
        tuple((spec.shape, spec.dtype) for spec in tensors_in(step.output)),
    )
