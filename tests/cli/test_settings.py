"""Tests of project settings and their precedence: option, environment variable, settings file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support import Outcome

Cli = Callable[..., Outcome]


@pytest.fixture
def project(workshop: Path) -> Path:
    (workshop / "pyproject.toml").write_text(
        '[tool.netinspect]\ntarget = "net.py:Net"\ninput = "4x8"\n'
        'format = "csv"\ndepth = 1\nwidth = 44\n',
        encoding="utf-8",
    )
    return workshop


def test_settings_target_and_input(cli: Cli, project: Path) -> None:
    outcome = cli("summary")
    assert outcome.code == 0
    chosen, *comments = outcome.err.splitlines()
    assert chosen == f"no target given: net.py:Net (set in {project / 'pyproject.toml'})"
    assert all(line.startswith("# ") for line in comments)
    assert 'fc,Linear,"(4, 8)","(4, 3)",27' in outcome.out


def test_default_target_without_settings(cli: Cli, workshop: Path) -> None:
    outcome = cli("summary")
    assert outcome.err == "no target given: lenet (the default)\n"
    assert "LeNet" in outcome.out


def test_settings_target_is_relative_to_settings_file(
    cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "folder")
    outcome = cli("summary")
    assert outcome.code == 0, outcome.err
    assert "no target given: ../net.py:Net " in outcome.err
    # Its input is meant too, whether the target was typed or not.
    assert 'fc,Linear,"(4, 8)"' in outcome.out
    assert 'fc,Linear,"(4, 8)"' in cli("summary", "../net.py:Net").out


def test_settings_input_applies_to_settings_target_only(cli: Cli, project: Path) -> None:
    assert 'conv1,Conv2d,"(10, 1, 28, 28)"' in cli("summary", "lenet").out
    assert '"(7, 8)"' in cli("summary", "-i", "7x8").out
    # Without a target of its own, a project's input is for whatever is traced.
    (project / "pyproject.toml").write_text('[tool.netinspect]\ninput = ["x=2x1x28x28"]\n')
    assert "(2, 1, 28, 28)" in cli("summary", "lenet").out


def test_format_precedence(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("models").out.startswith("name,description")
    monkeypatch.setenv("NETINSPECT_FORMAT", "json")
    assert cli("models").out.startswith("{")
    assert cli("models", "-f", "markdown").out.startswith("### ")
    # What implies a format is typed too.
    assert cli("models", "--width", "60").out.startswith("sample models")
    assert cli("models", "--color", "always").out.startswith("\x1b")
    assert cli("models", "--width", "60", "-f", "json").out.startswith("{")
    monkeypatch.delenv("NETINSPECT_FORMAT")
    assert cli("--no-config", "models").out.startswith("name\tdescription")


def test_width_precedence(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def widest(*words: str) -> int:
        out = cli("tree", "lenet", "-f", "rich", *words).out
        return max(map(len, out.splitlines()))

    assert 40 < widest() <= 44
    monkeypatch.setenv("NETINSPECT_WIDTH", "53")
    assert 44 < widest() <= 53
    assert 53 < widest("--width", "60") <= 60


def test_depth_precedence(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(*words: str) -> int:
        return len(cli("summary", "two_inputs", *words).out.splitlines()) - 1

    assert rows() == 6
    monkeypatch.setenv("NETINSPECT_DEPTH", "2")
    assert rows() == 14
    assert rows("--depth", "1") == 6


def test_settings_width_does_not_apply_to_pipes(cli: Cli, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.netinspect]\nwidth = 44\n")
    assert cli("models").out.startswith("name\t")
    (project / "pyproject.toml").write_text('[tool.netinspect]\ncolor = "always"\n')
    assert cli("models").out.startswith("name\t")


def test_output_suffix_takes_precedence_over_settings(
    cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETINSPECT_FORMAT", "markdown")
    cli("models", "-o", "models.json")
    assert Path("models.json").read_text().startswith("{")
    cli("models", "-o", "models.json", "-f", "csv")
    assert Path("models.json").read_text().startswith("name,")
    cli("models", "-o", "models")
    assert Path("models").read_text().startswith("### ")


def test_config_variable_names_settings_file(cli: Cli, project: Path) -> None:
    Path("mine.toml").write_text('format = "markdown"\n')
    assert cli("--config", "mine.toml", "models").out.startswith("### ")
    assert cli("--no-config", "--config", "broken.toml", "models").code == 0


@pytest.mark.parametrize("words", [["--help"], ["summary", "--help"], ["models", "-h"], ["--version"]])
def test_help_with_broken_settings(cli: Cli, project: Path, words: list[str]) -> None:
    (project / "pyproject.toml").write_text('[tool.netinspect]\nformt = "csv"\n')
    assert cli(*words).code == 0
    outcome = cli("models")
    assert outcome.code == 2
    assert "'formt'" in outcome.err


def test_settings_are_read_for_each_run(cli: Cli, project: Path) -> None:
    cli("models")
    assert "set in" not in cli("--no-config", "tree").err


def test_quiet_and_verbose(cli: Cli, workshop: Path) -> None:
    assert cli("tree", "-q").err == ""
    assert cli("tree", "-q", "-v").err == ""
    assert cli("tree", "lenet", "-o", "x.txt", "--save", "x.json", "-q").err == ""
    assert cli("tree", "lenet", "-o", "x.txt", "--save", "x.json").err == (
        "saved to x.json\nwritten to x.txt\n"
    )
    printed = cli("tree", "lenet", "-v").err
    assert printed.startswith("traced lenet in ")
    assert "torch" in printed
    assert "seed 0" in printed
    assert cli("summary", "lente", "-q").err.startswith("error[load]")


@pytest.mark.slow
def test_symbolic_setting_and_option_precedence(
    cli: Cli, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workshop / "pyproject.toml").write_text(
        '[tool.netinspect]\nsymbolic = "batch"\nbatch = 5\n', encoding="utf-8"
    )
    assert '"(N, 6, 24, 24)"' in cli("summary", "lenet", "-f", "csv").out
    assert '"(3, 6, 24, 24)"' in cli("summary", "lenet", "-f", "csv", "--batch", "3").out
    assert "*N" in cli("memory", "lenet", "-f", "plain").out
    assert "*N" not in cli("memory", "lenet", "-f", "plain", "--batch", "3").out
    # Neither a saved trace nor a checkpoint can be run at other sizes.
    assert cli("summary", "lenet", "--save", "saved.json", "--batch", "3").code == 0
    outcome = cli("summary", "saved.json", "-f", "csv")
    assert outcome.code == 0, outcome.err
    assert "(3, 6, 24, 24)" in outcome.out
    save_file({"weight": torch.zeros(2, 3)}, str(workshop / "weights.safetensors"))
    assert cli("summary", "weights.safetensors").code == 0
    assert cli("summary", "weights.safetensors", "--symbolic", "batch").code == 2
    # The environment takes precedence over the project.
    monkeypatch.setenv("NETINSPECT_SYMBOLIC", "height width")
    assert '"(5, 6, ' in cli("summary", "lenet", "-f", "csv").out


@pytest.mark.slow
def test_symbolic_setting_with_two_symbols(cli: Cli, workshop: Path) -> None:
    file = workshop / "netinspect.toml"
    file.write_text('symbolic = ["batch", "seq"]\n', encoding="utf-8")
    assert "N*T" in cli("cost", "tiny_gpt", "-f", "plain").out
    file.write_text("symbolic = 3\n", encoding="utf-8")
    outcome = cli("cost", "tiny_gpt")
    assert outcome.code == 2
    assert "it takes str or list of str" in outcome.err


@pytest.mark.slow
def test_typed_batch_or_symbol_takes_precedence(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("memory", "lenet", "--width", "120", "--points", "1", "--top", "1")
    file = tmp_path / "netinspect.toml"
    file.write_text("batch = 8\n", encoding="utf-8")
    assert "rows is a size, x:0, 10 in this run" in cli(*words, "--symbolic", "rows=x:0").out
    file.write_text('symbolic = "rows=x:0"\n', encoding="utf-8")
    assert "x = 32x1x28x28" in cli(*words, "--batch", "32").out
    refused = cli(*words, "--batch", "32", "--symbolic", "rows=x:0")
    assert refused.code == 2
    assert "--batch sets the first dimension" in refused.err
