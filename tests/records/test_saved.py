from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import netinspect
from netinspect.errors import ExitCode, SavedTraceError
from netinspect.records import saved
from netinspect.records.base import replace
from netinspect.records.codec import from_data, from_json, to_json
from netinspect.records.modules import Module
from netinspect.records.saved import dump_trace, identity, pack, parse_trace, read_trace
from netinspect.records.steps import Origin, Step
from netinspect.records.trace import Trace
from tests.records.examples import small_trace, tensor
from tests.records.strategies import equal_records, strategy_for
from tests.support import Outcome

Cli = Callable[..., Outcome]


def refusal(text: str) -> SavedTraceError:
    with pytest.raises(SavedTraceError) as caught:
        parse_trace(text, name="net.json")
    assert caught.value.exit_code is ExitCode.LOAD
    assert "net.json" in caught.value.message
    assert caught.value.hint
    return caught.value


def changed(**entries: Any) -> str:
    return json.dumps(json.loads(dump_trace(small_trace())) | entries)


def test_parse_trace_restores_dumped_trace() -> None:
    assert equal_records(parse_trace(dump_trace(small_trace()), name="net.json"), small_trace())


def test_dump_trace_is_one_ascii_line_with_schema() -> None:
    text = dump_trace(small_trace())
    assert text.isascii()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert text.startswith('{"schema":"netinspect-saved-trace","schema_version":3,"target":')
    assert identity() == {"schema": "netinspect-saved-trace", "schema_version": 3}


def test_dump_trace_is_deterministic() -> None:
    text = dump_trace(small_trace())
    assert dump_trace(small_trace()) == text
    assert dump_trace(parse_trace(text, name="net.json")) == text


def test_save_option_is_deterministic(cli: Cli, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        assert cli("summary", "lenet", "--save", str(tmp_path / name)).code == 0
    one, two = ((tmp_path / name).read_bytes() for name in ("one.json", "two.json"))
    assert one == two
    assert dump_trace(parse_trace(one.decode(), name="one.json")).encode() == one


@pytest.mark.parametrize(
    ("text", "message", "cause"),
    [
        ("", "cannot read net.json as a saved trace", "it is not valid JSON: Expecting value"),
        ("{", "cannot read net.json as a saved trace", "it is not valid JSON: "),
        (
            dump_trace(small_trace())[:-100],
            "cannot read net.json as a saved trace",
            "it is not valid JSON: ",
        ),
        (
            "[" * 100_000,
            "cannot read net.json as a saved trace",
            "its entries are nested too deeply",
        ),
        (
            '{"schema": %s}' % ("9" * 5000),
            "cannot read net.json as a saved trace",
            "it is not valid JSON: ",
        ),
        ("[]", "net.json is not a saved trace", 'it is JSON, but has no entry "schema": "net'),
        ("3", "net.json is not a saved trace", 'it is JSON, but has no entry "schema": "net'),
        ("null", "net.json is not a saved trace", 'it is JSON, but has no entry "schema": "net'),
        ("{}", "net.json is not a saved trace", 'it is JSON, but has no entry "schema": "net'),
        (
            changed(schema="netinspect-summary"),
            "net.json is not a saved trace",
            'it is JSON, but has no entry "schema": "netinspect-saved-trace"',
        ),
        (
            changed(schema_version=1),
            "cannot read net.json",
            "its schema version is 1 (written by netinspect 0.1.0), this netinspect reads 3",
        ),
        (
            changed(schema_version=None),
            "cannot read net.json",
            "its schema version is None (written by",
        ),
        (
            changed(schema_version=True),
            "cannot read net.json",
            "its schema version is True (written by",
        ),
        (
            changed(schema_version="x" * 1000),
            "cannot read net.json",
            "its schema version is 'xxxx",
        ),
        (
            '{"schema": "netinspect-saved-trace", "schema_version": 3}',
            "the saved trace net.json is damaged",
            "Trace: object missing required field target",
        ),
        (
            changed(versions={"netinspect": "1", "torch": 2}),
            "the saved trace net.json is damaged",
            "Trace.versions.torch: expected str, got int",
        ),
        (
            changed(tensor_mode="imagined"),
            "the saved trace net.json is damaged",
            "Trace.tensor_mode: invalid enum value 'imagined'",
        ),
    ],
    ids=range(17),
)
def test_parse_trace_refuses_invalid_documents(text: str, message: str, cause: str) -> None:
    error = refusal(text)
    assert error.message == message
    assert (error.cause or "").startswith(cause)
    assert len(error.cause or "") < 300


def test_parse_trace_refuses_deep_nesting() -> None:
    value: dict[str, Any] = {"kind": "literal", "type": "int", "text": "0"}
    for _ in range(240):
        value = {"kind": "structure", "type": "l", "items": [{"key": "0", "value": value}]}
    error = refusal(changed(output=value))
    assert error.message == "the saved trace net.json is damaged"
    assert error.cause == "Trace.output: its entries are nested too deeply"


def test_parse_trace_ignores_unknown_entries() -> None:
    read = parse_trace(changed(colour="blue", zebra={"deep": [1]}), name="net.json")
    assert equal_records(read, small_trace())


def with_module(position: int, **entries: Any) -> Trace:
    modules: list[Module] = list(small_trace().modules)
    modules[position] = replace(modules[position], **entries)
    return replace(small_trace(), modules=tuple(modules))


def with_step(position: int, **entries: Any) -> Trace:
    steps: list[Step] = list(small_trace().steps)
    steps[position] = replace(steps[position], **entries)
    return replace(small_trace(), steps=tuple(steps))


ORIGIN = "Trace.steps[2].input_origins[0]"


def with_origin(**entries: Any) -> Trace:
    return with_step(2, input_origins=(Origin(**entries),))


def with_failure(**entries: Any) -> Trace:
    failure: Any = small_trace().failure
    return replace(small_trace(), failure=replace(failure, **entries))


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (
            replace(small_trace(), modules=()),
            "Trace.modules: the first is not the root",
        ),
        (with_module(0, path="x"), "Trace.modules: the first is not the root"),
        (with_module(2, path="one"), "Trace.modules[2].path: there are two of 'one'"),
        (with_module(0, children=("three",)), "Trace.modules[0].children: there is no 'three'"),
        (
            with_module(1, children=("one",)),
            "Trace.modules[1].children: 'one' does not come after it",
        ),
        (
            with_module(2, children=("",)),
            "Trace.modules[2].children: '' does not come after it",
        ),
        (with_module(2, alias_of="x"), "Trace.modules[2].alias_of: there is no 'x'"),
        (
            with_module(2, parameters=("two.bias",)),
            "Trace.modules[2].parameters: it does not have 'two.bias'",
        ),
        (
            with_module(2, parameters=("one.weight",)),
            "Trace.modules[2].parameters: it does not have 'one.weight'",
        ),
        (with_module(2, buffers=("x",)), "Trace.modules[2].buffers: it does not have 'x'"),
        (with_step(1, index=2), "Trace.steps[1].index: expected 1, got 2"),
        (with_step(1, parent=1), "Trace.steps[1].parent: 1 is not an earlier step"),
        (with_step(1, parent=-1), "Trace.steps[1].parent: -1 is not an earlier step"),
        (with_step(1, parent=7), "Trace.steps[1].parent: 7 is not an earlier step"),
        (with_step(0, depth=1), "Trace.steps[0].depth: expected 0, got 1"),
        (with_step(2, depth=10**20), f"Trace.steps[2].depth: expected 1, got {10**20}"),
        (with_origin(producers=(1, 2)), f"{ORIGIN}.producers: 2 is not an earlier step"),
        (with_origin(producers=(-1,)), f"{ORIGIN}.producers: -1 is not an earlier step"),
        (with_origin(arguments=("y",)), f"{ORIGIN}.arguments: there is no 'y'"),
        (with_origin(parameters=("x",)), f"{ORIGIN}.parameters: there is no 'x'"),
        (
            with_step(2, input_origins=()),
            "Trace.steps[2].input_origins: expected length 1, the number of tensors, got 0",
        ),
        (
            replace(small_trace(), output_origins=(Origin(),)),
            "Trace.output_origins: expected length 0, the number of tensors, got 1",
        ),
        (
            replace(small_trace(), output=tensor(2), output_origins=(Origin(producers=(3,)),)),
            "Trace.output_origins[0].producers: 3 is not an earlier step",
        ),
        (with_step(2, module="three"), "Trace.steps[2].module: there is no 'three'"),
        (with_failure(step=3), "Trace.failure.step: there is no 3"),
        (with_failure(step=-1), "Trace.failure.step: there is no -1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parse_trace_refuses_dangling_references(trace: Trace, cause: str) -> None:
    error = refusal(dump_trace(trace))
    assert error.message == "the saved trace net.json is damaged"
    assert error.cause == cause


@given(st.integers(0, len(dump_trace(small_trace()))), st.text(max_size=3))
@settings(deadline=None, max_examples=200)
def test_parse_trace_reads_or_refuses_edited_documents(place: int, edit: str) -> None:
    text = dump_trace(small_trace())
    try:
        read = parse_trace(text[:place] + edit + text[place + len(edit) :], name="net.json")
    except SavedTraceError as error:
        outcome = error.message
    else:
        outcome = f"net.json: {read!r}"
    assert "net.json" in outcome


def test_parse_trace_imports_no_heavy_packages(tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    file.write_text(dump_trace(small_trace()), encoding="utf-8")
    program = (
        "import sys; from netinspect.records.saved import parse_trace;"
        "print(parse_trace(open(sys.argv[1]).read(), name='net.json'));"
        "print({'torch', 'rich', 'typer', 'numpy'} & set(sys.modules))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
    )
    assert completed.stdout == "<Trace of Net: 3 modules, 3 steps, failed in two>\nset()\n"


def large_trace() -> Trace:
    """Return a trace of 20,000 repeated steps."""
    root, one, *_ = small_trace().steps
    repeated = [replace(one, index=index) for index in range(1, 20_000)]
    return replace(small_trace(), steps=(root, *repeated), failure=None)


def test_pack_compresses_large_documents(tmp_path: Path) -> None:
    assert pack(dump_trace(small_trace())) == dump_trace(small_trace())
    document = dump_trace(large_trace())
    packed = pack(document)
    assert isinstance(packed, bytes)
    assert packed == pack(document)
    assert gzip.decompress(packed) == document.encode()
    assert len(packed) < 500_000 < 10_000_000 < len(document)
    (tmp_path / "x").write_bytes(packed)
    assert equal_records(read_trace(tmp_path / "x", name="net.json"), large_trace())
    # The suffix does not matter, and a small file may be compressed too.
    (tmp_path / "net.gz").write_bytes(gzip.compress(dump_trace(small_trace()).encode()))
    assert equal_records(read_trace(tmp_path / "net.gz", name="net.json"), small_trace())


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (gzip.compress(b"{}")[:-9], "its compressed data is incomplete"),
        (gzip.compress(b"{}")[:3], "its compressed data is incomplete"),
        (gzip.compress(b"{}")[:-5] + b"12345", "its compressed data is damaged: "),
        (b"\x1f\x8bnothing", "its compressed data is damaged: "),
        (gzip.compress(bytes(5000)), "it has more than 4,096 bytes"),
        (gzip.compress(b"{") + gzip.compress(b"}"), "more data follows its compressed document"),
    ],
    ids=range(6),
)
def test_read_trace_refuses_damaged_compressed_files(
    content: bytes, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "LARGEST", 4096)
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SavedTraceError, match="cannot decompress net") as caught:
        read_trace(tmp_path / "x", name="net.json")
    assert (caught.value.cause or "").startswith(cause)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategy_for(Trace))
def test_from_json_equals_from_data(trace: Trace) -> None:
    document = to_json(trace)
    assert equal_records(from_json(Trace, document), trace)
    assert equal_records(from_data(Trace, json.loads(document)), trace)


def test_large_saved_trace_is_a_target(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "net.saved"
    netinspect.save(large_trace(), file)
    assert file.read_bytes().startswith(b"\x1f\x8b")
    outcome = cli("diff", str(file), str(file))
    assert outcome.code == 0, outcome
    file.write_bytes(file.read_bytes()[:-9])
    outcome = cli("summary", str(file))
    assert outcome.code == 3
    assert "cause: its compressed data is incomplete" in outcome.err
