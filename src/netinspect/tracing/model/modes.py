"""Train and eval mode of a model, switched without calling a `train` method that trains the model.

Torch's `Module.train(mode)` calls the `train` of every child. A `train` method that trains the model is
never called. A method with torch's signature is called, because it may leave a part of the model in eval
mode.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from netinspect.tracing.model.members import children, modules
from netinspect.tracing.safe_access import attribute, class_attribute, state_of

_TORCHS: Any = vars(nn.Module)["train"]
_ABSENT = object()
_MAXIMUM_WRAPPERS = 64


def script_of(module: nn.Module) -> Any:
    """Return the C++ module of a TorchScript module; None for any other."""
    state = state_of(module)
    inner = state.get("_actual_script_module")
    return state.get("_c") if inner is None else state_of(inner).get("_c")


def mode_of(module: nn.Module) -> Any:
    """Return the train mode of one module; None if it has no mode, as frozen TorchScript."""
    found = attribute(module, "training")
    script = script_of(module) if found is None else None
    return script.getattr("training") if script is not None and script.hasattr("training") else found


def set_mode(model: nn.Module, training: bool) -> None:
    """Switch a model to train or eval mode; if its own `train` fails, only set the flags.

    The `train` of a module that registers its parent never ends, and that of an exported module raises;
    their forward may work.

    Args:
        model: The live module.
        training: True for train mode.
    """
    try:
        _set_mode(model, training)
    except (RecursionError, NotImplementedError):
        set_flags(model, training)


def _set_mode(model: nn.Module, training: bool) -> None:
    overriding: list[nn.Module] = []
    foreign: list[nn.Module] = []
    computed = False
    known: dict[int, Any] = {}
    found = modules(model)
    for module in found:
        cls = type(module)
        defined = known.get(id(cls), _ABSENT)
        if defined is _ABSENT:
            defined = known[id(cls)] = class_attribute(cls, "train")
        if defined is _TORCHS and "train" not in state_of(module):
            continue
        (overriding if _switches_mode(module, defined) else foreign).append(module)
        computed |= _is_data_descriptor(defined)
    if not overriding or computed:
        # A called method would read `train` of its children, which may run the code of a property.
        for module in found:
            _set_flag(module, training)
        return
    called = {id(module) for module in overriding}
    with _replaced_train(foreign, called):
        _switch(model, training, called)


def set_flags(model: nn.Module, training: bool) -> None:
    """Set the flag of every module without calling any method."""
    for module in modules(model):
        _set_flag(module, training)


def _switch(model: nn.Module, training: bool, called: set[int]) -> None:
    """Set the flags of all modules; modules in `called` do it in their own `train`."""
    waiting, seen = [model], set[int]()
    while waiting:
        module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        if id(module) in called:
            module.train(training)  # it switches its children, or leaves them on purpose
            continue
        _set_flag(module, training)
        waiting += reversed([child for _, child in children(module)])


def _set_flag(module: nn.Module, training: bool) -> None:
    state = state_of(module)
    if "training" in state:  # every module that is not TorchScript
        state["training"] = training
        return
    script = script_of(module)
    if script is None:
        state["training"] = training
    elif script.hasattr("training"):
        script.setattr("training", training)


@contextmanager
def _replaced_train(foreign: list[nn.Module], called: set[int]) -> Iterator[None]:
    """Temporarily replace the `train` of modules that torch would call, so that only flags are set."""
    before = [(state := state_of(module), state.get("train", _ABSENT)) for module in foreign]
    try:
        for module in foreign:

            def switch(mode: bool = True, module: nn.Module = module) -> nn.Module:
                _switch(module, mode, called)
                return module

            state_of(module)["train"] = switch
        yield
    finally:
        for state, stored in before:
            if stored is _ABSENT:
                state.pop("train", None)
            else:
                state["train"] = stored


def _switches_mode(module: nn.Module, defined: Any) -> bool:
    """Return whether the `train` of a module has the signature of torch's own."""
    stored = state_of(module).get("train", _ABSENT)
    if stored is _ABSENT or _is_data_descriptor(defined):
        return _takes_mode(defined, ("self", "mode"))
    if type(stored) is types.MethodType:
        return _takes_mode(stored.__func__, ("self", "mode"))
    # A function stored on the instance is not bound, and may be written with or without self.
    return _takes_mode(stored, ("self", "mode")) or _takes_mode(stored, ("mode",))


def _is_data_descriptor(stored: Any) -> bool:
    return class_attribute(type(stored), "__set__") is not None


def _takes_mode(function: Any, names: tuple[str, ...]) -> bool:
    """Return whether a function takes exactly these arguments, with True as the default of `mode`."""
    for _ in range(_MAXIMUM_WRAPPERS):
        if type(function) is not types.FunctionType or "__wrapped__" not in vars(function):
            break
        function = vars(function)["__wrapped__"]
    if type(function) is not types.FunctionType:
        return False
    code, defaults = function.__code__, function.__defaults__ or ()
    given = code.co_varnames[: code.co_argcount]
    has_more = code.co_kwonlyargcount or code.co_flags & _ANY
    return (
        not has_more
        and (len(given), given[-1:]) == (len(names), names[-1:])
        and len(defaults) == 1
        and defaults[0] is True
    )


_ANY = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
