"""Tests of `-o` and `--save`: formats, replaced files, saved traces."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import MODEL_COMMANDS, Outcome, command_line

Cli = Callable[..., Outcome]

COMMANDS = [
    ["summary", "--functions"],
    ["summary", "--depth", "1", "--sort", "params", "--top", "2"],
    ["params", "--buffers", "--stats"],
    ["params", "--values"],
    ["trace", "--backward", "--inside-layers"],
    ["trace", "--values"],
    ["tree", "--no-fold"],
    ["source"],
    ["source", "--whole-class"],
    ["internals"],
    ["graph"],
]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("out.json", "{\n"),
        ("out.JSON", "{\n"),
        ("out.csv", "path,class,"),
        ("out.md", "### "),
        ("out.markdown", "### "),
        ("out.html", "<!DOCTYPE html>\n"),
        ("out.svg", "<svg xmlns="),
        ("out.tsv", "path\tclass\t"),
        ("out.txt", "LeNet  lenet\n"),
        ("out", "LeNet  lenet\n"),
    ],
)
def test_output_suffix_selects_format(cli: Cli, workshop: Path, name: str, start: str) -> None:
    outcome = cli("summary", "lenet", "-o", name)
    assert outcome.code == 0
    assert outcome.out == ""
    message, *comments = outcome.err.splitlines()
    assert message == f"written to {name}"
    assert all(line.startswith("# ") for line in comments)
    assert bool(comments) == name.endswith(".csv")
    text = Path(name).read_text(encoding="utf-8")
    assert text.startswith(start)
    assert "\x1b" not in text


def test_text_output_has_branches_without_color(
    cli: Cli, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    cli("tree", "lenet", "-o", "tree.txt")
    text = Path("tree.txt").read_text(encoding="utf-8")
    assert "└─ fc3    Linear(in_features=84, out_features=10) " in text
    assert "\x1b" not in text
    cli("tree", "lenet", "-o", "tree.txt", "--color", "always")
    assert "\x1b[1mLeNet" in Path("tree.txt").read_text(encoding="utf-8")


def test_format_option_takes_precedence_over_suffix(cli: Cli, workshop: Path) -> None:
    cli("summary", "lenet", "-o", "out.json", "--format", "csv")
    rows = list(csv.DictReader(Path("out.json").read_text(encoding="utf-8").splitlines()))
    assert [row["path"] for row in rows] == ["", "conv1", "conv2", "fc1", "fc2", "fc3"]


def test_output_file_is_replaced_atomically(cli: Cli, workshop: Path) -> None:
    Path("out.txt").write_text("old")
    assert cli("summary", "lente", "-o", "out.txt").code == 3
    assert Path("out.txt").read_text() == "old"
    cli("models", "-o", "out.txt")
    assert Path("out.txt").read_text().startswith("sample models")
    assert not list(workshop.glob("*.part")) + list(workshop.glob(".*"))


def test_output_file_of_failed_forward(cli: Cli, workshop: Path) -> None:
    outcome = cli("summary", "lenet", "-i", "1x1x32x32", "-o", "out.json")
    assert outcome.code == 4
    failure = json.loads(Path("out.json").read_text())["header"]["failure"]
    assert failure["summary"] in outcome.err


@pytest.mark.parametrize("suffix", ["html", "md", "svg", "tex", "tsv", "txt"])
def test_output_file_explains_failed_forward(cli: Cli, workshop: Path, suffix: str) -> None:
    outcome = cli("trace", "lenet", "-i", "1x1x32x32", "-o", f"out.{suffix}")
    assert outcome.code == 4
    text = html.unescape(Path(f"out.{suffix}").read_text(encoding="utf-8")).replace("\xa0", " ")
    for part in ("conv1", "fc1 expects 256 features", "fc1 = Linear(400, 120)"):
        assert part in text


@pytest.mark.slow
@pytest.mark.parametrize("sample", ["lenet", "tiny_gpt", "shared_layer", "two_inputs"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_saved_trace_gives_same_output(cli: Cli, workshop: Path, sample: str, words: list[str]) -> None:
    command, *options = words
    live = cli(command, sample, *options, "--save", "stored.json", "-f", "json")
    assert live.code == 0, live.err
    for format in ("json", "rich", "plain"):
        live = cli(command, sample, *options, "-f", format)
        saved = cli(command, "stored.json", *options, "-f", format)
        assert saved.code == 0, saved.err
        assert saved.err == ""
        if command in ("tree", "params", "internals"):
            # A saved trace has been run, and states so; these need no forward when live.
            continue
        assert saved.out == live.out


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_saved_trace_gives_same_rows(cli: Cli, workshop: Path, words: list[str]) -> None:
    command, *options = words
    cli(command, "shared_layer", *options, "--save", "stored.json", "-i", "x=8x32")
    live = cli(command, "shared_layer", *options, "-i", "x=8x32")
    saved = cli(command, "stored.json", *options)
    assert saved.out == live.out


@pytest.mark.parametrize("sample", ["lenet", "resnet18"])
def test_saved_trace_serves_every_command(cli: Cli, workshop: Path, sample: str) -> None:
    cli("tree", sample, "--save", "stored.json")
    for command in set(MODEL_COMMANDS) - {"memory"}:  # which runs the model itself
        assert cli(*command_line(command, "stored.json")).code == 0, command


def test_save_with_unreadable_example_adds_note(cli: Cli, workshop: Path) -> None:
    Path("odd.py").write_text(f"{Path('net.py').read_text()}\nEXAMPLE_INPUTS = 5\n")
    outcome = cli("tree", "odd.py", "--save", "stored.json", "-v")
    assert outcome.code == 0
    assert "note: saved without a forward" in outcome.err
    assert cli("summary", "stored.json").code == 0


@pytest.mark.parametrize("option", ["--save", "-o"])
@pytest.mark.parametrize("place", ["net.py", "./net.py", "link.py"])
def test_output_refuses_to_replace_target(cli: Cli, workshop: Path, option: str, place: str) -> None:
    before = (workshop / "net.py").read_bytes()
    (workshop / "link.py").symlink_to("net.py")
    outcome = cli("summary", "net.py:Net", option, place, "--format", "plain")
    assert outcome.code == 2
    assert "it is the target" in outcome.err
    assert (workshop / "net.py").read_bytes() == before


@pytest.mark.parametrize("option", ["--save", "-o"])
@pytest.mark.parametrize(
    ("place", "cause"), [("folder", "Is a directory"), ("missing/out.json", "No such file or directory")]
)
def test_unwritable_output_is_reported_before_the_run(
    cli: Cli, workshop: Path, option: str, place: str, cause: str
) -> None:
    (workshop / "folder").mkdir(exist_ok=True)
    (workshop / "noisy.py").write_text(
        "from torch import nn\nprint('imported')\nclass Net(nn.Identity):\n    pass\n", encoding="utf-8"
    )
    outcome = cli("summary", "noisy.py:Net", "--input", "2x2", option, place, "--format", "json")
    assert outcome.code == 2
    assert f"cannot write {place}" in outcome.err
    assert cause in outcome.err
    assert "imported" not in outcome.err
