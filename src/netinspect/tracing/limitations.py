"""Limitations of a trace: notes on what could not be recorded or differs from the code."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import nn

from netinspect._utils.classes import defining_module, plain_name
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.recording.recorder import Recorder
from netinspect.tracing.safe_access import is_a, state_of

_KERNELS = (
    "prim::mkldnn_", "prim::MKLDNN", "prim::TensorExpr", "prim::FusionGroup", "prim::Cuda",
    "prim::oneDNN", "prim::StaticSubgraph",
)  # fmt: skip
"""Kernels inserted by `optimize_for_inference` and similar passes, which bypass the dispatcher."""


def limits(model: nn.Module, recorder: Recorder) -> Iterator[str]:
    """Yield notes on what could not be recorded."""
    modules = dict(named_modules(model))
    scripted = [path for path, module in modules.items() if is_a(module, torch.jit.ScriptModule)]
    outermost = [path for path in scripted if path.rpartition(".")[0] not in scripted or not path]
    if outermost:
        names = _names([path or plain_name(type(model)) for path in outermost])
        yield f"steps inside TorchScript modules are not recorded: {names}"
    if fused := [path or plain_name(type(model)) for path in fused_scripts(model)]:
        yield f"optimized TorchScript calls kernels that are not counted: {_names(fused)}"
    compiled = [path or plain_name(type(model)) for path in compiled_modules(model)]
    if compiled:
        yield f"compiled modules were run in eager mode: {_names(compiled)}"
    if recorder.direct:
        direct = [path or plain_name(type(model)) for path in recorder.direct]
        yield (
            f"called through .forward(), which bypasses hooks: {_names(direct)}; their inputs "
            "were read from variables at the first step, and their outputs are unknown"
        )
    if recorder.uses_vmap:
        yield (
            "inside torch.vmap, full shapes are shown: the mapped dimension is the first one, "
            "and the mapped code does not see it"
        )
    if packed := [name for names in recorder.registered.packed.values() for name in names]:
        yield f"packed for quantized functions, shown as buffers: {_names(packed)}"
    if unread := recorder.registered.unread:
        yield f"packed in C++ objects whose tensors cannot be read: {_names(unread)}"
    if count := recorder.calls_in_older_threads:
        calls = f"{count} call{'s' if count > 1 else ''} of modules"
        yield (
            f"{calls} ran in threads started before forward or outside Python's threading: functions "
            "called there outside modules are neither recorded nor counted"
        )
    if recorder.interrupted:
        yield (
            f"a hook raised and forward continued: {_names(recorder.interrupted)}; the output "
            "shown is that of the layer's own forward"
        )
    if recorder.values_exported:
        yield "values left torch, for example to NumPy: computations there are not counted"


def fused_scripts(model: nn.Module) -> list[str]:
    """Return the paths of TorchScript modules that call kernels which torch does not dispatch."""
    return [
        path
        for path, module in named_modules(model)
        if is_a(module, torch.jit.ScriptModule) and _calls_kernels(module)
    ]


def _calls_kernels(script: torch.jit.ScriptModule) -> bool:
    try:
        nodes = list(script.graph.nodes())
    except (AttributeError, RuntimeError):  # it has no forward
        return False
    while nodes:
        node = nodes.pop()
        if node.kind().startswith(_KERNELS):
            return True
        nodes += (inner for block in node.blocks() for inner in block.nodes())
    return False


def compiled_modules(model: nn.Module) -> list[str]:
    """Return the paths of compiled modules."""
    return [
        path
        for path, module in named_modules(model)
        if defining_module(type(module)).startswith("torch._dynamo")
        or state_of(module).get("_compiled_call_impl") is not None
    ]


def _names(names: Collection[str]) -> str:
    first = ", ".join(list(names)[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"
