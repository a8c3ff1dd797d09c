"""Producers of tensors according to torch's autograd graph, observed during a capture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from types import MethodType
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from netinspect.inputs.arguments import given_arguments
from netinspect.records.request import TraceRequest
from netinspect.records.steps import Origin
from netinspect.records.trace import Trace
from netinspect.tracing.arguments import named_leaves
from netinspect.tracing.capture import capture
from netinspect.tracing.recording.recorder import Recorder

Source = int | str
"""Index of a step, or name of an argument or parameter."""


class Read(NamedTuple):
    """A tensor that a step received."""

    tensor: Tensor
    sources: set[Source]
    """The steps that made its node in the graph, or the name of the leaf that it is; empty if it has no
    gradient."""

    maker: Source | None
    """The step that returned this tensor object last."""


_active: list[AutogradGraph] = []


def _enter(module: nn.Module, args: Any, kwargs: Any) -> None:
    # A capture restores what a hook of the model holds, but not what it finds in a global variable.
    _active[-1].enter(module, args, kwargs)


def _leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
    _active[-1].leave(output)


class AutogradGraph(TorchFunctionMode):
    """Maps the nodes of the autograd graph to the steps that made them.

    It is below the recorder's mode and takes only the number of the running step from the recorder. The
    sources of a tensor are read from its `grad_fn` when a step receives it.

    Args:
        model: The model; every module gets hooks.
        arguments: Its arguments by name.
    """

    def __init__(self, model: nn.Module, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.reads: dict[int, list[Read]] = {}
        self.output: list[Read] = []
        self.returned: dict[int, set[Source]] = {}
        """Sources of the outputs of each step: itself, unless it returned its input."""

        self.results: dict[int, list[Tensor]] = {}
        self._recorder: Recorder | None = None
        self._names = {id(tensor): name for name, tensor in reversed(list(model.named_parameters()))}
        self._names |= {id(each): name for name, value in arguments.items() for each in tensors(value)}
        self._makers: dict[int, Source] = dict(self._names)
        self._owners: dict[int, set[Source]] = {}
        """Sources of each node, by address."""

        self._below: dict[int, set[Source]] = {}
        self._kept: list[Any] = []  # so that no address is used twice
        for module in model.modules():
            module.register_forward_pre_hook(_enter, with_kwargs=True)
            module.register_forward_hook(_leave, with_kwargs=True)

    def __enter__(self) -> AutogradGraph:
        _active.append(self)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        _active.remove(self)

    def enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Read the inputs of a module call, after the recorder's own hook."""
        hooks = module._forward_pre_hooks.values()
        bound = (each.__self__ for each in hooks if isinstance(each, MethodType))
        recorder = self._recorder = next(each for each in bound if isinstance(each, Recorder))
        self.reads[recorder.stack[-1].index] = self._read((args, kwargs))

    def leave(self, output: Any) -> None:
        """Read the outputs of a module call, before the recorder's own hook."""
        assert self._recorder is not None
        self.output = self._read(output)
        self._end(self._recorder.stack[-1].index, output)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        pending = self._recorder.pending[-1] if self._recorder and self._recorder.pending else None
        if (
            pending is None
            or pending.entry is not None
            or pending.output is not None
            or pending.error is not None
        ):
            return func(*args, **kwargs)  # not a step
        reads = self._read((args, kwargs))
        output = func(*args, **kwargs)
        self.reads[pending.index] = reads
        output_or_written = args[:1] if output is None else output
        for tensor in tensors(output_or_written):
            self._own(tensor.grad_fn, pending.index)
        self._end(pending.index, output_or_written)
        return output

    def _read(self, value: Any) -> list[Read]:
        return [
            Read(tensor, self._sources(tensor), self._makers.get(id(tensor)))
            for tensor in tensors(value)
        ]

    def _sources(self, tensor: Tensor) -> set[Source]:
        self._kept.append(tensor)
        if not tensor.requires_grad:
            return set()
        if tensor.grad_fn is None:
            return {self._names[id(tensor)]}
        return self._sources_of(tensor.grad_fn)

    def _sources_of(self, node: Any) -> set[Source]:
        self._kept.append(node)
        if hasattr(node, "variable"):
            return {self._names[id(node.variable)]}
        if id(node) not in self._owners:
            # No step made it: after a write, autograd makes a new node for each view that is read.
            below = [self._sources_of(each) for each, _ in node.next_functions if each is not None]
            self._owners[id(node)] = set().union(*below)
        return self._owners[id(node)]

    def _own(self, node: Any, index: int) -> None:
        """Give a step all nodes that no earlier step has made."""
        if node is None or id(node) in self._owners or hasattr(node, "variable"):
            return
        self._kept.append(node)
        self._owners[id(node)] = {index}
        for below, _ in node.next_functions:
            if below is not None:
                self._own(below, index)
                self._below.setdefault(index, set()).update(self._sources_of(below))

    def _end(self, index: int, output: Any) -> None:
        self.results[index] = list(tensors(output))
        self.returned[index] = set().union(*map(self._sources, self.results[index]))
        for tensor in self.results[index]:
            self._makers[id(tensor)] = index

    def ancestors(self, sources: set[Source]) -> set[Source]:
        """Return everything that sources were computed from, and themselves."""
        found: set[Source] = set()
        waiting = list(sources)
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += self._below.get(each, ()) if isinstance(each, int) else ()
        return found


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in tuples, lists and mappings, and not those in other objects."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from tensors(each)
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))


def share_an_element(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have an element in common, by the addresses of all elements."""
    return not _addresses(one).isdisjoint(_addresses(other))


def _addresses(tensor: Tensor) -> set[int]:
    strides = tensor.stride()
    return {
        tensor.data_ptr() + tensor.element_size() * sum(map(int.__mul__, place, strides))
        for place in product(*map(range, tensor.shape))
    }


def differences(model: nn.Module, *args: Any) -> tuple[Trace, list[str], int]:
    """Compare the origins of all tensors in a trace with autograd.

    Returns:
        The trace, a line for each difference, and the number of tensors that were compared.
    """
    given = given_arguments(model, args, {})
    graph = AutogradGraph(model, dict(named_leaves({each.record.name: each.value for each in given})))
    with graph:
        trace = capture(model, given, TraceRequest(backward=True))
    found: list[str] = []
    compared = 0
    spots = [(f"{step.index} {step.name}", step.input_origins) for step in trace.steps]
    reads = [graph.reads[step.index] for step in trace.steps]
    spots.append(("output", trace.output_origins))
    reads.append(graph.output if trace.output is not None else [])
    for (spot, every), received in zip(spots, reads, strict=True):
        origins = [each for each in every if not each.in_object]
        if len(origins) != len(received):
            found.append(f"{spot}: {len(received)} tensors, but {len(origins)} origins")
            continue
        for position, (read, origin) in enumerate(zip(received, origins, strict=True)):
            compared += bool(read.sources)
            if read.sources and (wrong := _difference(trace, graph, read, origin)):
                found.append(f"{spot}, tensor {position}: {wrong}")
    return trace, found, compared


def _difference(trace: Trace, graph: AutogradGraph, read: Read, origin: Origin) -> str:
    # A step that returned its own input made no node: it counts as what it returned.
    ours: set[Source] = set().union(*(graph.returned[each] for each in origin.producers))
    ours |= {*origin.arguments, *origin.parameters}
    extra, missing = ours - read.sources, read.sources - ours
    # A write through a view replaces a part of the memory. Autograd then names only the last writer, and
    # has the others, and the step that made the tensor, below it.
    below = graph.ancestors(read.sources)
    extra -= {each for each in extra if each in below and _writes(trace, each)}
    extra -= {read.maker}
    if isinstance(read.maker, int):
        extra -= graph.returned[read.maker]
    # After a write to a part, autograd names the writer for every view, also for those of other parts.
    missing -= {
        each
        for each in missing
        if _writes(trace, each)
        and not any(share_an_element(read.tensor, written) for written in graph.results[int(each)])
    }
    if not extra and not missing:
        return ""
    return f"autograd has {sorted(map(str, read.sources))}, the trace {sorted(map(str, ours))}"


def _writes(trace: Trace, source: Source) -> bool:
    if isinstance(source, str):
        return False
    name = trace.steps[source].name
    return name.endswith("_") or name in ("setitem", "iadd", "imul")
