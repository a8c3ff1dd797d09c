"""Encoding of records as JSON, decoding, and JSON Schemas; all three are derived from type hints.

Records in a union are distinguished by a `kind` entry, whose value is an attribute of their class.
JSON has no NaN or infinity, so such floats are encoded as the strings `NaN`, `Infinity`, `-Infinity`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import reprlib
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class CodecError(ValueError):
    """The JSON does not match the record; the message has the path of the faulty entry."""


def to_data(value: Any) -> Any:
    """Encode a record, or a tuple of records, as dicts, lists, strings, numbers and None.

    Raises:
        TypeError: A field holds a value of another type, which could not be decoded.
    """
    cls: Any = type(value)
    if cls is str or cls is int or cls is bool or value is None:
        return value
    if cls is tuple:
        return [to_data(item) for item in value]
    if cls is float:
        return value if math.isfinite(value) else _encode_non_finite(value)
    data: dict[str, Any] = {"kind": cls.kind} if hasattr(cls, "kind") else {}
    for name in _field_types(cls):
        data[name] = to_data(getattr(value, name))
    return data


def from_data(cls: type[R], data: Any) -> R:
    """Decode a record of class `cls` from the output of `to_data`.

    Unknown entries are ignored, so that a newer version may add fields.

    Raises:
        CodecError: An entry is missing or of another type.
    """
    record: Any = cls
    result: R = _decoder(record)(data, cls.__name__)
    return result


def json_schema(cls: type, *, title: str, identity: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a record class.

    It requires what `from_data` requires: fields with a default are optional, so that older documents
    stay valid when such a field is added. Unknown entries are allowed.

    Args:
        cls: The record class.
        title: Title of the document.
        identity: Constant entries in addition to the record's own, such as the schema version.
    """
    definitions: dict[str, Any] = {}
    _schema_of(cls, definitions)
    root = definitions.pop(cls.__name__)
    root["properties"] = {
        **{key: {"const": value} for key, value in identity.items()},
        **root["properties"],
    }
    root["required"] = [*identity, *root["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _encode_non_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@functools.cache
def _field_types(cls: Any) -> dict[str, Any]:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"cannot save a {cls.__name__}: it is not a record")
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _optional_fields(cls: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(cls) if field.default is not dataclasses.MISSING}


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _union_members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return ()


Decoder = Callable[[Any, str], Any]


@functools.cache
def _decoder(hint: Any) -> Decoder:
    if _is_record(hint):
        return _record_decoder(hint)
    if members := _union_members(hint):
        return _union_decoder(members)
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _tuple_decoder(typing.get_args(hint)[0])
    if origin is typing.Literal:
        return _choice_decoder(typing.get_args(hint))
    if hint is float:
        return _decode_float
    return _scalar_decoder(hint)


def _record_decoder(cls: type) -> Decoder:
    # Decoders of the fields are created at the first call, since records may contain themselves.
    plan: list[tuple[str, Decoder, bool]] = []

    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, dict):
            raise CodecError(f"{path}: expected an object, found {type(data).__name__}")
        if not plan:
            optional = _optional_fields(cls)
            plan.extend(
                (name, _decoder(hint), name in optional) for name, hint in _field_types(cls).items()
            )
        values = {}
        for name, decoder, is_optional in plan:
            if name in data:
                values[name] = decoder(data[name], f"{path}.{name}")
            elif not is_optional:
                raise CodecError(f"{path}: no entry {name!r}")
        return cls(**values)

    return decode


def _union_decoder(members: tuple[Any, ...]) -> Decoder:
    by_kind = {member.kind: member for member in members if hasattr(member, "kind")}
    records = [member for member in members if _is_record(member)]
    others = [member for member in members if not _is_record(member)]

    def decode(data: Any, path: str) -> Any:
        if data is None and type(None) in others:
            return None
        if isinstance(data, dict) and records:
            kind = data.get("kind")
            known = by_kind.get(kind) if isinstance(kind, str) else None
            cls = known if len(records) > 1 else records[0]
            if cls is None:
                raise CodecError(f"{path}: unknown kind {reprlib.repr(kind)}")
            return _decoder(cls)(data, path)
        for member in others:
            if member is type(None):
                continue
            try:
                return _decoder(member)(data, path)
            except CodecError:
                continue
        raise CodecError(f"{path}: unexpected {type(data).__name__}")

    return decode


def _tuple_decoder(item: Any) -> Decoder:
    decode_item = _decoder(item) if not _is_record(item) else None

    def decode(data: Any, path: str) -> Any:
        if not isinstance(data, list):
            raise CodecError(f"{path}: expected a list, found {type(data).__name__}")
        decoder = decode_item or _decoder(item)
        return tuple(decoder(entry, f"{path}[{index}]") for index, entry in enumerate(data))

    return decode


def _choice_decoder(choices: tuple[Any, ...]) -> Decoder:
    def decode(data: Any, path: str) -> Any:
        if data not in choices:
            known = ", ".join(map(repr, choices))
            raise CodecError(f"{path}: expected one of {known}; found {reprlib.repr(data)}")
        return data

    return decode


def _scalar_decoder(cls: type) -> Decoder:
    def decode(data: Any, path: str) -> Any:
        # `isinstance(True, int)` is true, but a bool is not accepted as an int.
        if type(data) is not cls:
            raise CodecError(f"{path}: expected {cls.__name__}, found {type(data).__name__}")
        return data

    return decode


def _decode_float(data: Any, path: str) -> float:
    if isinstance(data, str) and data in _NON_FINITE:
        return _NON_FINITE[data]
    if type(data) not in (int, float):
        raise CodecError(f"{path}: expected a number, found {type(data).__name__}")
    try:
        return float(data)
    except OverflowError:
        raise CodecError(f"{path}: the number is too large") from None


_SCALAR_SCHEMAS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"anyOf": [{"type": "number"}, {"enum": list(_NON_FINITE)}]},
    type(None): {"type": "null"},
}


def _schema_of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint in _SCALAR_SCHEMAS:
        return dict(_SCALAR_SCHEMAS[hint])
    if members := _union_members(hint):
        return {"anyOf": [_schema_of(member, definitions) for member in members]}
    origin = typing.get_origin(hint)
    if origin is tuple:
        return {"type": "array", "items": _schema_of(typing.get_args(hint)[0], definitions)}
    if origin is typing.Literal:
        return {"enum": list(typing.get_args(hint))}
    name = hint.__name__
    if name not in definitions:
        definitions[name] = {}  # ends the recursion for a record that contains itself
        properties: dict[str, Any] = {}
        if hasattr(hint, "kind"):
            properties["kind"] = {"const": hint.kind}
        for field_name, field_hint in _field_types(hint).items():
            properties[field_name] = _schema_of(field_hint, definitions)
        definitions[name] = {
            "description": " ".join((hint.__doc__ or "").split()),
            "type": "object",
            "properties": properties,
            "required": [each for each in properties if each not in _optional_fields(hint)],
        }
    return {"$ref": f"#/$defs/{name}"}
