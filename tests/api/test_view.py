"""Tests that showing a view changes nothing in the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import netinspect
from netinspect.records.saved import dump_trace
from tests.records.examples import small_trace

SHOW = """
import random, sys
random.seed(7)
before = random.getstate()
from netinspect.records.saved import parse_trace
import netinspect
trace = parse_trace(open(sys.argv[1]).read(), name="")
view = netinspect.summary(trace)
assert not {"torch", "rich"} & {*sys.modules}
WAY
assert "rich" in sys.modules
assert random.getstate() == before
WAY
assert random.getstate() == before
"""


@pytest.mark.parametrize(
    "way", ["str(view)", "repr(view)", "view._repr_mimebundle_()", "view.text('rich')"]
)
def test_view_keeps_random_state(tmp_path: Path, way: str) -> None:
    file = tmp_path / "saved.json"
    file.write_text(dump_trace(small_trace()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SHOW.replace("WAY", way), str(file)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("spec", ["", "s", ">9000", "^9000", "*<9000", ".10", "9000.10"])
def test_format_view(spec: str) -> None:
    view = netinspect.summary(small_trace())
    assert format(view, spec) == format(str(view), spec)
    assert f"{view!s:>{9000}}" == f"{view:>{9000}}"


def test_format_view_refuses_unknown_format() -> None:
    with pytest.raises(ValueError, match="Unknown format code 'd'"):
        format(netinspect.summary(small_trace()), "d")


def test_view_keeps_numpy_bit_generator() -> None:
    state = "str(numpy.random.get_state(legacy=False))"
    code = (
        "import numpy, netinspect\nfrom tests.records.examples import small_trace\n"
        f"numpy.random.set_bit_generator(numpy.random.PCG64(3))\nbefore = {state}\n"
        f"str(netinspect.summary(small_trace()))\nassert {state} == before\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_to_dicts_has_columns_and_values_of_csv() -> None:
    view = netinspect.summary(small_trace())
    rows = view.to_dicts()
    header, *lines = view.text("csv").splitlines()
    assert [*rows[0]] == header.split(",")
    assert len(rows) == len(lines)
    assert [row["path"] for row in rows] == [row.path for row in view.record.rows]
    assert all(type(row["params"]) is int for row in rows)


def test_to_pandas_has_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = ModuleType("pandas")
    pandas.DataFrame = lambda rows, columns: (columns, rows)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    view = netinspect.params(small_trace())
    columns, rows = view.to_pandas()
    assert [dict(zip(columns, row, strict=True)) for row in rows] == view.to_dicts()


def test_to_pandas_without_pandas_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        netinspect.summary(small_trace()).to_pandas()
