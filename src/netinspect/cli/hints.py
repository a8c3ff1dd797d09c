"""Hints at a next command after a view: one dim line on stderr, for people only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from netinspect.cli.command_line import COMMAND_LINE, CommandLine
from netinspect.cli.console import is_interactive, is_terminal, print_message, wants_color
from netinspect.cli.options import SETTINGS, OutputOptions
from netinspect.cli.stdin import TARGET as STDIN
from netinspect.cli.watch import is_watched
from netinspect.errors import ExitCode
from netinspect.rendering.formats import Format
from netinspect.rendering.styles import escape_parameters

_OFF = ("0", "false", "f", "no", "n", "off")
_PICKLED = ("torch", "pickle")
"""Starts of the names of checkpoint formats in which a pickle is read."""


class Hint(NamedTuple):
    """A question that a view leaves open, and the command that answers it."""

    question: str
    command: CommandLine

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.question}: {self.command}"


_pending: list[tuple[Hint, str]] = []
"""The hint of this command and its style; printed last, after the error of a failed run."""


def next_step(report: Any, typed: CommandLine) -> Hint | None:
    """Return the hint for a report, or None.

    Args:
        report: The report that was shown.
        typed: The command line that asked for it.
    """
    find = _HINTS.get(report.name)
    if find is None or STDIN in typed.arguments:
        return None
    failure = getattr(getattr(report, "header", None), "failure", None)
    if failure is not None:
        if report.name == "source":
            return None
        return Hint("the line that failed", typed.followed_by("source", symbols=True))
    return find(report, typed)


def remember_hint(report: Any, text: str, output: OutputOptions, format: Format) -> None:
    """Find the hint for a view, to be printed at the end of the command.

    Args:
        report: The report.
        text: The view, which may have the same command already.
        output: The options of the output.
        format: The format of the view.
    """
    typed = COMMAND_LINE.get()
    is_for_people = format is Format.RICH and output.output is None and not output.quiet
    if typed is None or not is_for_people or not _is_on():
        return
    if is_watched() or not (is_interactive() and is_terminal(sys.stderr)):
        return
    hint = next_step(report, typed)
    if hint is not None and str(hint.command) not in " ".join(text.split()):
        _pending[:] = [
            (hint, escape_parameters("hint") if wants_color(sys.stderr, output.color) else "")
        ]


def print_hint(code: ExitCode) -> None:
    """Print the hint of the command, unless it was interrupted or is wrong."""
    if code in (ExitCode.OK, ExitCode.FINDINGS, ExitCode.FORWARD):
        for hint, style in _pending:
            print_message(str(hint), style=style)
    _pending.clear()


def _is_on() -> bool:
    variable = os.environ.get("NETINSPECT_HINTS", "").strip().lower()
    return variable not in _OFF if variable else bool(SETTINGS.get().values.get("hints", True))


def _after_summary(report: Any, typed: CommandLine) -> Hint:
    if report.header.ran and report.cost.macs and typed.command == "summary":
        return Hint("where the MACs are", typed.followed_by("cost", symbols=True))
    return Hint("shapes at each line", typed.followed_by("source", symbols=True))


def _after_checkpoint(report: Any, typed: CommandLine) -> Hint:
    if report.header.format.lower().startswith(_PICKLED):
        return Hint("what loading it would import", typed.followed_by("globals"))
    return Hint("mean, zeros and NaN of each tensor", typed.followed_by("params", "--stats"))


def _after_params(report: Any, typed: CommandLine) -> Hint | None:
    if report.with_statistics or report.with_values or _is_saved(typed):
        return None
    command = typed.followed_by("params", "--stats", filters=bool(report.rows))
    return Hint("mean, zeros and NaN of each tensor", command)


def _after_trace(report: Any, typed: CommandLine) -> Hint:
    return Hint("the same in the source", typed.followed_by("source", symbols=True))


def _after_tree(report: Any, typed: CommandLine) -> Hint:
    if report.header.kind != "model":
        return Hint("mean, zeros and NaN of each tensor", typed.followed_by("params", "--stats"))
    return Hint("shapes at each line", typed.followed_by("source", arguments=typed.arguments))


def _after_source(report: Any, typed: CommandLine) -> Hint:
    if report.path:
        return Hint("what the module holds", typed.followed_by("internals", arguments=typed.arguments))
    return Hint("each step in order", typed.followed_by("trace", symbols=True))


def _after_graph(report: Any, typed: CommandLine) -> Hint:
    return Hint("a drawing", typed.followed_by("graph", "-o", "graph.svg", symbols=True))


def _after_internals(report: Any, typed: CommandLine) -> Hint:
    return Hint("its source", typed.followed_by("source", arguments=typed.arguments))


def _after_cost(report: Any, typed: CommandLine) -> Hint | None:
    if report.tree:
        return Hint("by line of the source", typed.followed_by("cost", "--by", "line"))
    if report.by == "module":
        return Hint("sums of the stages", typed.followed_by("cost", "--tree"))
    if _is_saved(typed):
        return None
    return Hint("the memory of a run", typed.followed_by("memory", symbols=True))


def _after_memory(report: Any, typed: CommandLine) -> Hint | None:
    if not report.training:
        return Hint("with training", typed.followed_by("memory", "--train"))
    if "--device-memory" in typed.own or typed.symbols:
        return None
    return Hint("the largest batch", typed.followed_by("memory", "--device-memory", "24GiB"))


def _after_diff(report: Any, typed: CommandLine) -> Hint | None:
    sides = {report.a.kind, report.b.kind}
    if sides == {"checkpoint"} and report.values is None:
        return Hint("whether values differ", typed.followed_by("diff", "--compare-values"))
    if report.differs and report.shows != "counts":
        return Hint("counts by module", typed.followed_by("diff", "--counts"))
    return None


def _after_globals(report: Any, typed: CommandLine) -> Hint:
    return Hint("what the file holds", typed.followed_by("summary"))


def _is_saved(typed: CommandLine) -> bool:
    """Return whether the target is a saved trace, by its name."""
    return any(each.endswith((".json", ".json.gz")) for each in typed.arguments[:1])


_HINTS: dict[str, Callable[[Any, CommandLine], Hint | None]] = {
    "summary": _after_summary,
    "contents": _after_checkpoint,
    "params": _after_params,
    "trace": _after_trace,
    "tree": _after_tree,
    "source": _after_source,
    "graph": _after_graph,
    "internals": _after_internals,
    "cost": _after_cost,
    "memory": _after_memory,
    "diff": _after_diff,
    "globals": _after_globals,
}
"""The hint after each report."""
