"""Man pages, written by the same code as the help: `python -m netinspect.cli.man_pages FOLDER`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from netinspect.cli.help_pages import PROGRAM, HelpPage, read_help_pages
from netinspect.cli.help_topics import TOPICS
from netinspect.version import __version__

_SECTION = "1"
_TITLES = {"exit-codes": "exit status"}
"""Titles of topics that have a conventional one in man pages."""


def build_man_pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    pages = {page.name.replace(" ", "-"): page for page in read_help_pages()}
    texts = {}
    for name, page in pages.items():
        others = sorted(each for each in pages if each != name) if name == PROGRAM else [PROGRAM]
        lines = _head(name, page)
        if name == PROGRAM:
            for topic, text in TOPICS.items():
                lines += _unfilled(_TITLES.get(topic, topic), text.splitlines())
        lines.append(".SH SEE ALSO")
        lines += [f".BR {_escape(each)} ({_SECTION}){',' * (each != others[-1])}" for each in others]
        texts[f"{name}.{_SECTION}"] = "\n".join(lines) + "\n"
    return texts


def _head(name: str, page: HelpPage) -> list[str]:
    """Return the sections that the help has, in the language of man(7)."""
    program, arguments = page.usage
    summary = page.summary[:1].lower() + page.summary[1:]
    lines = [
        f'.TH {_escape(name.upper())} {_SECTION} "" "{PROGRAM} {__version__}" "{PROGRAM} manual"',
        ".nh",
        ".ad l",
        ".SH NAME",
        rf"{_escape(name)} \- {_escape(summary)}",
        *(".SH SYNOPSIS", f".B {_escape(program)}", _escape(arguments)),
        *_paragraphs(".SH DESCRIPTION", page.about),
        *_unfilled("examples", page.examples),
    ]
    for title, rows in page.sections.items():
        lines.append(f".SH {_escape(title.upper())}")
        for term, text in rows:
            lines += [".TP", f".B {_escape(term)}", _escape(text)]
    return lines + _paragraphs(".PP", page.closing)


def _paragraphs(first: str, paragraphs: Iterable[str]) -> list[str]:
    lines = []
    for number, paragraph in enumerate(paragraphs):
        lines += [".PP" if number else first, *map(_escape, paragraph.splitlines())]
    return lines


def _unfilled(title: str, lines: Iterable[str]) -> list[str]:
    """Return a section of lines up to the width of a terminal, which are not filled."""
    return [f".SH {_escape(title.upper())}", ".in 0", ".nf", *map(_escape, lines), ".fi", ".in"]


def _escape(text: str) -> str:
    """Return a line of text that no macro processor changes, in ASCII."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace('"', r"\(dq")
    text = re.sub(r"[^\x00-\x7f]", lambda match: rf"\[u{ord(match[0]):04X}]", text)
    return rf"\&{text}" if text.startswith((".", "'")) or not text else text


def write_man_pages(folder: Path) -> None:
    """Write all pages into a folder, and remove other pages from it."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = build_man_pages()
    for file in folder.glob(f"*.{_SECTION}"):
        if file.name not in pages:
            file.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    write_man_pages(Path(sys.argv[1]))
