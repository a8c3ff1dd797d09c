"""Tests of the depth of trees that fits a screen, and of the branches of trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netinspect.records.base import replace
from netinspect.rendering.depth import fit_height
from netinspect.rendering.document import Column, Document, Table, draw_branches, line, make_table
from netinspect.rendering.layout import BRANCH

LEVELS = st.lists(st.integers(0, 5), max_size=30)


def document(levels: list[int]) -> Document:
    column = Column[int](key="name", value=lambda level: level, tree=True)
    return Document(
        title=line("tree"),
        blocks=(make_table("tree", [column], levels, level=lambda level: level),),
        notes=(line("a note"),),
    )


def count_lines(given: Document) -> int:
    return 2 + len(table(given).shown_rows) + len(given.notes)


def table(given: Document) -> Table:
    (block,) = given.blocks
    assert isinstance(block, Table)
    return block


def test_draw_branches_of_an_outline() -> None:
    assert draw_branches([0, 1, 2, 2, 1, 2]) == ["", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "   └─ "]


@given(LEVELS)
def test_draw_branches_takes_equal_cells_for_equal_levels(levels: list[int]) -> None:
    assert [len(each) for each in draw_branches(levels)] == [BRANCH * level for level in levels]


@given(LEVELS)
def test_draw_branches_ends_a_branch_at_its_last_row(levels: list[int]) -> None:
    for at, (level, drawn) in enumerate(zip(levels, draw_branches(levels), strict=True)):
        if level:
            after = [each for each in levels[at + 1 :] if each <= level]
            assert drawn.endswith("├─ ") == bool(after and after[0] == level)


@pytest.mark.parametrize(
    ("height", "rows"),
    [
        (10, [0, 1, 2, 3, 3, 2, 1]),
        (9, [0, 1, 2, 2, 1]),  # two rows less, one line more for the note
        (8, [0, 1, 1]),
        (3, [0, 1, 1]),
    ],
)
def test_fit_height_shows_the_deepest_level_that_fits(height: int, rows: list[int]) -> None:
    fitted = fit_height(document([0, 1, 2, 3, 3, 2, 1]), height, count_lines)
    assert [row.level for row in table(fitted).shown_rows] == rows
    assert len(table(fitted).rows) == 7


@given(LEVELS, st.integers(0, 30))
def test_fit_height_says_what_is_not_shown(levels: list[int], height: int) -> None:
    whole = document(levels)
    fitted = fit_height(whole, height, count_lines)
    missing = len(levels) - len(table(fitted).shown_rows)
    said = [note[0].text for note in fitted.notes if "not shown" in note[0].text]
    assert len(said) == bool(missing)
    assert not missing or said[0].startswith(f"+N: {missing} row")


def test_fit_height_opens_rows_in_lines_that_are_left() -> None:
    levels = [0, 1, 2, 2, 2, 1, 2, 3, 3, 1]
    # Level 1 takes 8 lines with the note; the two rows of level 2 do not fit in nine lines, one does.
    fitted = fit_height(document(levels), 9, count_lines)
    shown = [(row.level, row.cells[0].text) for row in table(fitted).shown_rows]
    assert shown == [(0, "0"), (1, "1  +3"), (1, "1"), (2, "2  +2"), (1, "1")]
    assert fitted.notes[0][0].text.startswith("+N: 5 rows")


@given(LEVELS, st.integers(0, 30))
def test_fit_height_never_shows_a_row_without_the_rows_above_it(levels: list[int], height: int) -> None:
    shown = [row.level for row in table(fit_height(document(levels), height, count_lines)).shown_rows]
    whole = iter(levels)
    assert all(level in whole for level in shown)  # a subsequence
    least = 1 if levels.count(0) == 1 else 0
    assert count_lines(document(shown)) <= max(height, 3 + sum(level <= least for level in levels))


def test_fit_height_shows_below_the_top_of_a_tree_among_other_tables() -> None:
    tree = document([0, 1, 2, 2, 1])
    other = make_table("other", [Column[int](key="size", value=lambda size: size)], [1, 2])
    fitted = fit_height(replace(tree, blocks=(*tree.blocks, other)), 3, lambda _: 9)
    assert isinstance(fitted.blocks[0], Table)
    assert [row.level for row in fitted.blocks[0].shown_rows] == [0, 1, 1]


def test_fit_height_shows_the_top_level_alone_if_it_has_several_rows() -> None:
    fitted = fit_height(document([0, 0, 1, 1, 1, 0, 1, 1]), 6, count_lines)
    assert [row.level for row in table(fitted).shown_rows] == [0, 0, 0]


@pytest.mark.parametrize(
    ("height", "rows"),
    [(14, 10), (13, 10), (12, 8), (10, 6), (9, 5), (2, 5)],
)
def test_fit_height_cuts_lists_after_the_last_row_that_fits(height: int, rows: int) -> None:
    column = Column[int](key="name", value=lambda number: number)
    given = make_table(
        "list", [column], range(10), rest=lambda count: line(f"{10 - count} more from row {count} on")
    )
    whole = Document(title=line("list"), blocks=(given,), notes=(line("a note"),))
    fitted = fit_height(whole, height, count_lines)
    assert [row.cells[0].value for row in table(fitted).shown_rows] == [*range(rows)]
    assert len(table(fitted).rows) == 10
    if rows < 10:
        assert fitted.notes[0][0].text == f"{10 - rows} more from row {rows} on"
