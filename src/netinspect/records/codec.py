"""Encoding of records as JSON, decoding, and JSON Schemas; all three are derived from type hints.

Records in a union are distinguished by a `kind` entry, whose value is an attribute of their class.
JSON has no NaN or infinity, so such floats are encoded as the strings `NaN`, `Infinity`, `-Infinity`.
"""

from __future__ import annotations

import json
import math
import types
import typing
from typing import Any, TypeVar

import msgspec

from netinspect.records.base import Number, fields

R = TypeVar("R")

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class CodecError(ValueError):
    """The JSON does not match the record; the message has the path of the faulty entry."""


def to_data(value: Any) -> Any:
    """Encode a record, or a tuple of records, as dicts, lists, strings, numbers and None.

    Raises:
        TypeError: A field holds a value of another type, which could not be decoded.
    """
    return _without_non_finite(msgspec.to_builtins(value))


def to_json(value: Any, identity: dict[str, Any] | None = None, *, indent: int | None = None) -> str:
    """Encode a record as a JSON document in ASCII; equal records give equal documents.

    Args:
        value: The record.
        identity: Entries before those of the record, such as the schema version.
        indent: Spaces of each level; None for one line.
    """
    data = (identity or {}) | msgspec.to_builtins(value)
    separators = (",", ":") if indent is None else None
    try:
        return json.dumps(data, allow_nan=False, indent=indent, separators=separators)
    except ValueError:
        data = _without_non_finite(data)
        return json.dumps(data, allow_nan=False, indent=indent, separators=separators)


def from_json(cls: type[R], document: str) -> R:
    """Decode a record of class `cls` from a JSON document, in much less time than `from_data`.

    Raises:
        CodecError: An entry is missing or of another type.
        ValueError: It is not JSON.
    """
    try:
        return msgspec.json.decode(document, type=cls, dec_hook=_decode_number)
    except msgspec.ValidationError as error:
        raise _codec_error(cls, error) from None
    except msgspec.DecodeError:
        # It is not JSON, or escapes a lone surrogate, as of a file name, which msgspec refuses.
        return from_data(cls, json.loads(document))


def from_data(cls: type[R], data: Any) -> R:
    """Decode a record of class `cls` from the output of `to_data`.

    Unknown entries are ignored, so that a newer version may add fields.

    Raises:
        CodecError: An entry is missing or of another type.
    """
    try:
        return msgspec.convert(data, cls, dec_hook=_decode_number)
    except msgspec.ValidationError as error:
        raise _codec_error(cls, error) from None
    except UnicodeEncodeError:  # raised for a lone surrogate in an entry of another type
        replaced = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
        return from_data(cls, json.loads(replaced))


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


def _without_non_finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, dict):
        return {key: _without_non_finite(each) for key, each in data.items()}
    if isinstance(data, (list, tuple)):
        return [_without_non_finite(each) for each in data]
    return data


def _decode_number(hint: type, data: Any) -> Any:
    if isinstance(data, str) and data in _NON_FINITE:
        return _NON_FINITE[data]
    if type(data) not in (int, float):
        raise ValueError(f"expected a number, got {type(data).__name__}")
    try:
        return float(data)
    except OverflowError:
        raise ValueError("the number is too large") from None


def _codec_error(cls: type, error: msgspec.ValidationError) -> CodecError:
    # msgspec writes: Expected `int`, got `str` - at `$.steps[1].index`
    what, _, path = str(error).partition(" - at `$")
    what = what[:1].lower() + what[1:].replace("`", "")
    return CodecError(
        f"{cls.__name__}{path.rstrip('`')}: {what if len(what) < 200 else what[:200] + '...'}"
    )


_SCALAR_SCHEMAS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Number: {"anyOf": [{"type": "number"}, {"enum": list(_NON_FINITE)}]},
    type(None): {"type": "null"},
}


def _schema_of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint in _SCALAR_SCHEMAS:
        return dict(_SCALAR_SCHEMAS[hint])
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema_of(member, definitions) for member in typing.get_args(hint)]}
    if origin is tuple:
        return {"type": "array", "items": _schema_of(typing.get_args(hint)[0], definitions)}
    if origin is typing.Literal:
        return {"enum": list(typing.get_args(hint))}
    name = hint.__name__
    if name not in definitions:
        definitions[name] = {}  # ends the recursion for a record that contains itself
        tag = hint.__struct_config__.tag
        constants = {} if tag is None else {"kind": {"const": tag}}
        definitions[name] = {
            "description": " ".join((hint.__doc__ or "").split()),
            "type": "object",
            "properties": constants
            | {field.name: _schema_of(field.type, definitions) for field in fields(hint)},
            "required": [*constants, *(field.name for field in fields(hint) if field.required)],
        }
    return {"$ref": f"#/$defs/{name}"}
