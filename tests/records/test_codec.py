from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netinspect.records.base import field_names, record
from netinspect.records.codec import CodecError, from_data, to_data
from netinspect.records.distribution import Statistics
from netinspect.records.steps import Failure, Step
from netinspect.records.tensors import Gradient
from netinspect.records.trace import Trace
from netinspect.records.values import Item, Literal, Structure, TensorSpec, Value
from tests.records.examples import small_trace, step, tensor
from tests.records.strategies import equal_records, record_types, strategy_for

TYPES = record_types()
Spot = tuple[str | int, ...]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def spots(data: Any, path: Spot = ()) -> Iterator[Spot]:
    """Yield the path of every entry in a document, outermost first."""
    yield path
    if isinstance(data, (dict, list)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from spots(value, (*path, key))


def put(data: Any, spot: Spot, value: Any) -> Any:
    """Return a copy of a document with another value at one path."""
    if not spot:
        return value
    changed = copy.copy(data)
    changed[spot[0]] = put(data[spot[0]], spot[1:], value)
    return changed


def without(data: Any, spot: Spot) -> Any:
    """Return a copy of a document without one entry."""
    if len(spot) > 1:
        changed = copy.copy(data)
        changed[spot[0]] = without(data[spot[0]], spot[1:])
        return changed
    return {key: value for key, value in data.items() if key != spot[0]}


def path_text(spot: Spot) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in spot)


SMALL = to_data(small_trace())
SPOTS = list(spots(SMALL))


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_from_data_restores_every_record_type(cls: type) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy_for(cls))
    def survives(item: Any) -> None:
        data = to_data(item)
        text = json.dumps(data, allow_nan=False)
        again: Any = from_data(cls, json.loads(text))
        assert equal_records(again, item)
        assert json.dumps(to_data(again), allow_nan=False) == text

    survives()


def test_from_data_restores_small_trace() -> None:
    again = from_data(Trace, json.loads(json.dumps(SMALL, allow_nan=False)))
    assert equal_records(again, small_trace())


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (1.5, 1.5),
        (0.1, 0.1),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (-0.0, -0.0),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_codec_keeps_floats_exactly(number: float, data: float | str) -> None:
    sent = to_data(Gradient(shape=(), norm=number))
    assert sent["norm"] == data
    received = from_data(Gradient, json.loads(json.dumps(sent, allow_nan=False))).norm
    assert received.hex() == number.hex()


def test_from_data_reads_int_as_float() -> None:
    # Other programs may write 1.0 as 1.
    norm = from_data(Gradient, {"shape": [], "norm": 1}).norm
    assert norm == 1.0
    assert type(norm) is float


def test_codec_keeps_symbolic_sizes_as_strings() -> None:
    assert to_data(tensor("4*N", 3))["shape"] == ["4*N", 3]
    assert from_data(TensorSpec, to_data(tensor("4*N", 3))).shape == ("4*N", 3)


def test_codec_keeps_kinds_of_nested_values() -> None:
    value = Structure(
        type="dict",
        items=(
            Item(key="a", value=Structure(type="list", items=(Item(key="0", value=tensor(1)),))),
            Item(key="b", value=Literal(type="NoneType", text="None")),
        ),
    )
    data = to_data(value)
    assert data["kind"] == "structure"
    assert data["items"][0]["value"]["items"][0]["value"]["kind"] == "tensor"
    assert data["items"][1]["value"] == {"kind": "literal", "type": "NoneType", "text": "None"}
    assert from_data(Structure, data) == value


def test_from_data_ignores_unknown_entries() -> None:
    def extended(data: Any) -> Any:
        if isinstance(data, dict):
            return {"added": {"kind": ["?"]}, **{key: extended(each) for key, each in data.items()}}
        return [extended(each) for each in data] if isinstance(data, list) else data

    assert equal_records(from_data(Trace, extended(SMALL)), small_trace())


def test_from_data_uses_defaults_for_missing_entries() -> None:
    data = to_data(step(1, "Linear", "one", 0))
    del data["failed"], data["grad_fn"], data["source"]["text"], data["source"]["instruction"]
    read = from_data(Step, data)
    assert (read.failed, read.grad_fn) == (False, None)
    assert read.source is not None
    assert (read.source.text, read.source.instruction) == ("", 0)


@pytest.mark.parametrize(
    ("cls", "data", "message"),
    [
        (Gradient, [], "Gradient: expected object, got array"),
        (Gradient, None, "Gradient: expected object, got null"),
        (Gradient, {"shape": []}, "Gradient: object missing required field norm"),
        (Gradient, {"shape": {}, "norm": 1.0}, "Gradient.shape: expected array, got object"),
        (Gradient, {"shape": [1, 2.5], "norm": 1.0}, "Gradient.shape[1]: expected int | str, got float"),
        (Gradient, {"shape": [True], "norm": 1.0}, "Gradient.shape[0]: expected int | str, got bool"),
        (Gradient, {"shape": [], "norm": "1"}, "Gradient.norm: expected a number, got str"),
        (Gradient, {"shape": [], "norm": True}, "Gradient.norm: expected a number, got bool"),
        (Gradient, {"shape": [], "norm": 10**400}, "Gradient.norm: the number is too large"),
        (Literal, {"type": "int", "text": 3}, "Literal.text: expected str, got int"),
        (
            Failure,
            {**SMALL["failure"], "phase": "sideways"},
            "Failure.phase: invalid enum value 'sideways'",
        ),
        (
            Failure,
            {**SMALL["failure"], "phase": ["forward"]},
            "Failure.phase: expected str, got array",
        ),
        (Failure, {**SMALL["failure"], "step": True}, "Failure.step: expected int | null, got bool"),
        (Item, {"key": "0", "value": {}}, "Item.value: object missing required field kind"),
        (Item, {"key": "0", "value": {"kind": "x"}}, "Item.value.kind: invalid value 'x'"),
        (Item, {"key": "0", "value": {"kind": "\udc80"}}, "Item.value.kind: invalid value '?'"),
        (Item, {"key": "0", "value": {"kind": []}}, "Item.value.kind: expected str, got list"),
        (Gradient, {"shape": "\udc80", "norm": 1.0}, "Gradient.shape: expected array, got str"),
        (Item, {"key": "0", "value": 3}, "Item.value: expected object, got int"),
        (Item, {"key": "0", "value": None}, "Item.value: expected object, got null"),
        (
            Item,
            {"key": "0", "value": {"kind": "structure", "type": "list", "items": [{"key": "0"}]}},
            "Item.value.items[0]: object missing required field value",
        ),
        (
            Trace,
            put(SMALL, ("modules", 1, "hooks", 0, "line"), "7"),
            "Trace.modules[1].hooks[0].line: expected int | null, got str",
        ),
    ],
)
def test_from_data_error_names_path_of_faulty_entry(cls: type, data: Any, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        from_data(cls, data)
    assert str(caught.value).startswith(message)


def test_from_data_error_shortens_values() -> None:
    with pytest.raises(CodecError) as caught:
        from_data(Failure, {**SMALL["failure"], "phase": "x" * 10_000})
    assert len(str(caught.value)) < 300
    with pytest.raises(CodecError) as caught:
        from_data(Item, {"key": "0", "value": {"kind": list(range(10_000))}})
    assert len(str(caught.value)) < 300


@given(st.sampled_from(SPOTS), JSON)
@example(("steps", 0, "inputs", "items", 0, "value", "kind"), {})
@example(("parameters", 0, "gradient", "norm"), 10**400)
@example(("steps", 0, "kind"), "\udc80")
@settings(deadline=None)
def test_from_data_reads_or_refuses_any_document(spot: Spot, value: Any) -> None:
    document = put(SMALL, spot, value)
    try:
        read = from_data(Trace, document)
    except CodecError as error:
        refusal = str(error)
    else:
        refusal = "Trace"
        assert equal_records(from_data(Trace, to_data(read)), read)
    assert refusal.startswith("Trace")


def test_from_data_names_missing_entries_without_default() -> None:
    named = 0
    for spot in SPOTS:
        if not spot or isinstance(spot[-1], int):
            continue
        try:
            again = to_data(from_data(Trace, without(SMALL, spot)))
        except CodecError as error:
            named += 1
            holder = f"Trace{path_text(spot[:-1])}"
            assert str(error) == f"{holder}: object missing required field {spot[-1]}"  # noqa: PT017
        else:
            # Only the entry itself may differ.
            assert put(again, spot, None) == put(SMALL, spot, None)
    assert named > len(SPOTS) / 2


def test_to_data_refuses_other_types() -> None:
    @record
    class Holder:
        """Holds anything."""

        entry: Any

    for entry in (1j, object()):
        with pytest.raises(TypeError, match=f"type {type(entry).__name__} is unsupported"):
            to_data(Holder(entry=entry))


def test_codec_keeps_statistics_that_are_none() -> None:
    statistics = Statistics(mean=None, std=None, min=None, max=None, zeros=0, nan=0, inf=0)
    assert from_data(Statistics, to_data(statistics)) == statistics


def test_codec_keeps_each_kind_of_value() -> None:
    values: tuple[Value, ...] = (
        tensor(2),
        Literal(type="int", text="3"),
        Structure(type="tuple", items=()),
    )
    for value in values:
        item = Item(key="0", value=value)
        assert from_data(Item, to_data(item)) == item


def test_record_fields_have_json_types() -> None:
    for cls in TYPES:
        # `strategy_for` asserts that it supports the type of every field.
        assert strategy_for(cls) is not None
        # JSON documents use these names themselves.
        assert not {"schema", "schema_version"} & set(field_names(cls))
