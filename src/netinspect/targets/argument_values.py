"""Values of `--arg` that name a class, a function or another object, such as `--arg act=nn.ReLU`.

A value that is not a Python literal is a string, as in `--arg kind=small`. If the annotation or the
default of the argument accepts the object that the string names, the object is passed instead. An
argument with neither accepts classes, functions, members of an enumeration and dtypes.

A string such as `@config.json` or `@config.yaml:model.encoder` stands for the content of that file, or
for a section of it. Dictionaries in it are `Settings`, whose entries are attributes too.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import torch

from netinspect._utils.classes import is_a
from netinspect._utils.evaluation.config_files import SUFFIXES, ConfigError, read_config
from netinspect._utils.signatures import signature_of
from netinspect.errors import LoadError, suggestion
from netinspect.tracing.safe_access import (
    attribute,
    class_attribute,
    is_users_class,
    runs_users_code,
)

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_CALLABLE = re.compile(r"\b(type|Type|Callable|ModuleType)\b")
_TEXT = re.compile(r"\b(str|Literal|LiteralString)\b")
_ANYTHING = re.compile(r"\b(Any|object)\b")
_INNER = (
    (re.compile(r"\[\s*\[[^\[\]]*\]"), "["),
    (re.compile(r"\b(Callable|[tT]ype)\[[^\[\]]*\]"), r"\1"),
)
"""Type arguments of callables and classes, which do not describe the argument itself."""

_ALIASES = {"nn": "torch.nn", "F": "torch.nn.functional"}
"""Usual import names, for a file that does not import them itself."""

_DEEPEST = 3
"""Deepest nesting of brackets in an annotation that is parsed."""

_MISSING: Any = object()


def with_named_values(
    function: Callable[..., Any], arguments: Mapping[str, Any], namespace: ModuleType | None
) -> dict[str, Any]:
    """Return arguments with strings replaced by the objects that they name, where accepted.

    Args:
        function: The class or factory to call.
        arguments: Its keyword arguments.
        namespace: Module of the target, whose names take precedence.

    Raises:
        LoadError: An argument accepts only classes or functions, and none has that name; or a file that
            an argument names cannot be read.
    """
    if not any(is_a(value, str) for value in arguments.values()):
        return dict(arguments)
    try:
        parameters: Mapping[str, inspect.Parameter] = signature_of(function).parameters
    except (TypeError, ValueError):
        parameters = {}
    return {
        name: _resolve(name, value, parameters.get(name), namespace) if type(value) is str else value
        for name, value in arguments.items()
    }


def _read_file(name: str, text: str) -> Any:
    """Return the content of the configuration file in an argument such as `h=@config.json:model`."""
    path, section = text[1:], ""
    if not os.path.isfile(path):
        path, _, section = path.rpartition(":")
    if not path or not os.path.isfile(path):
        missing = path or section
        names: list[str] = []
        with suppress(OSError):
            names = [
                each for each in os.listdir(os.path.dirname(missing) or ".") if each.endswith(SUFFIXES)
            ]
        raise LoadError(
            f"cannot read --arg {name}={text}",
            cause=f"the file {missing} does not exist" if missing else "it names no file",
            hint=suggestion(os.path.basename(missing), names)
            or f"write it like {name}=@config.json; a string that begins with @ is {name}=@{text}",
        )
    try:
        value = read_config(path)
    except ConfigError as error:
        raise LoadError(f"cannot read --arg {name}={text}", cause=str(error)) from error
    for key in filter(None, section.split(".")):
        inner = value[int(key) : int(key) + 1] if is_a(value, list) and key.isdecimal() else ()
        if is_a(value, dict) and key in value:
            value = value[key]
        elif inner:
            value = inner[0]
        else:
            keys = list(value) if is_a(value, dict) else []
            raise LoadError(
                f"cannot read --arg {name}={text}",
                cause=f"{path} has no {key!r} there",
                hint=suggestion(key, keys)
                or (f"its keys are: {', '.join(keys[:20])}" if keys else None),
            )
    return value


def text_hint(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str | None:
    """Return a hint that lists arguments passed as text without an annotation or default for it."""
    try:
        parameters: Mapping[str, inspect.Parameter] = signature_of(function).parameters
    except (TypeError, ValueError):
        parameters = {}
    texts = [
        f"{name} was passed as text: {value!r}"
        for name, value in arguments.items()
        if type(value) is str and not _takes_text(parameters.get(name))
    ]
    return "; ".join(texts) or None


def _takes_text(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and (
        bool(_TEXT.search(_annotation(parameter))) or is_a(parameter.default, str)
    )


def _resolve(
    name: str, text: str, parameter: inspect.Parameter | None, namespace: ModuleType | None
) -> Any:
    if text.startswith("@"):
        return text[1:] if text.startswith("@@") else _read_file(name, text)
    if not _NAME.fullmatch(text):
        return text
    annotation = _annotation(parameter)
    default = None if parameter is None or parameter.default is parameter.empty else parameter.default
    takes_callable = bool(_CALLABLE.search(annotation)) or _is_callable(default)
    takes_text = _takes_text(parameter)
    if takes_text and not (takes_callable and "." in text):
        return text
    found = _find(text, namespace, may_import=takes_callable)
    if found is _MISSING:
        if "." in text and takes_callable:
            wanted = annotation or "a class or function"
            raise LoadError(
                f"argument {name} takes {wanted}, but {text!r} was not found",
                hint=_suggestion(text, namespace),
            )
        return text
    if takes_callable:
        is_accepted = callable(found)
    elif annotation or default is not None:
        is_accepted = _is_instance(found, annotation, default)
    else:
        is_accepted = _is_callable(found) or is_a(found, (enum.Enum, torch.dtype))
    return found if is_accepted else text


def _annotation(parameter: inspect.Parameter | None) -> str:
    """Return an annotation as text, without type arguments of callables; empty if unknown."""
    if parameter is None or parameter.annotation is parameter.empty:
        return ""
    annotation = parameter.annotation
    text = annotation.__name__ if is_a(annotation, type) else str(annotation)
    for _ in range(_DEEPEST):
        for inner, instead in _INNER:
            text = inner.sub(instead, text)
    return "" if _ANYTHING.search(text) else text


def _is_callable(value: Any) -> bool:
    """Return whether a value is a class or a function."""
    return is_a(value, (type, FunctionType, BuiltinFunctionType))


def _is_instance(found: Any, annotation: str, default: Any) -> bool:
    """Return whether an object has the annotated class of an argument, or that of its default."""
    if default is not None and is_a(found, type(default)):
        return True
    names = {each.rpartition(".")[2] for each in re.findall(r"[^\W\d][\w.]*", annotation)}
    return not names.isdisjoint(cls.__name__ for cls in type(found).__mro__[:-1])


def _find(text: str, namespace: ModuleType | None, *, may_import: bool) -> Any:
    """Resolve a dotted name in the namespace, or else in a module that the name begins with."""
    head, *parts = text.split(".")
    defined = {} if namespace is None else vars(namespace)
    if head in defined:
        return _attribute(defined[head], parts)
    for end in range(len(parts), 0, -1):
        whole = ".".join([_ALIASES.get(head, head), *parts[: end - 1]])
        module = sys.modules.get(whole)
        if module is None and may_import:
            with suppress(ImportError):
                module = importlib.import_module(whole)
        if module is not None:
            return _attribute(module, parts[end - 1 :])
    return _MISSING


def _suggestion(text: str, namespace: ModuleType | None) -> str:
    """Return a hint for a name that was not found."""
    outer, _, last = text.rpartition(".")
    module = _find(outer, namespace, may_import=True)
    similar = suggestion(last, dir(module)) if is_a(module, ModuleType) else None
    return similar or "name a class or function of the file, or a full name such as torch.nn.ReLU"


def _attribute(value: Any, parts: list[str]) -> Any:
    for part in parts:
        value = _stored(value, part)
        if value is _MISSING:
            break
    return value


def _stored(value: Any, name: str) -> Any:
    """Return an attribute without running user code, such as a property or a metaclass."""
    if is_a(value, ModuleType):
        return getattr(value, name, _MISSING)
    if not is_a(value, type):
        return attribute(value, name, _MISSING)
    found = class_attribute(value, name, _MISSING)
    access = class_attribute(type(found), "__get__")
    if is_users_class(type(value)) or (access is not None and runs_users_code(access)):
        return found if access is None or is_a(found, FunctionType) else _MISSING
    return getattr(value, name, _MISSING)
