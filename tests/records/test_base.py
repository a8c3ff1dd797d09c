from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netinspect.records.base import field, record, replace
from netinspect.records.values import Item, Literal, TensorSpec
from tests.records.examples import small_trace, tensor
from tests.records.strategies import record_types, strategy_for

TYPES = record_types()


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_record_is_frozen_slotted_and_keyword_only(cls: Any) -> None:
    assert cls.__struct_config__.frozen
    assert "__dict__" not in vars(cls)
    parameters = inspect.signature(cls).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.__name__)
def test_record_has_own_docstring(cls: Any) -> None:
    assert cls.__doc__


def test_record_refuses_assignment() -> None:
    item = Literal(type="int", text="3")
    with pytest.raises(AttributeError):
        item.text = "4"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        item.other = "4"  # type: ignore[attr-defined]
    assert item == Literal(type="int", text="3")


def test_record_refuses_positional_arguments() -> None:
    with pytest.raises(TypeError):
        Literal("int", "3")  # type: ignore[call-arg]


def test_record_init_fills_defaults() -> None:
    @record
    class Mixed:
        """Has defaults of both kinds."""

        number: int
        text: str = "none"
        entries: list[int] = field(default_factory=list)

    for _ in range(2):
        first, second = Mixed(number=1), Mixed(number=1)
        assert first == Mixed(number=1, text="none", entries=[])
        assert first.entries is not second.entries
        assert replace(first, text="some") == Mixed(number=1, text="some")
        with pytest.raises(TypeError, match="number"):
            Mixed(text="some")  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="other"):
            Mixed(number=1, other=2)  # type: ignore[call-arg]


def test_record_equality_compares_type_and_fields() -> None:
    @record
    class Twin:
        """Has the fields of a `Literal`."""

        type: str
        text: str

    item = Literal(type="int", text="3")
    assert item == Literal(type="int", text="3")
    assert hash(item) == hash(Literal(type="int", text="3"))
    assert item != Literal(type="int", text="4")
    others: list[object] = [Twin(type="int", text="3"), ("int", "3")]
    assert item not in others
    assert {item, Literal(type="int", text="3")} == {item}


def test_record_repr_is_its_constructor_call() -> None:
    item = Item(key="0", value=tensor(2, "N"))
    assert repr(item) == (
        "Item(key='0', value=TensorSpec(shape=(2, 'N'), dtype='float32', device='cpu', bytes=0, "
        "layout=None))"
    )
    assert eval(repr(item), {"Item": Item, "TensorSpec": TensorSpec}) == item


def test_record_uses_repr_of_its_class() -> None:
    @record
    class Short:
        """Has a `__repr__`."""

        number: int

        def __repr__(self) -> str:
            return "<Short>"

    assert repr(Short(number=1)) == "<Short>"


@settings(max_examples=30)
@given(st.sampled_from(TYPES).flatmap(strategy_for))
def test_record_copy_and_pickle_are_equal(item: Any) -> None:
    # A NaN equals itself only as the same object.
    if "nan" not in repr(item):
        assert copy.deepcopy(item) == item
        assert pickle.loads(pickle.dumps(item)) == item


def test_trace_repr_is_short_and_escaped() -> None:
    assert repr(small_trace()) == "<Trace of Net: 3 modules, 3 steps, failed in two>"
    whole = replace(small_trace(), failure=None)
    assert repr(whole) == "<Trace of Net: 3 modules, 3 steps>"
    unrun = replace(whole, ran=False, steps=(), modules=whole.modules[:1])
    assert repr(unrun) == "<Trace of Net: 1 module, not run>"
    hostile = replace(unrun, class_name="A\x1b]0;\u202e")
    assert repr(hostile) == "<Trace of A\\x1b]0;\\u202e: 1 module, not run>"
    at_root = replace(small_trace().failure, module="")
    assert repr(replace(small_trace(), failure=at_root)) == (
        "<Trace of Net: 3 modules, 3 steps, failed>"
    )
