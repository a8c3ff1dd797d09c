"""Source listings of a page: the lines that make calls, and those around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netinspect._utils.code_owners import is_users
from netinspect.analysis.module_index import Structure
from netinspect.analysis.operator_counts import cost_of
from netinspect.records.trace import Code, Trace
from netinspect.reports.page.record import PageLine, PageListing
from netinspect.reports.page.short_paths import ShortPaths
from netinspect.reports.source.compute import LineNotes

_AROUND = 2
"""Lines shown before and after a line that makes a call."""

_SHORT_CLASS = 60
"""Maximum number of lines of a user's class that is shown whole."""


@dataclass
class _Called:
    """The calls of one line."""

    text: str
    macs: int = 0


def list_sources(trace: Trace, paths: ShortPaths) -> tuple[PageListing, ...]:
    """Return the listings of all classes whose lines make calls, the user's own first.

    Lines outside of the recorded classes, as of functions in a module, are in one listing for each file.
    """
    files: dict[str, dict[int, _Called]] = {}
    around: list[frozenset[tuple[str, int]]] = []
    """The line of each step, and the lines of the calls around it: they all contain its cost."""
    for step in trace.steps:
        places = frozenset[tuple[str, int]]() if step.parent is None else around[step.parent]
        if step.source is not None:
            file, line = step.source.file, step.source.line
            files.setdefault(file, {}).setdefault(line, _Called(step.source.text))
            places |= {(file, line)}
        around.append(places)
        if macs := cost_of(step.work).macs:
            for file, line in places:
                files[file][line].macs += macs
    classes: dict[str, list[Code]] = {}
    for code in trace.code:
        classes.setdefault(code.file, []).append(code)
    notes = LineNotes(Structure(trace), [step for step in trace.steps if step.kind == "module"])
    listings = []
    for file, lines in files.items():
        shapes = {number: notes.at(file, number) for number in lines}
        rest = dict(lines)
        # Of a class in a class, the inner one has the lines; it is the shorter one.
        for code in sorted(classes.get(file, ()), key=lambda each: len(each.lines)):
            numbers = range(code.first_line, code.first_line + len(code.lines))
            inside = {number: rest.pop(number) for number in numbers if number in rest}
            if inside:
                listings.append(_list_class(code, inside, shapes, paths))
        if rest:
            listings.append(_list_file(file, rest, shapes, paths))
    listings.sort(key=lambda each: each.installed)
    return tuple(listings)


def _list_class(
    code: Code, lines: Mapping[int, _Called], shapes: Mapping[int, str], paths: ShortPaths
) -> PageListing:
    first, last = code.first_line, code.first_line + len(code.lines) - 1
    if is_users(code.file) and len(code.lines) <= _SHORT_CLASS:
        shown = set(range(first, last + 1))
    else:
        shown = {first}
        for number in lines:
            shown.update(range(max(first, number - _AROUND), min(last, number + _AROUND) + 1))
    return PageListing(
        name=code.class_path.rpartition(".")[2],
        file=paths.of(code.file),
        installed=not is_users(code.file),
        lines=tuple(
            _line(number, code.lines[number - first], lines.get(number), shapes.get(number, ""))
            for number in sorted(shown)
        ),
        total_lines=len(code.lines),
    )


def _list_file(
    file: str, lines: Mapping[int, _Called], shapes: Mapping[int, str], paths: ShortPaths
) -> PageListing:
    return PageListing(
        name=paths.of(file).rpartition("/")[2],
        file=paths.of(file),
        installed=not is_users(file),
        lines=tuple(
            _line(number, called.text, called, shapes[number])
            for number, called in sorted(lines.items())
        ),
        total_lines=len(lines),
    )


def _line(number: int, text: str, called: _Called | None, shapes: str) -> PageLine:
    return PageLine(
        number=number,
        text=text.rstrip().expandtabs(4),
        macs=0 if called is None else called.macs,
        shapes=shapes,
    )
