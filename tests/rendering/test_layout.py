"""Tests of table layout: columns that fit, their widths, and shortened text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from netinspect._utils.safe_text import safe
from netinspect.records.base import replace
from netinspect.rendering.document import Cell, Column, Document, Row, Table, line, make_table
from netinspect.rendering.layout import (
    GAP,
    Fitted,
    cut,
    cut_apart,
    fit,
    text_width,
    wanted_columns,
)
from netinspect.rendering.terminal import format_terminal


def table(
    *columns: Column[object], rows: tuple[tuple[str, ...], ...] = (), footer: tuple[str, ...] = ()
) -> Table:
    def row(texts: tuple[str, ...]) -> Row:
        return Row(cells=tuple(Cell(text=text, value=text) for text in texts))

    return Table(
        name="", columns=columns, rows=tuple(map(row, rows)), footer=(row(footer),) if footer else ()
    )


def column(
    key: str, *, drop: int = 0, min_width: int | None = None, shown: bool = True
) -> Column[object]:
    return Column(key=key, value=str, drop=drop, min_width=min_width, shown=shown)


def total(fitted: list[Fitted]) -> int:
    return sum(each.total for each in fitted) + GAP * (len(fitted) - 1)


def widths(fitted: list[Fitted]) -> dict[str, int]:
    return {each.column.key: each.width for each in fitted}


# --- choice of columns -------------------------------------------------------------------------------


def test_fit_least_width_widens_columns_without_a_limit() -> None:
    wide = replace(column("name"), least_width=9)
    assert widths(fit(table(wide, rows=(("a",),)), None, None)) == {"name": 9}
    assert widths(fit(table(wide, rows=(("a" * 12,),)), None, None)) == {"name": 12}
    assert widths(fit(table(wide, rows=(("a",),)), 40, None)) == {"name": 4}


NAME, SHAPE, NOTE, HIDDEN = (
    column("name", min_width=6),
    column("shape"),
    column("note", drop=1, min_width=3),
    column("hidden", drop=2, shown=False),
)
LAYERS = table(
    NAME,
    SHAPE,
    NOTE,
    HIDDEN,
    rows=(("encoder.layer", "(10, 20)", "trainable", "x"), ("fc", "(1,)", "", "a long text")),
    footer=("total", "", "", ""),
)


def test_fit_without_width_uses_widest_cells() -> None:
    assert widths(fit(LAYERS, None, None)) == {"name": 13, "shape": 8, "note": 9}
    assert widths(fit(LAYERS, 34, None)) == {"name": 13, "shape": 8, "note": 9}


def test_fit_includes_heading_and_footer_widths() -> None:
    assert widths(fit(table(column("parameters"), rows=(("1",),)), None, None)) == {"parameters": 10}
    assert widths(fit(table(column("a"), rows=(("1",),), footer=("1,000",)), None, None)) == {"a": 5}


def test_fit_narrows_widest_elastic_column_first() -> None:
    columns = (replace(NAME, elide="middle"), SHAPE, replace(NOTE, elide="middle"), HIDDEN)
    layers = replace(LAYERS, columns=columns)
    assert widths(fit(layers, 33, None)) == {"name": 12, "shape": 8, "note": 9}
    assert widths(fit(layers, 29, None)) == {"name": 8, "shape": 8, "note": 9}
    assert widths(fit(layers, 21, None)) == {"name": 6, "shape": 8, "note": 3}


def test_fit_drops_optional_column() -> None:
    assert widths(fit(LAYERS, 20, None)) == {"name": 10, "shape": 8}
    assert widths(fit(LAYERS, 16, None)) == {"name": 6, "shape": 8}


def test_fit_drops_highest_drop_value_first() -> None:
    three = table(column("aaaa", drop=1), column("bbbb", drop=3), column("cccc", drop=2), column("dddd"))
    assert list(widths(fit(three, 22, None))) == ["aaaa", "bbbb", "cccc", "dddd"]
    assert list(widths(fit(three, 21, None))) == ["aaaa", "cccc", "dddd"]
    assert list(widths(fit(three, 15, None))) == ["aaaa", "dddd"]
    assert list(widths(fit(three, 9, None))) == ["dddd"]


def test_fit_drops_columns_of_equal_drop_value_together() -> None:
    pair = table(column("name"), column("min", drop=1), column("max", drop=1), column("mean"))
    assert list(widths(fit(pair, 20, None))) == ["name", "min", "max", "mean"]
    assert list(widths(fit(pair, 19, None))) == ["name", "mean"]
    assert list(widths(fit(table(column("min", drop=1), column("max", drop=1)), 4, None))) == ["min"]


def test_fit_leaves_at_least_one_column() -> None:
    assert widths(fit(table(column("aaaa", drop=1), column("bb", drop=2)), 3, None)) == {"aaaa": 3}


def test_fit_narrows_required_columns_below_minimum() -> None:
    assert widths(fit(LAYERS, 12, None)) == {"name": 5, "shape": 5}
    assert widths(fit(LAYERS, 4, None)) == {"name": 1, "shape": 1}
    assert widths(fit(LAYERS, 0, None)) == {"name": 1, "shape": 1}


def test_fit_narrows_numbers_last() -> None:
    mean: Column[object] = Column(key="mean", value=str, align="right")
    numbers = table(NAME, mean, rows=(("a.weight", "-1.318e-07"),))
    assert widths(fit(numbers, 17, None)) == {"name": 5, "mean": 10}
    assert widths(fit(numbers, 16, None)) == {"name": 5, "mean": 9}


def test_fit_shows_all_chosen_columns_in_given_order() -> None:
    assert widths(fit(LAYERS, None, ["hidden", "name"])) == {"hidden": 11, "name": 13}
    assert list(widths(fit(LAYERS, None, ["hidden", "name"]))) == ["hidden", "name"]
    assert list(widths(fit(LAYERS, 10, ["note", "hidden"]))) == ["note", "hidden"]
    assert [each.position for each in fit(LAYERS, None, ["note", "name"])] == [2, 0]


def test_fit_shows_column_chosen_twice_once() -> None:
    assert list(widths(fit(LAYERS, None, ["name", "shape", "name"]))) == ["name", "shape"]


@pytest.mark.parametrize("chosen", [None, [], ["other"]])
def test_fit_without_chosen_columns_shows_defaults(chosen: list[str] | None) -> None:
    assert wanted_columns(LAYERS, chosen) is None
    assert list(widths(fit(LAYERS, None, chosen))) == ["name", "shape", "note"]


def test_wanted_columns_ignores_unknown_columns() -> None:
    assert wanted_columns(LAYERS, ["other", "hidden"]) == ["hidden"]


@pytest.mark.parametrize(
    ("cell", "width"),
    [
        (Cell(text="conv1", value=None), 5),
        (Cell(text="", value=None), 0),
        (Cell(text="层", value=None), 2),
        (Cell(text="e\u0301", value=None), 1),
        (Cell(text="\x1b", value=None), 4),  # shown escaped
        (Cell(text="\u200b", value=None), 6),
    ],
)
def test_text_width(cell: Cell, width: int) -> None:
    assert text_width(cell) == width


# --- any table -----------------------------------------------------------------------------------

TEXTS = st.text(
    st.characters(codec="utf-8") | st.sampled_from("层权重🙂🇩🇪é\u0301\ufe0f⚠👍🏽a "), max_size=30
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    count = draw(st.integers(1, 6))
    columns = tuple(
        Column(
            key=f"c{index}{draw(st.text('abc', max_size=8))}",
            value=str,
            drop=draw(st.integers(0, 3)),
            min_width=draw(st.none() | st.integers(1, 12)),
            shown=index == 0 or draw(st.booleans()),
            bar=draw(st.sampled_from([None, float])),
            tree=index == 0 and draw(st.booleans()),
        )
        for index in range(count)
    )
    cells = st.builds(Cell, text=TEXTS, value=st.none(), bar=st.none() | st.floats(0, 1))
    row = st.builds(Row, cells=st.tuples(*[cells] * count), level=st.integers(0, 4))
    rows = st.lists(row, max_size=3).map(tuple)
    return Table(name="", columns=columns, rows=draw(rows), footer=draw(rows))


CHOSEN = st.none() | st.lists(st.integers(0, 7), max_size=4)


def keys_at(any_table: Table, positions: list[int] | None) -> list[str] | None:
    """Return the keys of columns by position; a position beyond the last has an unknown key."""
    if positions is None:
        return None
    keys = [each.key for each in any_table.columns]
    return [keys[at] if at < len(keys) else "unknown" for at in positions]


@given(tables(), st.integers(0, 120), CHOSEN)
def test_fit_total_width_is_within_limit(
    any_table: Table, width: int, positions: list[int] | None
) -> None:
    chosen = keys_at(any_table, positions)
    natural = fit(any_table, None, chosen)
    fitted = fit(any_table, width, chosen)
    assert fitted
    fitted_positions = {each.position for each in fitted}
    # Each remaining column has at least one cell.
    least = sum(min(1, each.width) for each in natural if each.position in fitted_positions) + GAP * (
        len(fitted_positions) - 1
    )
    assert total(fitted) <= max(width, least)
    if total(fitted) > width:
        # Only if no further column can be dropped.
        droppable = [each for each in fitted if each.column.drop] if chosen is None else []
        assert not droppable or len(fitted) == 1


@given(tables(), st.integers(0, 120), CHOSEN)
def test_fit_uses_whole_width(any_table: Table, width: int, positions: list[int] | None) -> None:
    chosen = keys_at(any_table, positions)
    natural = fit(any_table, None, chosen)
    fitted = fit(any_table, width, chosen)
    whole = {each.position: each.width for each in natural}
    assert all(each.width <= whole[each.position] for each in fitted)
    assert all(each.bar <= full.bar for each in fitted for full in natural if full[:2] == each[:2])
    if total(natural) <= width:
        assert fitted == natural
    elif any(each.width < whole[each.position] for each in fitted):
        assert total(fitted) >= width
    # The order of the columns does not change.
    order = [each.position for each in natural]
    assert [each.position for each in fitted] == [at for at in order if at in set(map(_at, fitted))]


def _at(fitted: Fitted) -> int:
    return fitted.position


@given(tables(), st.integers(0, 120), st.integers(0, 120))
def test_fit_shows_same_or_more_columns_in_more_width(any_table: Table, one: int, other: int) -> None:
    low, high = sorted((one, other))
    narrow = {each.position for each in fit(any_table, low, None)}
    wide = {each.position for each in fit(any_table, high, None)}
    assert narrow <= wide


# --- cutting -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width", "end", "middle"),
    [
        ("encoder", 7, "encoder", "encoder"),
        ("encoder", 9, "encoder", "encoder"),
        ("encoder", 6, "encod…", "enc…er"),
        ("encoder", 5, "enco…", "en…er"),
        ("encoder", 3, "en…", "e…r"),
        ("encoder", 2, "e…", "e…"),
        ("encoder", 1, "…", "…"),
        ("encoder", 0, "", ""),
        ("encoder", -3, "", ""),
        ("", 0, "", ""),
        ("a b c d", 3, "a…", "a…d"),  # no blank before the ellipsis
        ("(1, 64, 112, 112)", 16, "(1, 64, 112,…", "(1, 64,…2, 112)"),  # no part of a number
        ("TransformerEncoderLayer", 20, "TransformerEncoder…", "Transforme…oderLayer"),
        ("TransformerEncoderLayer", 10, "Transform…", "Trans…ayer"),
        ("层权重量", 8, "层权重量", "层权重量"),
        ("层权重量", 7, "层权重…", "层…量"),
        ("层权重量", 6, "层权…", "层…量"),
        ("层权重量", 4, "层…", "层…"),
        ("层权重量", 2, "…", "…"),
        ("e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…", "e\u0301…e\u0301"),
    ],
)
def test_cut(text: str, width: int, end: str, middle: str) -> None:
    assert cut(text, width) == end
    assert cut(text, width, middle=True) == middle


@given(TEXTS, st.integers(-1, 35), st.booleans())
@example("层" * 20, 9, True)
@example("🇩🇪" * 9, 6, True)
@example("⚠\ufe0f" * 9, 8, True)
def test_cut_result_fits_width(text: str, width: int, middle: bool) -> None:
    text = safe(text)
    shown = cut(text, width, middle=middle)
    assert cell_len(shown) <= max(0, width)
    if cell_len(text) <= width:
        assert shown == text
    elif width > 0:
        assert "…" in shown
        start, _, _ = shown.partition("…")
        assert text.startswith(start.rstrip())


@given(st.text("abcdefgh", max_size=30), st.integers(1, 35))
def test_cut_uses_whole_width(text: str, width: int) -> None:
    for middle in (False, True):
        shown = cut(text, width, middle=middle)
        assert len(shown) == min(len(text), width)
        start, ellipsis, end = shown.partition("…")
        assert text.startswith(start)
        assert text.endswith(end)
        assert bool(ellipsis) == (len(text) > width)


@pytest.mark.parametrize(
    ("texts", "width", "shown"),
    [
        (["a.0.b", "a.1.b"], 5, ["a.0.b", "a.1.b"]),
        (
            ["encoder.layers.0.self_attn", "encoder.layers.1.self_attn"],
            19,
            ["encoder…0.self_attn", "encoder…1.self_attn"],
        ),
        (
            ["encoder.layers.0.self_attn.in_proj_weight", "encoder.layers.1.self_attn.in_proj_weight"],
            19,
            ["encoder.…0…j_weight", "encoder.…1…j_weight"],
        ),
        (
            [f"encoder.layers.{index}.{name}.weight" for name in ("linear1", "norm1") for index in "01"],
            19,
            ["encoder.…0…1.weight", "encoder.…1…1.weight", "encoder…0…m1.weight", "encoder…1…m1.weight"],
        ),
        (["encoder.layers.0", "encoder.layers.1"], 12, ["encode…ers.0", "encode…ers.1"]),
        (
            ["h.0.attention.c", "h.1.attention.c", "h.10.attention.c"],
            8,
            ["h.0.…n.c", "h.1.…n.c", "h.10…n.c"],
        ),
        (["aaaa", "aaab"], 1, ["…", "…"]),
    ],
)
def test_cut_apart_distinguishes_names(texts: list[str], width: int, shown: list[str]) -> None:
    assert list(cut_apart(texts, width).values()) == shown


NUMBERED = st.builds(
    lambda head, numbers, tail: [f"{head}{number}{tail}" for number in numbers],
    TEXTS,
    st.lists(st.integers(0, 12), max_size=6),
    TEXTS,
)


@given(
    (st.lists(TEXTS, max_size=6) | NUMBERED).map(lambda texts: [*map(safe, texts)]), st.integers(0, 35)
)
def test_cut_apart_result_fits_width(texts: list[str], width: int) -> None:
    shown = cut_apart(texts, width)
    assert list(shown) == list(dict.fromkeys(texts))
    alone = {text: cut(text, width, middle=True) for text in texts}
    assert all(cell_len(each) <= max(0, width) for each in shown.values())
    assert all(("…" in each) == ("…" in alone[text]) for text, each in shown.items() if "…" not in text)
    # Texts that differ when cut separately still differ.
    assert len(set(shown.values())) >= len(set(alone.values()))
    if len(set(alone.values())) == len(alone):
        assert shown == alone


@pytest.mark.parametrize("width", [20, 33, 80])
def test_fit_a_name_of_any_length(width: int) -> None:
    columns = (column("name", min_width=6), column("shape"), column("note", min_width=8, drop=2))
    short = table(*columns, rows=(("n" * width, "(1, 2)", "o" * width),))
    long = table(*columns, rows=(("n" * 10**6, "(1, 2)", "o" * 10**7),))
    assert widths(fit(long, width, None)) == widths(fit(short, width, None))


def test_numbers_are_shown_whole_or_not_at_all() -> None:
    column: Column[float] = Column(
        key="mean", value=lambda each: each, text="{:.3e}".format, align="right"
    )
    document = Document(title=line("net"), blocks=(make_table("", [column], [-1.07e-07]),))
    shown = {
        width: format_terminal(document, width=width, color=False, ascii_only=False).split()[-1]
        for width in (10, 9, 5)
    }
    assert shown == {10: "-1.070e-07", 9: "…", 5: "…"}
