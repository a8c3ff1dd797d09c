"""JSON Schemas of saved traces and of the JSON output of every report.

`python -m netinspect.reports.schemas docs/schemas` writes them; a test checks the committed files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from netinspect.records.base import SCHEMA_VERSION
from netinspect.records.codec import json_schema
from netinspect.records.saved import identity
from netinspect.records.trace import Trace
from netinspect.reports.report_types import report_types


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return all schemas by name; each document has this name in its entry `schema`.

    A document may have entries that its schema does not list, because a later version may add entries
    without a new `schema_version`. A reader should ignore unknown entries.
    """
    schemas = {
        Trace.schema: json_schema(
            Trace,
            title="Trace, as written by --save (compressed by gzip above 1 MiB)",
            identity=identity(),
        )
    }
    for report in report_types():
        name = f"netinspect-{report.name}"
        schemas[name] = json_schema(
            report,
            title=f"Output of netinspect {_command(report)} --format json",
            identity={"schema": name, "schema_version": SCHEMA_VERSION},
        )
    return schemas


def _command(report: type[Any]) -> str:
    """Return the command that writes a report: a checkpoint's summary has a report of its own."""
    folders = report.__module__.split(".")
    return folders[2] if folders[1] == "reports" else str(report.name)


def write_schemas(folder: Path) -> None:
    """Write each schema to a file named after it.

    Args:
        folder: The output folder; created if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in all_schemas().items():
        text = json.dumps(schema, indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m netinspect.reports.schemas FOLDER")
    write_schemas(Path(sys.argv[1]))
