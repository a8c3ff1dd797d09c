"""The hooks of a look: attached to every module, and taken off on any exit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from torch import nn
from torch.jit import ScriptModule
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from netinspect.observe.inert import is_a, state_of

# Torch's own functions: a class may override these methods.
_register_pre = nn.Module.register_forward_pre_hook
_register = nn.Module.register_forward_hook


class Hooked(Protocol):
    """Who is told of the calls of modules."""

    def enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note that a module is called."""

    def see_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of what its own hooks made of its inputs."""

    def leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Take note of what it returned, or that it did not return."""

    def enter_script(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Take note that any module of the process is called."""

    def leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Take note that any module of the process ends."""

    def see_hidden(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Take note that a module is called that is held but not registered."""


@contextmanager
def hooked(who: Hooked, modules: Iterable[nn.Module], hidden: Iterable[nn.Module]) -> Iterator[None]:
    """Have someone told of every call.

    Args:
        who: Is told.
        modules: The modules that are registered, each once.
        hidden: Those that are held otherwise.
    """
    modules = list(modules)
    handles: list[RemovableHandle] = []
    try:
        if any(is_a(module, ScriptModule) for module in modules):
            # They take no hooks of their own; those for every module of the process they run.
            handles.append(register_module_forward_pre_hook(who.enter_script))
            handles.append(register_module_forward_hook(who.leave_script, always_call=True))
        for module in modules:
            if is_a(module, ScriptModule):
                continue
            has_own = bool(state_of(module).get("_forward_pre_hooks"))
            # First, so that what the module's own pre-hooks do is told as part of its call.
            handles.append(_register_pre(module, who.enter_module, prepend=True, with_kwargs=True))
            if has_own:
                # And last, to see the inputs as they made them.
                handles.append(_register_pre(module, who.see_inputs, with_kwargs=True))
            handles.append(_register(module, who.leave_module, with_kwargs=True, always_call=True))
        for module in hidden:
            if not is_a(module, ScriptModule):
                handles.append(_register_pre(module, who.see_hidden))
        yield
    finally:
        for handle in reversed(handles):
            handle.remove()
