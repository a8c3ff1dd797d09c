"""The hooks of a trace: attached to every module, and taken off on any exit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any, Protocol

from torch import nn
from torch.jit import ScriptModule
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.utils.hooks import RemovableHandle

from netinspect.tracing.safe_access import is_a, state_of

# Torch's own functions: a class may override these methods.
_register_pre = nn.Module.register_forward_pre_hook
_register = nn.Module.register_forward_hook


class Hooked(Protocol):
    """Who is reported of the calls of modules."""

    def enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note that a module is called."""

    def see_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of what its own hooks made of its inputs."""

    def leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Take note of what it returned, or that it did not return."""

    def enter_any(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Take note that any module of the process is called."""

    def note_module(self, module: nn.Module, name: str, child: object) -> None:
        """Take note that any module of the process registers another one."""

    def note_tensor(self, module: nn.Module, name: str, tensor: object) -> None:
        """Take note that any module of the process registers a parameter or buffer."""

    def leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Take note that any module of the process ends."""


class Hooks:
    """The hooks of one trace.

    Args:
        who: Is reported.
    """

    def __init__(self, who: Hooked) -> None:
        self._who = who
        self._handles: list[RemovableHandle] = []
        self._copies: list[nn.Module] = []

    def attach(self, module: nn.Module) -> None:
        """Have calls of a module reported."""
        if is_a(module, ScriptModule):
            return  # it takes no hooks of its own; those for every module of the process it runs
        if has_hooks_of(self._who, module):
            self._copies.append(module)
            return
        handles, who = self._handles, self._who
        has_own = bool(state_of(module).get("_forward_pre_hooks"))
        # First, so that what the module's own pre-hooks do is reported as part of its call.
        handles.append(_register_pre(module, who.enter_module, prepend=True, with_kwargs=True))
        if has_own:
            # And last, to see the inputs as they made them.
            handles.append(_register_pre(module, who.see_inputs, with_kwargs=True))
        handles.append(_register(module, who.leave_module, with_kwargs=True, always_call=True))

    def attach_to_all(self, modules: Iterable[nn.Module]) -> None:
        """Have all calls reported: of registered modules, and of any others."""
        handles, who = self._handles, self._who
        handles.append(register_module_forward_pre_hook(who.enter_any))
        handles.append(register_module_module_registration_hook(who.note_module))
        handles.append(register_module_parameter_registration_hook(who.note_tensor))
        handles.append(register_module_buffer_registration_hook(who.note_tensor))
        modules = list(modules)
        if any(is_a(module, ScriptModule) for module in modules):
            handles.append(register_module_forward_hook(who.leave_script, always_call=True))
        for module in modules:
            self.attach(module)

    def remove(self) -> None:
        """Take all of them off."""
        while self._handles:
            self._handles.pop().remove()
        while self._copies:
            state = state_of(self._copies.pop())
            for name, flags in _TABLES.items():
                for key in [key for key, hook in state[name].items() if _is_of(hook, self._who)]:
                    for table in (name, *flags):
                        state[table].pop(key, None)


_TABLES = {
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
}


def has_hooks_of(who: Hooked, module: nn.Module) -> bool:
    """Return whether a module has the hooks of a run already, as a copy of another one has."""
    return any(_is_of(hook, who) for hook in (state_of(module).get("_forward_pre_hooks") or {}).values())


def _is_of(hook: object, who: Hooked) -> bool:
    return type(hook) is MethodType and hook.__self__ is who


@contextmanager
def hooked(who: Hooked, modules: Iterable[nn.Module]) -> Iterator[Hooks]:
    """Have someone reported of every call.

    Args:
        who: Is reported.
        modules: The modules that are registered, each once.
    """
    hooks = Hooks(who)
    try:
        hooks.attach_to_all(modules)
        yield hooks
    finally:
        hooks.remove()
