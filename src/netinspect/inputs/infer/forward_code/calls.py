"""Calls in forward: of layers, of functions that can be read, and of those of Python."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from netinspect.inputs.infer.forward_code import layers, tensor_functions
from netinspect.inputs.infer.forward_code.frames import Frame
from netinspect.inputs.infer.forward_code.lookup import TENSOR_ATTRIBUTES, member_of, method
from netinspect.inputs.infer.forward_code.source import definition_of
from netinspect.inputs.infer.forward_code.subscripts import keyword
from netinspect.inputs.infer.forward_code.values import (
    Computed,
    Function,
    Group,
    Keywords,
    Local,
    Method,
    Mixed,
    Part,
    Plain,
    Positions,
    Table,
    TorchFunction,
    Tracked,
    Value,
    Weight,
    tracked_in,
)

if TYPE_CHECKING:
    from netinspect.inputs.infer.forward_code.reader import Reader

_DICTIONARY = frozenset({"get", "pop", "keys", "values", "items", "copy", "update", "setdefault"})


def call(reader: Reader, node: ast.Call, frame: Frame) -> Value:
    """Return the result of a call, and record what it uses."""
    callee: Value = None
    if isinstance(node.func, ast.Attribute):
        inner = node.func.value
        if _is_super(inner) and frame.instance is not None:
            callee = method(frame.instance, node.func.attr, after=frame.owner)
        else:
            base = reader.value(inner, frame)
            if isinstance(base, (Tracked, Keywords)) and node.func.attr in _DICTIONARY:
                return _dictionary_method(reader, base, node, frame)
            if isinstance(base, (Tracked, Mixed, Computed, Weight)):
                callee = Method(base, node.func.attr)
            elif isinstance(base, Group) and node.func.attr == "append":
                _append(reader, base, node, frame)
                return None
            else:
                callee = reader.attribute(base, node.func.attr)
                if callee is None and base is None:
                    callee = Method(None, node.func.attr)
    elif isinstance(node.func, ast.Name) and node.func.id not in frame.names:
        found = _builtin(reader, node, frame)
        if not isinstance(found, str):
            return found
        callee = reader.value(node.func, frame)
    else:
        callee = reader.value(node.func, frame)
    arguments = reader.values(node.args, frame)
    keywords = _keywords(reader, node, frame)
    return apply(reader, callee, arguments, keywords)


def apply(
    reader: Reader, callee: Value, arguments: Sequence[Value], keywords: Mapping[str, Value]
) -> Value:
    """Return the result of a call with known arguments; the key "" of keywords holds `**` values."""
    if isinstance(callee, Part):
        return call_module(reader, callee, arguments, keywords)
    if isinstance(callee, Function):
        return call_function(reader, callee, arguments, keywords)
    if isinstance(callee, Local):
        return _call_local(reader, callee, arguments)
    if isinstance(callee, TorchFunction):
        return tensor_functions.apply(reader, callee.name, arguments, keywords)
    if isinstance(callee, Method):
        if isinstance(callee.value, Tracked) and callee.name not in TENSOR_ATTRIBUTES:
            return None
        return tensor_functions.apply(reader, callee.name, [callee.value, *arguments], keywords)
    return None


def call_module(
    reader: Reader, part: Part, arguments: Sequence[Value], keywords: Mapping[str, Value]
) -> Value:
    """Return the output of a module, and read its forward if it is not one of torch's layers."""
    if layers.is_chain(part.module):
        value = arguments[0] if arguments else None
        for child in layers.chained(part):
            value = call_module(reader, child, [value], {})
        return value
    if layers.is_layer(part.module):
        return layers.call_layer(reader, part, arguments, keywords)
    stored = member_of(part, "forward")
    return apply(reader, stored, arguments, keywords) if isinstance(stored, Function) else None


def call_function(
    reader: Reader, function: Function, arguments: Sequence[Value], keywords: Mapping[str, Value]
) -> Value:
    """Return the result of a function whose code is read."""
    definition = definition_of(function.function)
    if definition is None or not reader.reading.enters(function.function.__code__, function.instance):
        return None
    try:
        given = [function.instance, *arguments] if function.instance is not None else list(arguments)
        frame = Frame(function.function, {}, function.instance, function.owner)
        bind_parameters(reader, definition, given, keywords, frame)
        reader.run(definition.body, frame)
    finally:
        reader.reading.calls.pop()
    known_values = [each for each in frame.returned if each not in (None, Plain(None))]
    return known_values[0] if known_values else None


def bind_parameters(
    reader: Reader,
    definition: ast.FunctionDef,
    given: Sequence[Value],
    keywords: Mapping[str, Value],
    frame: Frame,
) -> None:
    """Give the parameters of a function their values."""
    parameters = definition.args
    positional = [*parameters.posonlyargs, *parameters.args]
    defaults = dict(
        zip([each.arg for each in positional][::-1], parameters.defaults[::-1], strict=False)
    )
    defaults |= {
        each.arg: value
        for each, value in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        if value is not None
    }
    rest = next((each for each in given if isinstance(each, Positions)), None)
    given = [each for each in given if not isinstance(each, Positions)]
    everything = keywords.get("")
    for index, each in enumerate([*positional, *parameters.kwonlyargs]):
        name = each.arg
        value: Value = None
        if index < min(len(given), len(positional)):
            value = given[index]
        elif name in keywords:
            value = keywords[name]
        elif index < len(positional) and rest is not None and name not in defaults:
            value = Tracked((str(rest.start + index - len(given)),))
        elif isinstance(everything, Table) and name in everything.entries:
            value = everything.entries[name]
        elif isinstance(everything, Tracked) and name not in defaults:
            value = reader.read(everything, name, "key")
        elif isinstance(everything, Keywords) and name not in defaults:
            value = keyword(reader, name)
        elif name in defaults and isinstance(defaults[name], ast.Constant):
            value = reader.value(defaults[name], frame)
        for tracked in tracked_in(value):
            if not tracked.changes:
                reader.table.of(tracked).call(name)
        frame.names[name] = value
    if parameters.vararg is not None:
        extra = given[len(positional) :]
        frame.names[parameters.vararg.arg] = rest if rest is not None else Group(tuple(extra))
    if parameters.kwarg is not None:
        named = {each.arg for each in (*positional, *parameters.kwonlyargs)}
        others = {key: each for key, each in keywords.items() if key and key not in named}
        frame.names[parameters.kwarg.arg] = everything if everything is not None else Table(others)


def matrix_product(reader: Reader, one: Value, other: Value) -> Value:
    """Return the product of two matrices, and record the size that a weight expects."""
    return tensor_functions.apply(reader, "matmul", [one, other], {})


def _call_local(reader: Reader, local: Local, arguments: Sequence[Value]) -> Value:
    """Return the result of a function that is defined inside another one."""
    definition = local.definition
    parameters = [each.arg for each in (*definition.args.posonlyargs, *definition.args.args)]
    if not reader.reading.enters_local(definition):
        return None
    names = {**local.names, **dict(zip(parameters, arguments, strict=False))}
    frame = Frame(local.function, names, local.instance, local.owner)
    try:
        if isinstance(definition, ast.Lambda):
            return reader.value(definition.body, frame)
        reader.run(definition.body, frame)
    finally:
        reader.reading.calls.pop()
    return next((each for each in frame.returned if each not in (None, Plain(None))), None)


def _keywords(reader: Reader, node: ast.Call, frame: Frame) -> dict[str, Value]:
    return {each.arg or "": reader.value(each.value, frame) for each in node.keywords}


def _append(reader: Reader, base: Group, node: ast.Call, frame: Frame) -> None:
    """Extend a list that a loop fills, under each of its names."""
    longer = Group((*base.items, *reader.values(node.args, frame))[:64])
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        frame.names[node.func.value.id] = longer


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _dictionary_method(reader: Reader, base: Tracked | Keywords, node: ast.Call, frame: Frame) -> Value:
    """Read `batch.get("k")` and the like; a key with a default other than None is optional."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    arguments = reader.values(node.args, frame)
    key = arguments[0].value if arguments and isinstance(arguments[0], Plain) else None
    if isinstance(base, Tracked) and (base.changes or name in ("values", "copy")):
        return base if name == "copy" else None
    if name in ("get", "pop", "setdefault") and type(key) is str:
        if len(arguments) > 1 and name != "setdefault":
            return None
        if isinstance(base, Keywords):
            return keyword(reader, key, "get")
        return reader.read(base, key, "get")
    if isinstance(base, Tracked) and name in ("keys", "items", "update", "get", "pop"):
        reader.table.of(base).is_dictionary = True
    return base if name == "copy" else None


def _builtin(reader: Reader, node: ast.Call, frame: Frame) -> Value | str:
    """Return the result of a function of Python; a string if it is another function."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in ("list", "tuple", "iter", "reversed") and len(node.args) == 1:
        return reader.value(node.args[0], frame)
    if name in ("getattr", "int", "float", "bool", "str", "len", "min", "max", "sum", "dict"):
        arguments = reader.values(node.args, frame)
        keywords = _keywords(reader, node, frame)
        first = arguments[0] if arguments else None
        if name == "getattr" and len(arguments) >= 2 and isinstance(arguments[1], Plain):
            is_optional = len(arguments) > 2 and isinstance(first, Tracked)
            chosen = arguments[1].value
            return reader.attribute(first, chosen) if type(chosen) is str and not is_optional else None
        if name == "dict":
            return Table(keywords) if not arguments else first
        if name in ("len", "min", "max", "int", "float") and isinstance(first, Plain):
            if name == "len" and type(first.value) in (list, tuple, dict, str):
                return Plain(len(first.value))  # type: ignore[arg-type]
            return first if len(arguments) == 1 and name != "len" else None
        if name == "len" and isinstance(first, Part):
            return Plain(len(layers.children_of(first)))
        if name == "len" and isinstance(first, Group):
            return Plain(len(first.items))
        return None
    return "another"
