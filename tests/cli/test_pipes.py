"""Tests of pipes and files: records, comments with totals and findings, default columns, widths."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.api.command_names import COMMANDS
from netinspect.records.base import SCHEMA_VERSION
from tests.support import PATIENCE, Outcome, command_line

ROOT = Path(__file__).parents[2]
Cli = Callable[..., Outcome]

_TINY, _TUNED, _UNTRUSTED = (
    str(ROOT / "docs" / "examples" / name)
    for name in ("tiny.safetensors", "tuned.safetensors", "untrusted.pt")
)
LINES = {
    **{command: command_line(command, "lenet") for command in COMMANDS if command != "page"},
    "params --stats": ["params", _TUNED, "--stats"],
    "summary of a checkpoint": ["summary", _TINY],
    "globals": ["globals", _UNTRUSTED],
    "diff": ["diff", _TINY, _TUNED, "--compare-values"],
}
TOTALS = {
    "summary": "44,426 parameters, all trainable, 173.5 KiB (float32)",
    "params": "44,426 parameters, all trainable, 173.5 KiB (float32)",
    "tree": "44,426 parameters, all trainable, 173.5 KiB (float32)",
    "trace": "output: (10, 10), 100 values, 400 B",
    "cost": "forward: 2,816,400 MACs, 5,632,800 FLOPs; 91,740 other FLOPs",
    "memory": "peak: 477.0 KiB in forward (aten.relu)",
    "diff": "1 + added, 1 - removed, 2 ~ changed",
    "globals": "4 names in 1 pickle, 1 of them not needed for tensors",
    "params --stats": "NaN or infinity: ",
}
RUNS = ("summary", "trace", "cost", "source", "memory")


def comments_of(text: str) -> list[str]:
    return [line[2:] for line in text.splitlines() if line.startswith("# ")]


@pytest.mark.parametrize("name", LINES)
def test_plain_and_csv_keep_what_people_read(cli: Cli, name: str) -> None:
    words = LINES[name]
    plain = cli(*words, "--format", "plain")
    comments = comments_of(plain.out)
    assert plain.err == ""
    inputs = [each for each in comments if each.startswith("input: x = 10x1x28x28 float32")]
    assert len(inputs) == (name in RUNS)
    assert any(each.startswith(TOTALS.get(name, "")) for each in comments), comments

    # People see the same lines; totals are rows of their tables.
    rich = cli(*words, "--format", "rich", "--width", "1000").out
    notes = comments[len(comments) - sum(each in rich.splitlines() for each in comments[1:]) :]
    assert rich.splitlines()[-len(notes) :] == notes or not notes

    commas = cli(*words, "--format", "csv")
    assert comments_of(commas.err) == comments
    assert not comments_of(commas.out)
    assert cli(*words, "--format", "csv", "--quiet").err == ""
    assert json.loads(cli(*words, "--format", "json").out)["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("name", LINES)
def test_plain_records_have_as_many_fields_as_their_header(cli: Cli, name: str) -> None:
    if name == "source":
        pytest.skip("code has no records")
    text = cli(*LINES[name], "--format", "plain").out
    records = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for table in records.split("\n\n"):
        assert len({line.count("\t") for line in table.splitlines()}) == 1


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("format", ["plain", "csv", "rich", "markdown", "html", "svg"])
def test_all_columns_are_accepted_by_every_format(cli: Cli, name: str, format: str) -> None:
    outcome = cli(*LINES[name], "--format", format, "--columns", "all")
    if name in ("source", "internals") or (name == "graph" and format in ("html", "svg")):
        assert outcome.code == 2
        return
    assert outcome.code == 0
    keys = next(csv.reader(io.StringIO(cli(*LINES[name], "--format", "csv").out)))
    text = outcome.out.replace("&#160;", " ")
    for key in keys:
        assert (key if format in ("plain", "csv") else key.replace("_", " ")) in text


def test_json_accepts_all_columns_only(cli: Cli) -> None:
    assert cli("params", "lenet", "--json", "--columns", "all").code == 0
    assert cli("params", "lenet", "--json", "--columns", "name").code == 2


def test_unknown_column_lists_those_of_every_table(cli: Cli) -> None:
    outcome = cli("memory", "lenet", "--columns", "nmae")
    assert outcome.code == 2
    assert "category, bytes, share" in outcome.err
    assert "operation" in outcome.err
    assert cli("memory", "lenet", "--columns", "operation", "-f", "plain").code == 0


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["summary", "resnet18"], "params"),
        (["params", "resnet18"], "elements"),
        (["params", "resnet18", "--stats"], "elements"),
        (["cost", "resnet18"], "macs"),
        (["cost", "resnet18", "--by", "function"], "macs"),
        (["memory", "lenet"], "bytes"),
        (["summary", _TINY], "elements"),
        (["params", _TINY], "elements"),
    ],
)
def test_top_keeps_the_largest_rows(cli: Cli, words: list[str], key: str) -> None:
    def numbers(*options: str) -> list[int]:
        text = cli(*words, "--columns", "all", "--format", "csv", *options).out
        table = csv.DictReader(io.StringIO(text.split("\n\n")[-1 if words[0] == "memory" else 0]))
        return [int(row[key]) for row in table]

    listed = numbers("--top", "1000000")
    assert listed == sorted(listed, reverse=True)
    if words[0] != "memory":
        assert numbers("--top", "3") == listed[:3]
        assert len(listed) > 3


def test_top_of_diff_keeps_the_largest_changes(cli: Cli) -> None:
    def rows(*options: str) -> list[dict[str, str]]:
        text = cli("diff", _TINY, _TUNED, "--format", "csv", *options).out
        return list(csv.DictReader(io.StringIO(text.split("\n\n")[0])))

    largest = rows("--compare-values", "--top", "3")
    assert {row["change"] for row in largest[:2]} == {"added", "removed"}
    assert largest[2]["differs"] == "name,values"
    assert largest == rows("--compare-values", "--sort", "change")[:3]
    by_number = rows("--compare-values", "--sort", "Max Absolute")
    numbers = [float(row["max_absolute"] or 0) for row in by_number]
    assert numbers == sorted(numbers, reverse=True)
    sizes = [int(row["elements"]) for row in rows("--sort", "elements")]
    assert sorted(sizes, reverse=True) == sizes
    changed = [row for row in rows("--sort", "elements") if row["change"] != "renamed"]
    assert rows("--top", "2") == changed[:2]
    comments = comments_of(cli("diff", _TINY, _TUNED, "--format", "plain", "--top", "2").out)
    assert "1 + added, 1 - removed, 38 > renamed only, 0 the same" in comments
    assert "38 differing tensors not shown" in comments
    assert cli("diff", _TINY, _TUNED, "--counts", "--top", "2").code == 2


def test_name_that_looks_like_comment_is_escaped(tmp_path: Path, cli: Cli) -> None:
    header = {"# total: 0": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    file = tmp_path / "odd.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    outcome = cli("params", str(file), "--format", "plain")
    assert outcome.out.splitlines()[1].startswith("\\x23 total: 0\t(1)\t")


def shell(command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell with `netinspect` in it."""
    python = f"{sys.executable} -m netinspect"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("netinspect", python)],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "PYTHONPATH": str(ROOT / "src"), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.slow
def test_pipes_of_real_processes(tmp_path: Path) -> None:
    head = shell("netinspect params lenet | head -1", tmp_path)
    assert (head.stdout, head.stderr) == ("name\tshape\tdtype\telements\tbytes\n", "")
    total = shell("netinspect params lenet | awk -F'\\t' '!/^#/ {sum += $4} END {print sum}'", tmp_path)
    assert (total.stdout, total.stderr, total.returncode) == ("44426\n", "", 0)
    piped = shell("netinspect params lenet > a.txt; netinspect params lenet | cmp - a.txt", tmp_path)
    assert (piped.stdout, piped.stderr, piped.returncode) == ("", "", 0)


@pytest.mark.slow
def test_text_file_is_what_100_columns_show(tmp_path: Path) -> None:
    variables = {"COLUMNS": "60", "FORCE_COLOR": "1"}
    done = shell("netinspect summary resnet18 -q -o a.txt", tmp_path, **variables)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert "\x1b" not in (text := (tmp_path / "a.txt").read_text())
    assert text == shell("netinspect summary resnet18 --width 100", tmp_path).stdout
    assert 80 < max(map(len, text.splitlines())) <= 100


@pytest.mark.slow
@pytest.mark.parametrize(("variables", "width"), [({}, 80), ({"COLUMNS": "64"}, 64)])
def test_rich_in_log_of_ci_run(tmp_path: Path, variables: dict[str, str], width: int) -> None:
    command = "netinspect params resnet18 --no-fold --format rich 2>&1 | cat"
    log = shell(command, tmp_path, CI="1", **variables)
    lines = log.stdout.splitlines()
    assert width - 20 < max(map(len, lines)) <= width
    assert sum("weight" in line for line in lines) == 41
    assert "11,689,512 parameters" in log.stdout
