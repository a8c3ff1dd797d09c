"""Forward hooks of a run, attached to every module and removed at its end."""

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

# The methods of nn.Module, because a class may override them.
_register_pre = nn.Module.register_forward_pre_hook
_register = nn.Module.register_forward_hook


class ModuleObserver(Protocol):
    """Observer of module calls."""

    def enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Handle the start of a call of a registered module."""

    def update_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Handle the inputs after the module's own pre-hooks."""

    def leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Handle the end of a call of a registered module, returned or raised."""

    def enter_any(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Handle the start of a call of any module in the process."""

    def note_module(self, module: nn.Module, name: str, child: object) -> None:
        """Handle the registration of a submodule on any module in the process."""

    def note_tensor(self, module: nn.Module, name: str, tensor: object) -> None:
        """Handle the registration of a parameter or buffer on any module in the process."""

    def leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """Handle the end of a call of any module in the process."""


class Hooks:
    """Hooks of one run.

    Args:
        observer: Receives the calls.
    """

    def __init__(self, observer: ModuleObserver) -> None:
        self._observer = observer
        self._handles: list[RemovableHandle] = []
        self._copies: list[nn.Module] = []

    def attach(self, module: nn.Module) -> None:
        """Attach hooks to a module."""
        if is_a(module, ScriptModule):
            return  # it accepts no hooks, but runs the process-wide ones
        if has_hooks_of(self._observer, module):
            self._copies.append(module)
            return
        handles, observer = self._handles, self._observer
        has_own = bool(state_of(module).get("_forward_pre_hooks"))
        # First in order, so that steps in the module's own pre-hooks are part of its call.
        handles.append(_register_pre(module, observer.enter_module, prepend=True, with_kwargs=True))
        if has_own:
            # Last in order, to receive the inputs that these pre-hooks return.
            handles.append(_register_pre(module, observer.update_inputs, with_kwargs=True))
        handles.append(_register(module, observer.leave_module, with_kwargs=True, always_call=True))

    def attach_to_all(self, modules: Iterable[nn.Module]) -> None:
        """Attach hooks to all registered modules, and process-wide hooks for all others."""
        handles, observer = self._handles, self._observer
        handles.append(register_module_forward_pre_hook(observer.enter_any))
        handles.append(register_module_module_registration_hook(observer.note_module))
        handles.append(register_module_parameter_registration_hook(observer.note_tensor))
        handles.append(register_module_buffer_registration_hook(observer.note_tensor))
        modules = list(modules)
        if any(is_a(module, ScriptModule) for module in modules):
            handles.append(register_module_forward_hook(observer.leave_script, always_call=True))
        for module in modules:
            self.attach(module)

    def remove(self) -> None:
        """Remove all hooks."""
        while self._handles:
            self._handles.pop().remove()
        while self._copies:
            state = state_of(self._copies.pop())
            for name, flags in _TABLES.items():
                for key in [key for key, hook in state[name].items() if _is_of(hook, self._observer)]:
                    for table in (name, *flags):
                        state[table].pop(key, None)


_TABLES = {
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
}


def has_hooks_of(observer: ModuleObserver, module: nn.Module) -> bool:
    """Return whether a module has the hooks of a run already, for example as a copy."""
    return any(
        _is_of(hook, observer) for hook in (state_of(module).get("_forward_pre_hooks") or {}).values()
    )


def _is_of(hook: object, observer: ModuleObserver) -> bool:
    return type(hook) is MethodType and hook.__self__ is observer


@contextmanager
def hooked(observer: ModuleObserver, modules: Iterable[nn.Module]) -> Iterator[Hooks]:
    """Attach hooks for the duration of the block.

    Args:
        observer: Receives the calls.
        modules: The registered modules, each once.
    """
    hooks = Hooks(observer)
    try:
        hooks.attach_to_all(modules)
        yield hooks
    finally:
        hooks.remove()
