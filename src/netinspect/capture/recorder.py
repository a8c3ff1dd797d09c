"""The recorder: forward hooks give the module calls, a function mode gives everything in between.

Both are public and temporary: the hooks are removed and the mode is left on any exit, and nothing in
torch is replaced. What is recorded are drafts; `steps` makes the frozen records of them.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from netinspect.capture.describe import describe, describe_call, tensors_of
from netinspect.capture.frames import Place, calling_lines, source_line
from netinspect.capture.guest import Guest
from netinspect.records.steps import Step
from netinspect.records.values import Structure, Value

# Methods that read a tensor's values into Python: the points where data decides what happens next.
_READS = frozenset({"item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__"})

# Methods that write to their first argument though their names do not end in an underscore.
_WRITES = frozenset({"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__"})


@dataclass(slots=True)
class Draft:
    """A step that is still happening."""

    index: int
    kind: str
    name: str
    qualified_name: str
    module: str
    parent: int | None
    depth: int
    call: int
    inputs: Structure
    producers: tuple[int, ...]
    parameters: tuple[str, ...]
    source: Place | None
    site: Place | None
    handled: BaseException | None
    """The exception that was being handled when the call began; not one of its own."""

    output: Value | None = None
    grad_fn: str | None = None
    failed: bool = False


@dataclass(slots=True)
class _Names:
    """Paths and dotted names of the live objects of one model, by identity."""

    modules: dict[int, str] = field(default_factory=dict)
    tensors: dict[int, str] = field(default_factory=dict)


class Recorder(TorchFunctionMode):
    """Records every module call and function call while it is entered.

    Args:
        model: The model; its modules get hooks between `recording()`'s begin and end.
        observed: Told before any write to a parameter.
        with_grad: Whether to note the `grad_fn` of each output.
    """

    def __init__(self, model: nn.Module, observed: Guest, *, with_grad: bool) -> None:
        super().__init__()
        self.drafts: list[Draft] = []
        self.failing: Draft | None = None
        self._failure: BaseException | None = None
        self._model = model
        self._guest = observed
        self._with_grad = with_grad
        self._stack: list[Draft] = []
        self._calls: dict[str, int] = {}
        self._producers: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self._names = _Names()
        for path, module in model.named_modules():
            self._names.modules[id(module)] = path
            prefix = f"{path}." if path else ""
            for entries in (module._parameters, module._buffers):
                for name, tensor in entries.items():
                    if tensor is not None:
                        self._names.tensors.setdefault(id(tensor), prefix + name)

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Attach the hooks and enter the mode; undo both at the end."""
        with ExitStack() as stack:
            for module in self._model.modules():
                has_own = bool(module._forward_pre_hooks)
                # First, so that what the module's own pre-hooks do is told as part of its call.
                before = module.register_forward_pre_hook(
                    self._enter_module, prepend=True, with_kwargs=True
                )
                stack.callback(before.remove)
                if has_own:
                    # And last, to see the inputs as they made them.
                    changed = module.register_forward_pre_hook(self._see_inputs, with_kwargs=True)
                    stack.callback(changed.remove)
                after = module.register_forward_hook(
                    self._leave_module, with_kwargs=True, always_call=True
                )
                stack.callback(after.remove)
            stack.enter_context(self)
            yield self

    def steps(self) -> tuple[Step, ...]:
        """Freeze the drafts."""
        return tuple(
            Step(
                index=draft.index,
                kind="module" if draft.kind == "module" else "function",
                name=draft.name,
                qualified_name=draft.qualified_name,
                module=draft.module,
                parent=draft.parent,
                depth=draft.depth,
                call=draft.call,
                inputs=draft.inputs,
                output=draft.output,
                source=source_line(draft.source),
                site=source_line(draft.site),
                producers=draft.producers,
                parameters=draft.parameters,
                failed=draft.failed,
                grad_fn=draft.grad_fn,
            )
            for draft in self.drafts
        )

    @property
    def open_modules(self) -> list[str]:
        """Paths of the module calls that have begun and not ended, outermost first."""
        return [draft.module for draft in self._stack]

    # --- modules: hooks -------------------------------------------------------------------------

    def _enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = self._names.modules.get(id(module), "")
        self._calls[path] = self._calls.get(path, 0) + 1
        cls = type(module)
        with torch._C.DisableTorchFunction():
            draft = self._begin(
                "module", cls.__name__, f"{cls.__module__}.{cls.__qualname__}", path, args, kwargs
            )
        self._stack.append(draft)

    def _see_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with torch._C.DisableTorchFunction():
            self._stack[-1].inputs = describe_call(args, kwargs)

    def _leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        path = self._names.modules.get(id(module), "")
        # A call that was cut off without its hook, by a BaseException or a JIT frame, is dropped.
        while self._stack and self._stack[-1].module != path:
            self._stack.pop()
        if not self._stack:
            return
        draft = self._stack.pop()
        error = sys.exc_info()[1]
        if error is not None and error is not draft.handled:
            self._fail(draft, error)
            return
        with torch._C.DisableTorchFunction():
            self._end(draft, output)

    # --- functions: the mode --------------------------------------------------------------------

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one torch function and record it. Called by torch, with the mode itself off."""
        kwargs = kwargs or {}
        name = _plain_name(func)
        if name in _SILENT:
            return func(*args, **kwargs)
        writes = (name[-1] == "_" and name[-2:] != "__") or name in _WRITES or "out" in kwargs
        if writes:
            for tensor in tensors_of((args[:1], kwargs.get("out"))):
                self._guest.about_to_write(tensor)
        path = self._stack[-1].module if self._stack else ""
        draft = self._begin("function", name, _qualified_name(func, name), path, args, kwargs)
        try:
            output = func(*args, **kwargs)
        except BaseException as error:
            self._fail(draft, error)
            raise
        result = args[0] if writes and output is None and args else output
        if name in _READS or next(tensors_of(result), None) is not None:
            self._end(draft, result)
        elif self.drafts[-1] is draft:
            # It read a size, a flag or the like: nothing flowed through it.
            self.drafts.pop()
        return output

    # --- both -----------------------------------------------------------------------------------

    def _begin(
        self,
        kind: str,
        name: str,
        qualified_name: str,
        path: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Draft:
        producers: list[int] = []
        parameters: list[str] = []
        for tensor in tensors_of((args, kwargs)):
            known = self._names.tensors.get(id(tensor))
            if known is not None:
                parameters.append(known)
            elif (producer := self._producer(tensor)) is not None:
                producers.append(producer)
        source, site = calling_lines(2)
        parent = self._stack[-1] if self._stack else None
        draft = Draft(
            index=len(self.drafts),
            kind=kind,
            name=name.strip("_") if kind == "function" else name,
            qualified_name=qualified_name,
            module=path,
            parent=None if parent is None else parent.index,
            depth=0 if parent is None else parent.depth + 1,
            call=max(1, self._calls.get(path, 1)),
            inputs=describe_call(args, kwargs),
            producers=tuple(dict.fromkeys(producers)),
            parameters=tuple(dict.fromkeys(parameters)),
            source=source,
            site=site,
            handled=sys.exc_info()[1],
        )
        self.drafts.append(draft)
        return draft

    def _end(self, draft: Draft, output: Any) -> None:
        draft.output = describe(output)
        for tensor in tensors_of(output):
            made_by = self._producer(tensor)
            # A module hands on what a function inside it made; only one that returns its own input,
            # as Identity does, is the producer itself.
            if draft.kind == "function" or made_by is None or made_by < draft.index:
                self._producers[id(tensor)] = (weakref.ref(tensor), draft.index)
            if self._with_grad and draft.grad_fn is None and tensor.grad_fn is not None:
                draft.grad_fn = type(tensor.grad_fn).__name__

    def _fail(self, draft: Draft, error: BaseException) -> None:
        draft.failed = True
        if error is not self._failure:
            # The first to see an exception is the innermost call.
            self._failure = error
            self.failing = draft

    def failed_step(self, error: BaseException) -> Draft | None:
        """Return the innermost step that raised `error`; None where plain Python code did."""
        draft = self.failing if error is self._failure else None
        return draft if draft is not None and draft.kind == "function" else None

    def _producer(self, tensor: torch.Tensor) -> int | None:
        entry = self._producers.get(id(tensor))
        # An address is used again once its tensor is gone; the reference tells the two apart.
        return entry[1] if entry is not None and entry[0]() is tensor else None


# Reads of shapes and flags come many times a layer; they are let through without a look.
_SILENT = frozenset(
    {
        "size", "dim", "ndim", "shape", "dtype", "device", "layout", "is_cuda", "numel", "stride",
        "requires_grad", "is_floating_point", "is_complex", "is_contiguous", "is_nested", "is_sparse",
        "is_quantized", "is_meta", "names", "is_leaf", "grad_fn", "nelement", "ndimension", "get_device",
        "element_size", "itemsize", "nbytes", "storage_offset", "data_ptr", "__len__", "_version",
        "is_mkldnn", "is_inference", "untyped_storage", "_is_view", "has_names", "is_same_size",
    }
)  # fmt: skip


def _plain_name(func: Callable[..., Any]) -> str:
    name: str = getattr(func, "__name__", None) or type(func).__name__
    if name in ("__get__", "__set__", "__delete__"):
        # A property such as Tensor.T: the descriptor is the bound object of the accessor.
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return name


def _qualified_name(func: Callable[..., Any], name: str) -> str:
    owner = getattr(func, "__objclass__", None) or getattr(
        getattr(func, "__self__", None), "__objclass__", None
    )
    if owner is not None or (getattr(func, "__qualname__", "").startswith("Tensor.")):
        return f"torch.Tensor.{name}"
    module = getattr(func, "__module__", None) or "torch"
    if module == "torch._C._nn":
        module = "torch.nn.functional"
    return f"{module}.{name}"
