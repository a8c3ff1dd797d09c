"""The JSON Schemas of everything that is written for programs to read.

`python -m netinspect.reports.schemas docs/schemas` writes them; a test proves that those are current.
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
from netinspect.reports.registry import report_types


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema under its name, which each document holds as its entry `schema`.

    A document may hold more entries than its schema knows: a later version may add some without
    growing `schema_version`, and a reader should pass over what it does not know.
    """
    schemas = {
        Trace.schema: json_schema(Trace, title="What --save writes: one trace", identity=identity())
    }
    for report in report_types():
        name = f"netinspect-{report.name}"
        schemas[name] = json_schema(
            report,
            title=f"What netinspect {report.name} --format json writes",
            identity={"schema": name, "schema_version": SCHEMA_VERSION},
        )
    return schemas


def write_schemas(folder: Path) -> None:
    """Write each schema to a file of its name.

    Args:
        folder: Where; it is made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in all_schemas().items():
        text = json.dumps(schema, indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m netinspect.reports.schemas FOLDER")
    write_schemas(Path(sys.argv[1]))
