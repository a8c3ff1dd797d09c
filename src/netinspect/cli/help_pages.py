"""Help pages as data, read from the app: what man pages and the documentation are written from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer

from netinspect.cli.app import build_app

PROGRAM = "netinspect"
_EXAMPLES = "Examples:"


@dataclass
class HelpPage:
    """The help of the program or of one command, with the methods of the formatter that writes it."""

    command: str
    """Name of the command; empty for the program."""

    summary: str
    """One line, without a full stop."""

    usage: tuple[str, str] = ("", "")
    """The program with its command, and its arguments."""

    about: list[str] = field(default_factory=list)
    """Paragraphs before the options."""

    examples: list[str] = field(default_factory=list)
    """Lines with a command and its meaning, aligned in two columns."""

    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Arguments, commands or options with their texts, by the title of their panel."""

    closing: list[str] = field(default_factory=list)
    """Paragraphs after the options."""

    @property
    def name(self) -> str:
        """The program and its command."""
        return f"{PROGRAM} {self.command}".rstrip()

    def write_usage(self, program: str, arguments: str = "", prefix: str | None = None) -> None:
        """Record the usage line."""
        self.usage = (program, arguments)

    def write_paragraph(self) -> None:
        """Do nothing: a paragraph ends with its text."""

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Do nothing: data has no indentation."""
        yield

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Begin a panel of options."""
        self.sections[name] = []
        yield

    def write_text(self, text: str) -> None:
        """Record paragraphs, and the lines of the examples."""
        for paragraph in text.split("\n\n"):
            lines = paragraph.replace("\b", "").strip("\n").splitlines()
            if lines and lines[0] == _EXAMPLES:
                self.examples += [each.removeprefix("  ") for each in lines[1:]]
            else:
                (self.closing if self.sections else self.about).append("\n".join(lines))

    def write_dl(self, rows: Iterable[tuple[str, str]]) -> None:
        """Record the rows of the panel that was begun last."""
        self.sections[[*self.sections][-1]] += [(term.strip(), text) for term, text in rows]


def read_help_pages() -> list[HelpPage]:
    """Return the help of the program, then that of each command."""
    program: Any = typer.main.get_command(build_app())
    context = program.make_context(PROGRAM, [], resilient_parsing=True)
    pages = [HelpPage("", program.help.partition("\n")[0].rstrip("."))]
    program.format_help(context, pages[0])
    for name, command in program.commands.items():
        page = HelpPage(name, command.get_short_help_str(200).rstrip("."))
        command.format_help(command.make_context(name, [], parent=context, resilient_parsing=True), page)
        pages.append(page)
    return pages
