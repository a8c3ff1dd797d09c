"""Tests that control characters in names, reprs and messages are escaped in every output."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.rendering.formats import COMMON_FORMATS
from tests.nets.hostile import POISONS
from tests.support import TABLE_COMMANDS, Outcome, command_line

Cli = Callable[..., Outcome]

FILE = str(Path(__file__).parent.parent / "nets" / "hostile.py")
LIVE = f"{FILE}:Hostile"
FAILING = f"{FILE}:failing"
MODULES = [f"{name} {poison}".replace(".", "") for name, poison in POISONS.items()]
SURROGATE = next(name for name in MODULES if name.startswith("surrogate"))
COMMANDS = [
    *([each] for each in TABLE_COMMANDS if each not in ("memory", "params", "trace")),
    ["summary", "--functions"],
    ["params", "--buffers", "--stats"],
    ["params", "--values"],
    ["trace", "--inside-layers", "--backward"],
    ["tree", "--no-fold"],
    ["source", "--whole-class"],
]
FORMATS = [*COMMON_FORMATS]

RAW = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\U000e0000-\U000e007f]"
)


def raw_in(text: str, *, allowed: str = "") -> list[str]:
    return [match for match in RAW.findall(text) if match not in allowed]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_hostile_names_are_escaped_in_every_format(cli: Cli, words: list[str], format: str) -> None:
    command, *options = words
    outcome = cli(*command_line(command, LIVE), *options, "--format", format)
    assert outcome.code == 0, outcome.err
    assert raw_in(outcome.out, allowed="\t" if format == "plain" else "") == []
    # The comments of csv are on stderr.
    assert raw_in(outcome.err) == []
    assert all(line.startswith("# ") for line in outcome.err.splitlines())
    assert format == "csv" or outcome.err == ""
    assert outcome.out
    if format == "json":
        json.loads(outcome.out)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("command", ["summary", "trace", "source"])
def test_hostile_names_are_escaped_in_failures(cli: Cli, command: str, format: str) -> None:
    outcome = cli(command, FAILING, "--format", format)
    assert outcome.code == 4
    assert raw_in(outcome.out, allowed="\t" if format == "plain" else "") == []
    assert raw_in(outcome.err) == []
    assert outcome.out
    if format == "json":
        json.loads(outcome.out)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_colored_output_has_only_own_escapes(cli: Cli, words: list[str]) -> None:
    command, *options = words
    outcome = cli(*command_line(command, FAILING), *options, "--format", "rich", "--color", "always")
    assert "\x1b[" in outcome.out
    assert raw_in(re.sub(r"\x1b\[[0-9;]*m", "", outcome.out)) == []
    assert raw_in(re.sub(r"\x1b\[[0-9;]*m", "", outcome.err)) == []
    # What is coloured on a line ends on it.
    for line in outcome.out.splitlines():
        assert "\x1b" not in line or line.rindex("\x1b[0m") >= line.rindex("\x1b[")


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("command", ["tree", "source", "internals"])
def test_hostile_module_path_as_argument(cli: Cli, command: str, module: str) -> None:
    outcome = cli(command, LIVE, module)
    # Of a class made by a call of `type`, the source of its base is shown.
    assert outcome.code == 0, outcome.err
    assert raw_in(outcome.out, allowed="\t") == []
    assert raw_in(outcome.err) == []


@pytest.mark.parametrize(
    ("words"), [["summary"], ["params", "--buffers"], ["tree", "--no-fold"]], ids=" ".join
)
def test_machine_formats_have_one_record_a_row(cli: Cli, words: list[str]) -> None:
    command, *options = words
    plain = cli(command, LIVE, *options, "--format", "plain", "--columns", "all").out
    records = [line.split("\t") for line in plain.splitlines() if not line.startswith("# ")]
    assert {len(record) for record in records} == {len(records[0])}
    rows = list(csv.reader(io.StringIO(cli(command, LIVE, *options, "--format", "csv").out)))
    assert rows == records
    entries = [row[0] for row in records[1:]]
    assert len(entries) == len(set(entries))
    assert len(entries) >= len(POISONS)


@pytest.mark.parametrize(("words"), [["summary"], ["params"], ["trace"], ["tree"]], ids=" ".join)
def test_markdown_table_with_hostile_names(cli: Cli, words: list[str]) -> None:
    text = cli(*words, LIVE, "--format", "markdown").out
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table]
    assert len(table) > len(POISONS)
    assert len(set(cells)) == 1
    assert not re.search(r"(?<!\\)<script", text)
    assert not re.search(r"(?<!\\)`", text)


def test_rich_markup_in_names_is_not_interpreted(cli: Cli) -> None:
    shown = cli("tree", LIVE, "--format", "rich", "--no-fold").out
    assert "[red]loud[/red]" in shown
    assert r"\x1b[31mred\x1b]0;title\x07" in shown


@pytest.mark.slow
def test_hostile_arguments_are_escaped(cli: Cli) -> None:
    for word in POISONS.values():
        for words in (
            [word],
            ["summary", word],
            ["summary", f"{word}.py:Net"],
            ["summary", f"{FILE}:{word}"],
            ["summary", "lenet", f"--{word}"],
            ["summary", "lenet", "--format", word],
            ["summary", "lenet", "--columns", word],
            ["summary", "lenet", "--sort", word],
            ["summary", "lenet", "-i", word],
            ["summary", "lenet", "--arg", word],
            ["tree", "lenet", word],
            ["--config", f"{word}.toml", "models"],
        ):
            outcome = cli(*words)
            assert outcome.code in (2, 3), (words, outcome.err)
            assert raw_in(outcome.err) == []
            assert outcome.out == ""


def test_hostile_file_name_is_escaped(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "ev\x1b[31mil|`<b>"
    folder.mkdir()
    file = folder / "net\nwork.py"
    file.write_text(Path(FILE).read_text(encoding="utf-8"), encoding="utf-8")
    for format in FORMATS:
        for command in ("summary", "trace", "source"):
            outcome = cli(command, f"{file}:Hostile", "--format", format)
            assert outcome.code == 0, outcome.err
            assert raw_in(outcome.out, allowed="\t" if format == "plain" else "") == []


def test_hostile_saved_trace_is_escaped(cli: Cli, tmp_path: Path) -> None:
    saved = str(tmp_path / "saved.json")
    assert cli("trace", LIVE, "--save", saved, "-q").code == 0
    assert Path(saved).read_text(encoding="utf-8").isascii()
    for words in (["summary"], ["trace"], ["tree"], ["source"], ["internals"]):
        outcome = cli(*words, saved, "--format", "rich")
        assert outcome.code == 0
        assert raw_in(outcome.out) == []
