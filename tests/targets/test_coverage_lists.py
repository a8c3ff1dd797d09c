"""Tests of the lists of targets of `benchmarks/coverage.py`, and of a fixed sample of them.

Each target of `benchmarks/targets/sample.toml` is summarised from its name alone, and the input that was
chosen is compared with the right one.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import PATIENCE

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SAMPLE = tomllib.loads((BENCHMARKS / "targets" / "sample.toml").read_text("utf-8"))
NAMES = [
    f"{entry['target']} {entry.get('args', '')}".rstrip()
    for group in SAMPLE.values()
    for entry in group["targets"]
]


@pytest.fixture(scope="module")
def lists() -> Iterator[Any]:
    """The modules of the benchmark, which are found by their folder."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("coverage_targets")
    sys.path.remove(str(BENCHMARKS))


# --- what is a reasonable input ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "right", "near"),
    [
        (("x", "float", (1, 3, 224, 224)), ("x", "float", (1, 3, 256, 256)), True),
        (("x", "float", (2, 3, 64, 64)), ("x", "float", (1, 3, 256, 256)), True),
        (("x", "float", (1, 3, 32, 3136)), ("x", "float", (1, 3, 224, 448)), False),
        (("x", "float", (32, 3, 224, 224)), ("x", "float", (1, 3, 256, 256)), True),
        (("x", "float", (16, 1, 80)), ("x", "float", (1, 400, 80)), False),
        (("x", "float", (1, 512)), ("x", "float", (1, 16_000)), False),
        (("x", "float", (1, 1)), ("x", "float", (1, 16)), False),
        (("x", "int", (1, 16)), ("x", "float", (1, 16)), False),
        (("x", "bool", ()), ("x", "int", ()), False),
        (("x", "float", (1, 16)), ("x", "float", (1, 16, 8)), False),
        (("t", "int", (1,)), ("t", "int", ()), True),
        (("t", "float", ()), ("t", "int", ()), True),
        (("y", "float", (1, 16)), ("x", "float", (1, 16)), False),
    ],
)
def test_oddity_of_one_tensor(lists: Any, chosen: Any, right: Any, near: bool) -> None:
    assert (lists.oddity([chosen], [right], 4.0, set()) == "") is near


def test_oddity_missing_optional_argument(lists: Any) -> None:
    right = [("x", "float", (1, 8)), ("mask", "bool", (1, 8))]
    assert lists.oddity(right[:1], right, 4.0, {"mask"}) == ""
    assert lists.oddity(right[:1], right, 4.0, set()) == "mask is missing"


def test_oddity_says_what_is_expected(lists: Any) -> None:
    found = lists.oddity([("x", "float", (1, 512))], [("x", "float", (1, 16_000))], 4.0, set())
    assert found == "x is 1x512, not about 1x16000"


def test_leaves_of_nested_value(lists: Any) -> None:
    tensor = {"kind": "tensor", "dtype": "int64", "shape": [1, 16]}
    number = {"kind": "literal", "type": "float", "text": "0.5"}
    items = [{"key": "ids", "value": tensor}, {"key": "scale", "value": number}]
    value = {"kind": "structure", "type": "dict", "items": items}
    assert list(lists.leaves_of("batch", value)) == [
        ("batch.ids", "int", (1, 16)),
        ("batch.scale", "float", ()),
    ]


# --- the lists -----------------------------------------------------------------------------------


def test_lists_can_be_read(lists: Any) -> None:
    from netinspect.inputs.spec import parse_spec

    for name in lists.LISTS:
        targets = lists.read_targets(lists.FOLDER / f"{name}.toml")
        assert len(targets) > 20
        for target in targets:
            for specs in target.right:
                assert all(map(parse_spec, specs)), target.name


def test_list_with_unknown_key(lists: Any, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[own]\ntargets = [{ target = "a:B", input = "1x2", size = 3 }]\n', "utf-8")
    with pytest.raises(ValueError, match="a:B: unknown keys size"):
        lists.read_targets(file)


def test_list_of_repository(lists: Any, tmp_path: Path) -> None:
    file = tmp_path / "repositories.toml"
    file.write_text(
        '["a/b"]\ncommit = "0"\nfolder = "c"\ntargets = [\n'
        '  { target = "model.py", class = "Net", args = "size=3", input = "1x2" },\n'
        '  { target = "model.py:Net", args = "size=3", given = true, input = "1x2" },\n]\n',
        "utf-8",
    )
    first, second = lists.read_targets(file)
    assert (first.name, first.given, first.args) == ("a/b: model.py", False, ("size=3",))
    assert (second.name, second.given) == ("a/b: model.py:Net size=3", True)


# --- the sample ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the benchmark finds for each target of the sample."""
    output = tmp_path_factory.mktemp("sample") / "rows.json"
    subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "coverage.py"), "--library", "sample", "--jobs", "1"),
            *("--output", str(output)),
        ],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    return {row["name"]: row for row in rows}


@pytest.mark.slow
@pytest.mark.libraries
@pytest.mark.parametrize("name", NAMES)
def test_sample_is_summarised_on_reasonable_input(
    name: str, verdicts: dict[str, dict[str, Any]]
) -> None:
    row = verdicts[name]
    assert row["forward"]["ok"], row["forward"]["cause"]
    assert row["summary"]["ok"], row["summary"]["cause"]
    assert not row["odd"], (row["odd"], row["summary"]["chosen"])
