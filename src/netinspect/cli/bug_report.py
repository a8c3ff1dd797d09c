"""Report of an internal error: a file to read and to attach to an issue."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Sequence


def write_bug_report(traceback: Sequence[str], words: Sequence[str]) -> str | None:
    """Write a report into the folder of temporary files, and return its path; None if that fails.

    It has the command line, the traceback and the facts of `doctor`, with the home folder as `~`, and is
    sent nowhere.

    Args:
        traceback: Lines of the traceback.
        words: The command line without the program's name.
    """
    from netinspect.reports.doctor.compute import without_home

    try:
        content = (
            f"netinspect itself failed.\n\n    {shlex.join(('netinspect', *words))}\n\n```\n"
            + "".join(f"{line}\n" for line in traceback)
            + f"```\n\n{_facts()}"
        )
        number, path = tempfile.mkstemp(prefix="netinspect-report-", suffix=".md")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(without_home(content))
    except Exception:  # the error itself is more important
        return None
    return path


def _facts() -> str:
    from netinspect.api._installation import doctor
    from netinspect.rendering.formats import Format, Style
    from netinspect.reports.render import render

    try:
        return render(doctor().record, Style(format=Format.MARKDOWN))
    except Exception as error:  # whatever broke netinspect may break this too
        return f"no facts of the installation: {type(error).__name__}\n"
