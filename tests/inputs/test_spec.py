"""Tests of the input spec grammar and of `InputRequest`."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netinspect.errors import UsageError
from netinspect.inputs.request import InputRequest
from netinspect.inputs.spec import DTYPES, InputSpec, parse_spec
from netinspect.records.trace import split_specs

TOO_LARGE = "its sizes are too large: no more than 17,179,869,184 elements fit in memory"


def spec(
    *shape: int,
    name: str | None = None,
    dtype: str = "float32",
    low: float | None = None,
    high: float | None = None,
    values: tuple[float, ...] = (),
) -> InputSpec:
    return InputSpec(name=name, shape=shape, dtype=dtype, low=low, high=high, values=values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10x1x28x28", spec(10, 1, 28, 28)),
        ("7", spec(7)),
        ("0", spec(0)),
        ("0x3", spec(0, 3)),
        ("007x03", spec(7, 3)),
        ("x=2x3x32x32", spec(2, 3, 32, 32, name="x")),
        ("x=3", spec(3, name="x")),
        (" x = 2 x 3 ", spec(2, 3, name="x")),
        ("größe=2x3", spec(2, 3, name="größe")),
        ("2X3", spec(2, 3)),
        ("2×3", spec(2, 3)),  # noqa: RUF001
        # Shapes pasted from Python or from netinspect's output.
        ("(10, 1, 28, 28)", spec(10, 1, 28, 28)),
        ("[10, 1]", spec(10, 1)),
        ("10,1", spec(10, 1)),
        ("(3,)", spec(3)),
        ("( 3, )", spec(3)),
        ("()", spec()),
        ("[]", spec()),
        ("scalar", spec()),
        ("Scalar", spec()),
        ("flag=scalar:bool", spec(name="flag", dtype="bool")),
        ("n=scalar:int64:3..3", spec(name="n", dtype="int64", low=3, high=3)),
        ("2x16:int64", spec(2, 16, dtype="int64")),
        ("ids=2x16:int64:0..999", spec(2, 16, name="ids", dtype="int64", low=0, high=999)),
        ("ids=2x16: int64 : 0 .. 999", spec(2, 16, name="ids", dtype="int64", low=0, high=999)),
        ("2x16:torch.int64", spec(2, 16, dtype="int64")),
        ("3:0..1", spec(3, low=0, high=1)),
        ("grid=1x3:int64:1,4,4", spec(1, 3, name="grid", dtype="int64", values=(1, 4, 4))),
        ("2: 0.5, -1", spec(2, values=(0.5, -1))),
        ("4:int64:7,", spec(4, dtype="int64", values=(7,))),
        ("3:-1..1", spec(3, low=-1, high=1)),
        ("3:-1.5..-.5", spec(3, low=-1.5, high=-0.5)),
        ("3:1e-3..1E3", spec(3, low=0.001, high=1000)),
        ("3:float16:-65504..65504", spec(3, dtype="float16", low=-65504, high=65504)),
        ("3:uint8:0..255", spec(3, dtype="uint8", low=0, high=255)),
        ("3:int8:-128..127", spec(3, dtype="int8", low=-128, high=127)),
        ("3:int32:-2147483648..2147483647", spec(3, dtype="int32", low=-(2**31), high=2**31 - 1)),
        # Integers that a float cannot represent exactly.
        ("3:int64:0..9007199254740993", spec(3, dtype="int64", low=0, high=2**53 + 1)),
        ("17179869184", spec(1 << 34)),
    ],
)
def test_parse_spec_valid(text: str, expected: InputSpec) -> None:
    assert parse_spec(text) == expected


@pytest.mark.parametrize(
    ("alias", "dtype"),
    [
        *((dtype, dtype) for dtype in DTYPES),
        ("float", "float32"),
        ("double", "float64"),
        ("half", "float16"),
        ("bf16", "bfloat16"),
        ("fp16", "float16"),
        ("fp32", "float32"),
        ("fp64", "float64"),
        ("f16", "float16"),
        ("f32", "float32"),
        ("long", "int64"),
        ("int", "int64"),
        ("i64", "int64"),
        ("i32", "int32"),
        ("u8", "uint8"),
        ("FLOAT16", "float16"),
        ("torch.bfloat16", "bfloat16"),
    ],
)
def test_parse_spec_dtype_aliases(alias: str, dtype: str) -> None:
    assert parse_spec(f"2:{alias}").dtype == dtype


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "it has no sizes"),
        ("   ", "it has no sizes"),
        ("x=", "it has no sizes"),
        (":int64", "it has no sizes"),
        (",", "it has no sizes"),
        ("=3", "'' is not an argument name"),
        ("1a=3", "'1a' is not an argument name"),
        ("a b=3", "'a b' is not an argument name"),
        ("a=b=3", "'a=b' is not an argument name"),
        ("xs=[3x8,3x8]", "sizes are separated by commas and by x; a list of two is 3x8:list2"),
        ("abc", "'abc' is not a size"),
        ("3x", "'' is not a size"),
        ("x3", "'' is not a size"),
        ("3xx3", "'' is not a size"),
        ("3 3", "'3 3' is not a size"),
        ("-1x3", "'-1' is not a size"),
        ("1.5", "'1.5' is not a size"),
        ("1_000", "'1_000' is not a size"),
        ("٣", "'٣' is not a size"),  # digits for str.isdigit, but not ASCII
        ("3xscalar", "'scalar' is not a size"),
        ("3:", "'' is not a dtype"),
        ("3::0..1", "'' is not a dtype"),
        ("3:string", "'string' is not a dtype"),
        ("3:int64:1,2.5", "int64 holds integers only"),
        ("3:uint8:1,256", "uint8 holds only 0..255"),
        ("3:int64:0..1:1,2", "expected at most a shape, a dtype and a range"),
        ("3:0..1:1,2", "expected one range or one list of values"),
        ("3:7", "'7' is not a dtype"),
        ("3:float32:float32", "'float32' is not a range like 0..999"),
        ("3:0..1:int64", "'int64' is not a range like 0..999"),
        ("3:0..1:5..9", "expected one range or one list of values"),
        ("3:int64:0..1:x", "expected at most a shape, a dtype and a range"),
        ("3:..", "'..' is not a range like 0..999"),
        ("3:1..", "'1..' is not a range like 0..999"),
        ("3:..1", "'..1' is not a range like 0..999"),
        ("3:a..b", "'a..b' is not a range like 0..999"),
        ("3:0..1..2", "'0..1..2' is not a range like 0..999"),
        ("3:2..1", "the range 2..1 is empty"),
        ("3:nan..1", "an end of the range is not a number"),
        ("3:0..inf", "an end of the range is too large"),
        ("3:-1e400..0", "an end of the range is too large"),
        ("3:0..1e300", "an end of the range is too large"),
        ("3:int64:0..9223372036854775808", "an end of the range is too large"),
        (
            "3:int64:0..9223372036854775807",
            "int64 holds only -9223372036854775807..9223372036854775806",
        ),
        ("3:int64:0..1.5", "a range of int64 needs integer ends"),
        ("3:int64:0.5..1", "a range of int64 needs integer ends"),
        ("3:bool:0..2", "bool holds only 0..1"),
        ("3:complex64:0..1", "complex64 does not take a range"),
        # Values beyond these limits would wrap around or become infinite.
        ("3:uint8:-1..1", "uint8 holds only 0..255"),
        ("3:uint8:0..256", "uint8 holds only 0..255"),
        ("3:int8:0..999", "int8 holds only -128..127"),
        ("3:int16:0..32768", "int16 holds only -32768..32767"),
        ("3:int32:0..2147483648", "int32 holds only -2147483648..2147483647"),
        ("3:float16:0..65505", "float16 holds only -65504..65504"),
        ("17179869185", TOO_LARGE),
        ("131072x131073", TOO_LARGE),
        ("1234567890123", TOO_LARGE),
        # Empty, but torch computes its strides as if it were not.
        ("0x999999999999x999999999999", TOO_LARGE),
    ],
)
def test_parse_spec_invalid_names_the_part(text: str, cause: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)
    assert caught.value.message == f"cannot read the input spec {text!r}"
    assert caught.value.cause == cause
    assert caught.value.hint


def test_parse_spec_mistyped_dtype_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec("3:flaot32")
    assert caught.value.hint == "did you mean 'float32'?"


def test_parse_spec_unknown_dtype_lists_all() -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec("3:qqqq")
    assert caught.value.hint == f"one of {', '.join(DTYPES)}"


@pytest.mark.parametrize("text", ["x".join(["999999999999"] * 400), "9" * 5000, "1:" + "9" * 5000])
def test_parse_spec_long_text_short_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)
    assert len(caught.value.message) < 200
    assert len(caught.value.cause or "") < 200


def test_parse_spec_many_dimensions() -> None:
    assert len(parse_spec("x".join(["1"] * 500)).shape) == 500


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x = 2 x 3", "x=2x3"),
        ("2x3:float", "2x3:float32"),
        ("2x3:half", "2x3:float16"),
        ("scalar:int", "scalar:int64"),
        ("()", "scalar"),
        # The grammar requires the dtype before the range.
        ("3:0..1", "3:float32:0..1"),
        ("3:0.50..1.0", "3:float32:0.5..1"),
        ("3:int64:0..9007199254740993", "3:int64:0..9007199254740993"),
    ],
)
def test_spec_str_is_canonical(text: str, canonical: str) -> None:
    assert str(parse_spec(text)) == canonical


LIMITS = {
    "uint8": (0, 255),
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63) + 1, 2**63 - 2),
}


@st.composite
def specs(draw: st.DrawFn) -> InputSpec:
    name = draw(st.none() | st.text(min_size=1).filter(str.isidentifier))
    shape = tuple(draw(st.lists(st.integers(0, 300), max_size=4)))
    dtype = draw(st.sampled_from(DTYPES))
    low = high = None
    if dtype not in ("bool", "complex64", "complex128") and draw(st.booleans()):
        ends: st.SearchStrategy[float]
        if dtype in LIMITS:
            ends = st.integers(*LIMITS[dtype])
        else:
            most = 65504.0 if dtype == "float16" else 2.0**62
            ends = st.floats(-most, most, width=16 if dtype == "float16" else 64)
        if draw(st.booleans()):
            values = tuple(draw(st.lists(ends, min_size=1, max_size=4)))
            return InputSpec(name=name, shape=shape, dtype=dtype, values=values)
        low, high = sorted((draw(ends), draw(ends)))
    return InputSpec(name=name, shape=shape, dtype=dtype, low=low, high=high)


@pytest.mark.slow
@given(specs())
def test_spec_str_round_trip(given_spec: InputSpec) -> None:
    again = parse_spec(str(given_spec))
    assert again == given_spec
    assert str(again) == str(given_spec)


@given(
    st.text()
    | st.text(alphabet="x=:.0123456789-+eE,()[] int64floatbo_nasclr×", max_size=40)  # noqa: RUF001
    | st.lists(
        st.sampled_from(["x", "=", ":", "..", "1", "99999999999", "int8", "scalar", "nan", "1e9", " "])
    ).map("".join)
)
@example("\ud800")
@example("x=\x1b[31m")
@example("3:int64:-inf..inf")
def test_parse_spec_any_text(text: str) -> None:
    try:
        parsed = parse_spec(text)
    except UsageError as error:
        explanation = (error.cause, error.hint)
    else:
        explanation = ("", "")
        assert parse_spec(str(parsed)) == parsed
    assert None not in explanation


def test_with_batch_replaces_first_size() -> None:
    assert parse_spec("x=10x1x28x28:float64:0..1").with_batch(3) == parse_spec(
        "x=3x1x28x28:float64:0..1"
    )
    assert parse_spec("10x1").with_batch(0).shape == (0, 1)


@pytest.mark.parametrize("text", ["10x1", "scalar"])
def test_with_batch_none_is_identity(text: str) -> None:
    assert parse_spec(text).with_batch(None) == parse_spec(text)


def test_with_batch_scalar_is_unchanged() -> None:
    assert parse_spec("flag=scalar:bool").with_batch(3) == parse_spec("flag=scalar:bool")


def test_with_batch_limits() -> None:
    with pytest.raises(UsageError, match="cannot set the batch of 10x1024 to 999999999999") as caught:
        parse_spec("10x1024").with_batch(999999999999)
    assert caught.value.cause == TOO_LARGE
    with pytest.raises(UsageError, match="cannot set the batch of 10x1024 to -1") as caught:
        parse_spec("10x1024").with_batch(-1)
    assert caught.value.cause == "expected 0 or more"


def test_input_request_parses_specs_in_order() -> None:
    request = InputRequest.parse(("x=2x3", "4:int64"), batch=7, seed=11)
    assert request.specs == (spec(2, 3, name="x"), spec(4, dtype="int64"))
    assert (request.batch, request.seed) == (7, 11)


def test_input_request_default() -> None:
    assert InputRequest.parse() == InputRequest(specs=(), batch=None, seed=0)


def test_input_request_invalid_spec() -> None:
    with pytest.raises(UsageError, match="cannot read the input spec 'y'"):
        InputRequest.parse(("2x3", "y"))


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("n:=3", 3, "n:=3"),
        ("rate:=0.5", 0.5, "rate:=0.5"),
        ('mode:="scores"', "scores", "mode:='scores'"),
        ("mode:=scores", "scores", "mode:='scores'"),
        ("mode:='two words'", "two words", "mode:='two words'"),
        ("a:='b=c'", "b=c", "a:='b=c'"),
        ("sizes:=[2, 3]", [2, 3], "sizes:=[2, 3]"),
        ("sizes:=(2,3)", (2, 3), "sizes:=(2, 3)"),
        ("flag:=True", True, "flag=True"),
        ("state:=None", None, "state=None"),
        (":=3", 3, ":=3"),
        ("batch.kind:=7", 7, "batch.kind:=7"),
    ],
)
def test_parse_spec_plain_value(text: str, value: object, shown: str) -> None:
    spec = parse_spec(text)
    assert spec.value == value
    assert type(spec.value) is type(value)
    assert str(spec) == shown
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize(
    "text", ["n:=", "n:=[1, 2", "n:=print(1)", "n:=2 +", "2n:=3", "n:=" + "1" * 20_000]
)
def test_parse_spec_plain_value_malformed(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the input spec"):
        parse_spec(text)


def test_split_specs_values_with_spaces() -> None:
    parts = ["x=2x3", "mode:='two words'", "sizes:=[2, 3]", r"text:='it\'s \\'", "y=1x4:int64:0..9"]
    assert split_specs(" ".join(parts)) == parts
    assert split_specs("") == []
    assert split_specs("a:='unclosed b") == ["a:='unclosed b"]
