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


def complaints(document: Any) -> list[str]:
    """Return what the schema that a document names has against it."""
    errors = validator(document["schema"]).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


def identified(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"schema": name, "schema_version": 2, **data}


def test_there_is_one_for_the_trace_and_one_for_each_report() -> None:
    assert list(SCHEMAS) == list(ROOTS)
    assert len(SCHEMAS) == 1 + len(report_types())  # no two of one name


@pytest.mark.parametrize("name", SCHEMAS)
def test_is_a_schema_that_names_its_documents(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["title"]
    assert schema["properties"]["schema"] == {"const": name}
    assert schema["properties"]["schema_version"] == {"const": 2}
    assert {"schema", "schema_version"} <= set(schema["required"])


def test_the_committed_files_are_current(tmp_path: Path) -> None:
    write_schemas(tmp_path / "new")
    files = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "new").iterdir()}
    assert set(files) == {f"{name}.json" for name in SCHEMAS}
    committed = {file.name: file.read_text(encoding="utf-8") for file in COMMITTED.iterdir()}
    assert committed == files, "run: python -m netinspect.reports.schemas docs/schemas"


def test_the_module_writes_them_without_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "netinspect.reports.schemas", str(tmp_path)]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.json" for name in SCHEMAS}
    imported = {line.rpartition("|")[2].strip() for line in completed.stderr.splitlines()}
    assert "netinspect.records.codec" in imported
    assert not imported & {"torch", "rich", "typer"}


def test_the_module_tells_how_it_is_used() -> None:
    command = [sys.executable, "-m", "netinspect.reports.schemas"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert completed.returncode == 1
    assert completed.stderr == "usage: python -m netinspect.reports.schemas FOLDER\n"


@pytest.mark.parametrize("name", SCHEMAS)
def test_any_record_that_is_written_is_valid(name: str) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy_for(ROOTS[name]))
    def is_valid(item: Any) -> None:
        assert complaints(identified(name, to_data(item))) == []

    is_valid()


def test_a_trace_file_is_valid() -> None:
    assert complaints(json.loads(dump_trace(small_trace()))) == []


@pytest.mark.parametrize(
    ("spot", "value", "complaint"),
    [
        (("schema_version",), 1, "$.schema_version: 2 was expected"),
        (("target",), None, "$.target: None is not of type 'string'"),
        (("mode",), "neither", "$.mode: 'neither' is not one of ['eval', 'train']"),
        (("steps", 1, "index"), "1", "$.steps[1].index: '1' is not of type 'integer'"),
        (("modules", 0), [], "$.modules[0]: [] is not of type 'object'"),
    ],
)
def test_a_wrong_entry_is_not_valid(spot: Spot, value: Any, complaint: str) -> None:
    document = put(identified(Trace.schema, SMALL), spot, value)
    assert complaints(document) == [complaint]


def test_a_document_of_a_later_version_is_valid() -> None:
    """New entries may come anywhere without a new schema version."""

    def extended(data: Any) -> Any:
        if isinstance(data, dict):
            return {**{key: extended(value) for key, value in data.items()}, "added later": [{}]}
        return [extended(item) for item in data] if isinstance(data, list) else data

    document = extended(identified(Trace.schema, SMALL))
    assert document["steps"][0]["added later"]
    assert complaints(document) == []


def closed_spots(schema: Any) -> Iterator[Spot]:
    for spot in spots(schema):
        if spot and spot[-1] in ("additionalProperties", "unevaluatedProperties", "maxProperties"):
            yield spot


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_object_is_closed(name: str) -> None:
    assert list(closed_spots(SCHEMAS[name])) == []


def test_what_the_reader_can_do_without_the_schema_does_not_demand() -> None:
    """A field with a default was added after the first version: older files lack it."""
    document = identified(Trace.schema, SMALL)
    spared = 0
    for spot in SPOTS:
        if not spot or not isinstance(spot[-1], str) or spot[-1] == "kind":
            continue
        lacking = without(document, spot)
        try:
            from_data(Trace, lacking)
        except CodecError:
            assert complaints(lacking) != []
        else:
            spared += 1
            assert complaints(lacking) == []
    assert spared


@given(
    st.sampled_from(SPOTS[1:]),
    st.sampled_from([None, True, 0, -3, 0.5, "", "NaN", "eval", [], ["x"], [1], {}])
    | st.sampled_from(SPOTS),
)
@settings(deadline=None, max_examples=150)
def test_what_the_schema_lets_through_is_read(spot: Spot, value: Any) -> None:
    if isinstance(value, tuple):
        place, value = value, SMALL
        for part in place:
            value = value[part]
    document = put(identified(Trace.schema, SMALL), spot, value)
    try:
        read = isinstance(from_data(Trace, document), Trace)
    except CodecError:
        read = False
    assert read or complaints(document) != []


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
    ],
    ids=" ".join,
)
def test_what_a_command_writes_is_valid(cli: Cli, words: tuple[str, ...]) -> None:
    outcome = cli(*words, "--format", "json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["schema"] == f"netinspect-{words[0]}"
    assert complaints(document) == []
    # The record itself comes back from it.
    report = ROOTS[document["schema"]]
    assert identified(document["schema"], to_data(from_data(report, document))) == document


@pytest.mark.parametrize("command", ["summary", "trace", "source"])
def test_what_a_command_writes_of_a_failed_forward_is_valid(cli: Cli, command: str) -> None:
    outcome = cli(command, "lenet", "--input", "10x1x32x32", "--format", "json")
    assert outcome.code == ExitCode.FORWARD
    document = json.loads(outcome.out)
    assert document["header"]["failure"]["operands"]
    assert complaints(document) == []


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
def test_what_is_saved_is_valid(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "saved.json"
    cli(*words, "--save", str(file))
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["schema"] == Trace.schema
    assert complaints(document) == []
