"""Tests of the JSON Schemas of saved traces and reports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from netinspect.errors import ExitCode
from netinspect.records.base import SCHEMA_VERSION
from netinspect.records.codec import CodecError, from_data, to_data
from netinspect.records.saved import dump_trace
from netinspect.records.trace import Trace
from netinspect.reports.report_types import report_types
from netinspect.reports.schemas import all_schemas, write_schemas
from tests.records.examples import small_trace
from tests.records.strategies import strategy_for
from tests.records.test_codec import SMALL, SPOTS, Spot, put, spots, without
from tests.support import Outcome

Cli = Callable[..., Outcome]

COMMITTED = Path(__file__).parents[2] / "docs" / "schemas"
SCHEMAS = all_schemas()
ROOTS: dict[str, Any] = {
    Trace.schema: Trace,
    **{f"netinspect-{report.name}": report for report in report_types()},
}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name])


def validation_errors(document: Any) -> list[str]:
    """Return the errors of a document in validation against the schema that it names."""
    errors = validator(document["schema"]).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def identified(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"schema": name, "schema_version": version_of(name), **data}


def version_of(name: str) -> int:
    return Trace.schema_version if name == Trace.schema else SCHEMA_VERSION


def test_all_schemas_cover_traces_and_reports() -> None:
    assert list(SCHEMAS) == list(ROOTS)
    assert len(SCHEMAS) == 1 + len(report_types())  # all names are different


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_requires_its_name_and_version(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["title"]
    assert schema["properties"]["schema"] == {"const": name}
    assert schema["properties"]["schema_version"] == {"const": version_of(name)}
    assert {"schema", "schema_version"} <= set(schema["required"])


def test_committed_schemas_are_current(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    files = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "new").iterdir()}
    assert set(files) == {f"{name}.json" for name in SCHEMAS}
    committed = {file.name: file.read_text(encoding="utf-8") for file in COMMITTED.iterdir()}
    assert committed == files, "run: python -m netinspect.reports.schemas docs/schemas"


def test_schemas_module_does_not_import_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "netinspect.reports.schemas", str(tmp_path)]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.json" for name in SCHEMAS}
    imported = {line.rpartition("|")[2].strip() for line in completed.stderr.splitlines()}
    assert "netinspect.records.codec" in imported
    assert not imported & {"torch", "rich", "typer"}


def test_schemas_module_prints_usage() -> None:
    command = [sys.executable, "-m", "netinspect.reports.schemas"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 1
    assert completed.stderr == "usage: python -m netinspect.reports.schemas FOLDER\n"


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_accepts_generated_records(name: str) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy_for(ROOTS[name]))
    def is_valid(item: Any) -> None:
        assert validation_errors(identified(name, to_data(item))) == []

    is_valid()


def test_schema_accepts_saved_trace() -> None:
    assert validation_errors(json.loads(dump_trace(small_trace()))) == []


@pytest.mark.parametrize(
    ("spot", "value", "complaint"),
    [
        (("schema_version",), 1, "$.schema_version: 3 was expected"),
        (("target",), None, "$.target: None is not of type 'string'"),
        (("mode",), "neither", "$.mode: 'neither' is not one of ['eval', 'train']"),
        (("steps", 1, "index"), "1", "$.steps[1].index: '1' is not of type 'integer'"),
        (("modules", 0), [], "$.modules[0]: [] is not of type 'object'"),
    ],
)
def test_schema_rejects_wrong_entry(spot: Spot, value: Any, complaint: str) -> None:
    document = put(identified(Trace.schema, SMALL), spot, value)
    assert validation_errors(document) == [complaint]


def test_schema_accepts_unknown_entries() -> None:
    """A later version may add entries anywhere without a new schema version."""

    def extended(data: Any) -> Any:
        if isinstance(data, dict):
            return {**{key: extended(value) for key, value in data.items()}, "added later": [{}]}
        return [extended(item) for item in data] if isinstance(data, list) else data

    document = extended(identified(Trace.schema, SMALL))
    assert document["steps"][0]["added later"]
    assert validation_errors(document) == []


def closed_spots(schema: Any) -> Iterator[Spot]:
    for spot in spots(schema):
        if spot and spot[-1] in ("additionalProperties", "unevaluatedProperties", "maxProperties"):
            yield spot


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_does_not_close_objects(name: str) -> None:
    assert list(closed_spots(SCHEMAS[name])) == []


def test_schema_requires_only_fields_without_default() -> None:
    """A field with a default was added after the first version: older files lack it."""
    document = identified(Trace.schema, SMALL)
    optional = 0
    for spot in SPOTS:
        if not spot or not isinstance(spot[-1], str) or spot[-1] == "kind":
            continue
        lacking = without(document, spot)
        try:
            from_data(Trace, lacking)
        except CodecError:
            assert validation_errors(lacking) != []
        else:
            optional += 1
            assert validation_errors(lacking) == []
    assert optional


@given(
    st.sampled_from(SPOTS[1:]),
    st.sampled_from([None, True, 0, -3, 0.5, "", "NaN", "eval", [], ["x"], [1], {}])
    | st.sampled_from(SPOTS),
)
@settings(deadline=None, max_examples=150)
def test_from_data_reads_documents_that_schema_accepts(spot: Spot, value: Any) -> None:
    if isinstance(value, tuple):
        place, value = value, SMALL
        for part in place:
            value = value[part]
    document = put(identified(Trace.schema, SMALL), spot, value)
    try:
        read = isinstance(from_data(Trace, document), Trace)
    except CodecError:
        read = False
    assert read or validation_errors(document) != []


@pytest.mark.parametrize(
    "words",
    [
        ("summary", "lenet"),
        ("summary", "lenet", "--functions", "--depth", "1", "--top", "3"),
        ("params", "lenet"),
        ("params", "lenet", "--stats", "--values", "--buffers"),
        ("trace", "lenet"),
        ("trace", "lenet", "--inside-layers", "--backward", "--values"),
        ("tree", "lenet"),
        ("tree", "tiny_gpt"),
        ("source", "lenet"),
        ("internals", "lenet"),
        ("internals", "lenet", "conv1"),
        ("memory", "lenet", "--train", "--device-memory", "2MiB"),
        ("models",),
        ("page", "lenet"),
        ("page", "tiny_gpt", "--no-source"),
    ],
    ids=" ".join,
)
def test_schema_accepts_command_output(cli: Cli, words: tuple[str, ...]) -> None:
    outcome = cli(*words, "--format", "json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["schema"] == f"netinspect-{words[0]}"
    assert validation_errors(document) == []
    # The document can be decoded to an equal record.
    report = ROOTS[document["schema"]]
    assert identified(document["schema"], to_data(from_data(report, document))) == document


@pytest.mark.parametrize("command", ["summary", "trace", "source"])
def test_schema_accepts_output_of_failed_forward(cli: Cli, command: str) -> None:
    outcome = cli(command, "lenet", "--input", "10x1x32x32", "--format", "json")
    assert outcome.code == ExitCode.FORWARD
    document = json.loads(outcome.out)
    assert document["header"]["failure"]["operands"]
    assert validation_errors(document) == []


@pytest.mark.parametrize(
    "words",
    [
        ("summary", "lenet"),
        ("trace", "lenet", "--backward", "--values"),
        ("params", "resnet18", "--stats"),
        ("summary", "two_inputs"),
        ("summary", "lenet", "--input", "10x1x32x32"),
    ],
    ids=" ".join,
)
def test_schema_accepts_saved_traces_of_commands(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "saved.json"
    cli(*words, "--save", str(file))
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["schema"] == Trace.schema
    assert validation_errors(document) == []
