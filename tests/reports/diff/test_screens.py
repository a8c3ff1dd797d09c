"""Golden screens of `diff`, and tests of properties of all its formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.reports.diff.files import write
from tests.support import Outcome, assert_golden

SCREENS = {
    "tuned": "lenet tuned.safetensors",
    "values": "lenet.safetensors later.safetensors --compare-values --sort change",
    "half": "lenet half.safetensors",
    "adapted": "gpt.safetensors adapted.safetensors",
    "other": "tiny_gpt other.safetensors",
    "unlike": "lenet tiny_gpt",
    "same": "lenet lenet.safetensors",
    "counts": "tiny_gpt other.safetensors --counts",
    "no_fold": "lenet tuned.safetensors --no-fold",
}
FORMATS = ("plain", "csv", "json", "markdown")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("diff")
    write(made)
    return made


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def normal(text: str, folder: Path) -> str:
    return text.replace(str(folder), "FOLDER")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(cli: Callable[..., Outcome], folder: Path, name: str, width: int) -> None:
    outcome = cli("diff", *SCREENS[name].split(), "--format", "rich", "--width", str(width))
    assert (outcome.code, outcome.err) == (0, "")
    assert_golden(f"screens/diff_{name}_{width}.txt", normal(outcome.out, folder))


@pytest.mark.parametrize("format", FORMATS)
def test_format(cli: Callable[..., Outcome], folder: Path, format: str) -> None:
    outcome = cli("diff", "lenet", "tuned.safetensors", "--format", format)
    assert outcome.code == 0
    assert_golden(f"formats/diff.{format}", normal(outcome.out, folder))


@pytest.mark.parametrize("name", SCREENS)
def test_diff_screen_lines_fit_the_width_except_code(cli: Callable[..., Outcome], name: str) -> None:
    for width in (20, 40, 60, 80, 100, 200):
        out = cli("diff", *SCREENS[name].split(), "--width", str(width)).out
        for block in out.split("\n\n"):
            if not block.startswith(("load the checkpoint", "rename the tensors")):
                # A word longer than a line is left to the terminal, so that it can be copied.
                lines = [line for line in block.splitlines() if " " in line.strip()]
                assert all(cell_len(line) <= width for line in lines), block


@pytest.mark.parametrize("name", SCREENS)
def test_diff_marks_repeat_colours(cli: Callable[..., Outcome], name: str) -> None:
    plain = cli("diff", *SCREENS[name].split(), "--width", "100", "--color", "never").out
    color = cli("diff", *SCREENS[name].split(), "--width", "100", "--color", "always").out
    assert "\x1b" not in plain
    if "same" not in name:
        assert "\x1b[" in color
        assert any(line[:1] in "+-~>" or line.rstrip()[-1:] in "+-~>" for line in plain.splitlines())


def test_diff_machine_formats_list_every_tensor(cli: Callable[..., Outcome]) -> None:
    """Each tensor is one record even if the screen folds its change; csv, plain and json agree."""
    words = ("diff", "tiny_gpt", "other.safetensors", "--format")
    data = json.loads(cli(*words, "json").out)
    rows = list(csv.DictReader(io.StringIO(cli(*words, "csv").out.split("\n\n")[0])))
    plain = cli(*words, "plain").out.split("\n\n")[0].splitlines()
    assert [row["change"] for row in rows] == [row["change"] for row in data["rows"]]
    assert [row["name"] for row in rows] == [(row["new"] or row["old"])["name"] for row in data["rows"]]
    assert len(plain) == len(rows) + 1
    assert {row["change"] for row in rows} == {"added", "removed", "renamed"}
    shown = cli("diff", "tiny_gpt", "other.safetensors", "--width", "100").out
    assert shown.count("\n") < len(rows)
    assert len(cli(*words, "rich", "--no-fold").out.splitlines()) > len(rows)


def test_diff_columns_option_selects_columns(cli: Callable[..., Outcome]) -> None:
    out = cli(
        "diff", "lenet", "tuned.safetensors", "--format", "plain", "--columns", "change,old_name"
    ).out
    assert out.splitlines()[:2] == ["change\told_name", "renamed\tconv1.bias"]
