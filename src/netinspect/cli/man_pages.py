"""Man pages, written by the same code as the help: `python -m netinspect.cli.man_pages FOLDER`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from netinspect.cli.app import build_app
from netinspect.cli.help_topics import TOPICS
from netinspect.version import __version__

PROGRAM = "netinspect"
_SECTION = "1"
_EXAMPLES = "Examples:"
_TITLES = {"exit-codes": "exit status"}
"""Titles of topics that have a conventional one in man pages."""


class _Page:
    """A page in the language of man(7), with the methods of the formatter of a help page."""

    def __init__(self, name: str, summary: str) -> None:
        manual = f"{PROGRAM} manual"
        self.lines = [
            f'.TH {_escape(name.upper())} {_SECTION} "" "{PROGRAM} {__version__}" "{manual}"',
            ".nh",
            ".ad l",
            ".SH NAME",
            rf"{_escape(name)} \- {_escape(summary)}",
        ]
        self._is_described = False

    def write_usage(self, program: str, arguments: str = "", prefix: str | None = None) -> None:
        self.lines += [".SH SYNOPSIS", f".B {_escape(program)}", _escape(arguments)]

    def write_paragraph(self) -> None:
        """Do nothing: sections and paragraphs begin with a macro of their own."""

    @contextmanager
    def indentation(self) -> Iterator[None]:
        yield

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        self.lines.append(f".SH {_escape(name.upper())}")
        yield

    def write_text(self, text: str) -> None:
        for paragraph in text.split("\n\n"):
            lines = paragraph.replace("\b", "").strip("\n").splitlines()
            if lines and lines[0] == _EXAMPLES:
                self.write_lines("examples", [each.removeprefix("  ") for each in lines[1:]])
                continue
            self.lines.append(".PP" if self._is_described else ".SH DESCRIPTION")
            self._is_described = True
            self.lines += map(_escape, lines)

    def write_dl(self, rows: Iterable[tuple[str, str]]) -> None:
        for term, text in rows:
            self.lines += [".TP", f".B {_escape(term.strip())}", _escape(text)]

    def write_lines(self, title: str, lines: Iterable[str]) -> None:
        """Write a section of lines up to the width of a terminal, which are not filled."""
        lines = [*map(_escape, lines)]
        self.lines += [f".SH {_escape(title.upper())}", ".in 0", ".nf", *lines, ".fi", ".in"]


def build_man_pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    program: Any = typer.main.get_command(build_app())
    context = program.make_context(PROGRAM, [], resilient_parsing=True)
    about = program.help.partition("\n")[0].rstrip(".")
    page = _Page(PROGRAM, about[:1].lower() + about[1:])
    program.format_help(context, page)
    for topic, text in TOPICS.items():
        page.write_lines(_TITLES.get(topic, topic), text.splitlines())
    pages = {PROGRAM: page}
    for name, command in program.commands.items():
        summary = command.get_short_help_str(200).rstrip(".")
        page = _Page(f"{PROGRAM}-{name}", summary[:1].lower() + summary[1:])
        command.format_help(command.make_context(name, [], parent=context, resilient_parsing=True), page)
        pages[f"{PROGRAM}-{name}"] = page
    for name, page in pages.items():
        others = sorted(each for each in pages if each != name) if name == PROGRAM else [PROGRAM]
        page.lines.append(".SH SEE ALSO")
        page.lines += [
            f".BR {_escape(each)} ({_SECTION}){',' * (each != others[-1])}" for each in others
        ]
    return {f"{name}.{_SECTION}": "\n".join(page.lines) + "\n" for name, page in pages.items()}


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
