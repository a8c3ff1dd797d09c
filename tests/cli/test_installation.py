"""Tests of `config` and `doctor`, in real processes: pipes and terminals."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pexpect
import pytest
import torch
import typer

from netinspect.cli.app import build_app
from netinspect.cli.requests import DEFAULT_TARGET
from netinspect.reports.config.compute import DEFAULTS
from netinspect.settings import KEYS
from tests.support import PATIENCE, Outcome

Cli = Callable[..., Outcome]
Screen = Callable[..., list[str]]

COMMANDS = ("config", "doctor")


def rows(outcome: Outcome) -> dict[str, dict[str, str]]:
    assert outcome.code == 0, outcome.err
    return {next(iter(row.values())): row for row in csv.DictReader(io.StringIO(outcome.out))}


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    """Run a command in a terminal; return the lines of the screen, without escape sequences."""

    def call(*words: str, width: int, encoding: str = "utf-8") -> list[str]:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "netinspect", *words],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            cwd=str(tmp_path),
            dimensions=(24, width),
            timeout=PATIENCE,
            encoding="utf-8",
        )
        text = child.read()
        child.close()
        assert child.exitstatus == 0, text
        return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()

    return call


def test_defaults_are_those_of_options() -> None:
    command = typer.main.get_command(build_app())
    declared = {
        option.name: option
        for each in command.commands.values()  # type: ignore[attr-defined]
        for option in each.params
        if getattr(option, "envvar", None)
    }
    with_both = {name for name, each in DEFAULTS.items() if each.has_variable and each.has_option}
    assert set(declared) == with_both
    for name, option in declared.items():
        assert option.envvar == f"NETINSPECT_{name.upper()}"
        assert (option.default or None) == (DEFAULTS[name].value or None), name
        assert f"--{name}" in option.opts
    assert DEFAULTS["target"].value == DEFAULT_TARGET
    assert {name for name, default in DEFAULTS.items() if default.in_file} == set(KEYS)
    for name, kinds in KEYS.items():
        assert DEFAULTS[name].type in kinds


def test_config_values_and_origins(installed: Cli, tmp_path: Path) -> None:
    file = tmp_path / "netinspect.toml"
    file.write_text('target = "net.py:Net"\ninput = "4x8"\ndepth = 3\nseed = 5\nbatch = 2\n')
    environment = {
        "NETINSPECT_DEPTH": "2",
        "NETINSPECT_SYMBOLIC": "batch seq",
        "NETINSPECT_CACHE": "off",
        "NETINSPECT_BATCH": "",
        "NETINSPECT_FORMAT": "json",
        "NETINSPECT_PAGER": "less",
    }
    outcome = installed("config", "-f", "csv", "--width=99", env=environment, cwd=tmp_path)
    found = {name: (row["value"], row["origin"], row["set_by"]) for name, row in rows(outcome).items()}
    # In csv, an apostrophe keeps spreadsheets from reading a formula.
    assert found == {
        "target": ("net.py:Net", "project", str(file)),
        "input": ("4x8", "project", str(file)),
        "batch": ("2", "project", str(file)),
        "symbolic": ("batch seq", "environment", "NETINSPECT_SYMBOLIC"),
        "seed": ("5", "project", str(file)),
        "tensors": ("auto", "default", ""),
        "device": ("", "default", ""),
        "online": ("false", "default", ""),
        "cache": ("false", "environment", "NETINSPECT_CACHE"),
        "depth": ("2", "environment", "NETINSPECT_DEPTH"),
        "format": ("csv", "command line", "'--format"),
        "color": ("auto", "default", ""),
        "width": ("99", "command line", "'--width"),
        "pager": ("less", "environment", "NETINSPECT_PAGER"),
        "stdin_limit": ("4GiB", "default", ""),
        "hints": ("true", "default", ""),
        "debug": ("false", "default", ""),
    }
    report = json.loads(installed("config", env=environment, cwd=tmp_path).out)
    assert report["schema"] == "netinspect-config"
    assert report["file"] == str(file)
    values = {each["name"]: each["value"] for each in report["settings"]}
    assert values["symbolic"] == ["batch", "seq"]
    assert (values["depth"], values["cache"], values["device"]) == (2, False, None)


def test_config_user_file(installed: Cli, tmp_path: Path) -> None:
    file = tmp_path / "configs" / "netinspect" / "netinspect.toml"
    file.parent.mkdir(parents=True)
    file.write_text('format = "csv"\ndepth = 7\nwidth = 70\n')
    (tmp_path / "netinspect.toml").write_text("depth = 3\n")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "configs")}
    found = rows(installed("config", cwd=tmp_path, env=environment))
    assert (found["depth"]["value"], found["depth"]["origin"]) == ("3", "project")
    assert (found["width"]["value"], found["width"]["origin"]) == ("70", "user")
    assert found["format"]["set_by"] == str(file)
    assert rows(installed("--config", "netinspect.toml", "config", "-f", "csv", cwd=tmp_path))
    outcome = installed("--no-config", "config", cwd=tmp_path, env=environment)
    assert "csv" not in outcome.out
    file.write_text('format = "cvs"\n')
    outcome = installed("config", cwd=tmp_path, env=environment)
    assert f"{file} sets format to 'cvs', which is ignored" in outcome.out + outcome.err
    file.write_text('target = "lenet"\n')
    outcome = installed("config", cwd=tmp_path, env=environment)
    assert outcome.code == 0
    assert f"{file} cannot set target" in outcome.out + outcome.err
    outcome = installed("doctor", cwd=tmp_path, env=environment)
    assert f"settings\t{file} cannot set target" in outcome.out


def test_config_without_settings_file(installed: Cli, tmp_path: Path) -> None:
    (tmp_path / "netinspect.toml").write_text("depth = 3\n")
    outcome = installed("--no-config", "config", "-f", "csv", cwd=tmp_path)
    assert rows(outcome)["depth"]["origin"] == "default"
    (tmp_path / "other.toml").write_text("depth = 4\n")
    outcome = installed("--config", "other.toml", "config", "-f", "csv", cwd=tmp_path)
    assert (rows(outcome)["depth"]["value"], rows(outcome)["depth"]["set_by"]) == ("4", "other.toml")


def test_config_unknown_key(installed: Cli, tmp_path: Path) -> None:
    (tmp_path / "netinspect.toml").write_text('formt = "csv"\n')
    outcome = installed("config", cwd=tmp_path)
    assert outcome.code == 0
    assert "unknown setting 'formt'" in outcome.out + outcome.err
    assert "did you mean 'format'?" in outcome.out + outcome.err
    outcome = installed("models", cwd=tmp_path)
    assert outcome.code == 2
    assert "did you mean 'format'?" in outcome.err


@pytest.mark.parametrize("width", [60, 80])
def test_config_screen(screen: Screen, tmp_path: Path, width: int) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.netinspect]\ncolor = "never"\nbatch = 4\n')
    shown = screen("config", width=width)
    assert max(map(len, shown)) <= width
    assert len(shown) <= 23
    assert shown[0].startswith("netinspect settings  ")
    assert shown[1].split() == ["setting", "value", "origin", "set", "by"]
    assert [line.split() for line in shown if "pyproject" in line[9:] and "netinspect" not in line] == [
        ["batch", "4", "project", "pyproject.toml"],
        ["color", "never", "project", "pyproject.toml"],
    ]
    assert not any("…" in line for line in shown[1:])


def test_config_color_variable(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "NO_COLOR applies where color is auto" in cli("config", "-f", "rich").out
    assert "NO_COLOR" not in cli("config", "--color", "always").out


def test_doctor_facts(installed: Cli, tmp_path: Path) -> None:
    file = tmp_path / "home" / "project" / "netinspect.toml"
    file.parent.mkdir(parents=True)
    file.write_text('format = "csv"\n')
    environment = {
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home" / "caches"),
        "NO_COLOR": "1",
        "NETINSPECT_DEVICE": "hidden-value",
        "HF_TOKEN": "secret-token",
        "TERM": "xterm-256color",
    }
    outcome = installed("doctor", env=environment, cwd=file.parent)
    facts = {name: row["value"] for name, row in rows(outcome).items()}
    assert facts["python"].startswith(platform.python_version())
    assert facts["torch"].startswith(f"{torch.__version__}, built for ")
    assert (torch.version.cuda or "cpu") in facts["torch"]
    assert facts["devices"] == "not asked: torch is not imported"
    assert facts["libraries"] == ", ".join(
        f"{name} {version(name)}" for name in ("rich", "typer", "msgspec")
    )
    assert facts["timm"] == version("timm")
    assert facts["pager"] == "none"
    assert facts["terminal"] == "no (a pipe or a file), no colour, utf-8"
    assert facts["variables"] == "TERM=xterm-256color, NO_COLOR=1"
    assert "NETINSPECT_DEVICE" in facts["also set"]
    assert facts["cache folder"] == "~/caches/netinspect"
    assert facts["cache"] == "usable, entries: 0, 0 B"
    assert facts["settings"] == "~/project/netinspect.toml"
    assert not (tmp_path / "home" / "caches").exists()
    for hidden in ("hidden-value", "secret-token", str(tmp_path)):
        assert hidden not in outcome.out


def test_doctor_torch_devices(installed: Cli) -> None:
    report = json.loads(installed("doctor", "--torch", "-f", "json").out)
    devices = report["torch"]["devices"]
    assert devices[0].startswith("cpu (")
    assert len([each for each in devices if each.startswith("cuda:")]) == torch.cuda.device_count()
    assert report["torch"]["reason"] is None
    assert json.loads(installed("doctor", "-f", "json").out)["torch"]["devices"] is None


@pytest.mark.parametrize("width", [60, 80])
def test_doctor_screen(screen: Screen, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    shown = screen("doctor", width=width)
    assert max(map(len, shown)) <= width
    assert len(shown) <= 23
    facts = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in shown[2:])
    assert facts["terminal"] == f"{width} x 24, colour, hyperlinks, utf-8"
    assert facts["pager"] == "no-such-pager (not found)"
    assert facts["devices"].startswith("not asked")


def test_doctor_ascii_terminal(screen: Screen) -> None:
    shown = screen("doctor", width=80, encoding="ascii")
    assert any(line.endswith("80 x 24, colour, ascii, drawn in ASCII") for line in shown)


def test_doctor_with_invalid_settings(installed: Cli, tmp_path: Path) -> None:
    (tmp_path / "netinspect.toml").write_text('formt = "csv"\n')
    outcome = installed("doctor", cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert (outcome.code, outcome.err) == (0, "")
    assert "settings\tunknown setting 'formt' in ~/netinspect.toml\n" in outcome.out


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, None])
def test_doctor_unusable_cache(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None] | None
) -> None:
    folder = tmp_path / "netinspect"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if make is None:
        monkeypatch.setenv("XDG_CACHE_HOME", "")
        monkeypatch.setenv("HOME", "")
    else:
        make(folder)
        folder.chmod(0o777)  # other users could write to it
    facts = {name: row["value"] for name, row in rows(cli("doctor", "-f", "csv")).items()}
    assert facts["cache"].startswith("not usable: ")
    assert facts["cache folder"] == ("none" if make is None else str(folder))


@pytest.mark.parametrize("format", ["rich", "plain", "json", "csv", "markdown"])
@pytest.mark.parametrize("command", COMMANDS)
def test_formats(cli: Cli, command: str, format: str) -> None:
    outcome = cli(command, "-f", format)
    assert outcome.code == 0
    assert all(each.startswith("# ") for each in outcome.err.splitlines())  # the title, in csv
    assert "xterm" in outcome.out if command == "doctor" else "symbolic" in outcome.out


WITHOUT_TORCH = """
import builtins, importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
sys.modules["torch"] = None
from netinspect.cli.run import run
code = run(sys.argv[1:])
assert not {"numpy", "pydantic"} & set(sys.modules)
sys.exit(code)
"""


@pytest.mark.parametrize("words", [["config"], ["doctor"], ["doctor", "--torch"]], ids=" ".join)
def test_without_torch(words: list[str], tmp_path: Path) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    if words[0] == "doctor":
        assert "torch\tnot installed\n" in completed.stdout
        assert ("devices\ttorch failed: ModuleNotFoundError" in completed.stdout) == (len(words) > 1)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("environment", "setting", "words"),
    [
        ({"NETINSPECT_FORMAT": "cvs"}, "", "NETINSPECT_FORMAT sets format to 'cvs', which is ignored"),
        ({"NETINSPECT_WIDTH": "wide"}, "", "a whole number, at least 20"),
        ({"NETINSPECT_COLOR": "blue"}, "", "one of auto, always, never"),
        ({}, 'format = "cvs"', "netinspect.toml sets format to 'cvs', which is ignored"),
        ({}, 'formt = "cvs"', "unknown setting 'formt'"),
        ({}, "width = ", "cannot read the settings in"),
    ],
)
def test_invalid_setting_is_reported(
    installed: Cli,
    tmp_path: Path,
    command: str,
    environment: dict[str, str],
    setting: str,
    words: str,
) -> None:
    (tmp_path / "netinspect.toml").write_text(setting, encoding="utf-8")
    outcome = installed(command, "-q", env=environment, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    report = json.loads(installed(command, "--json", "-q", env=environment, cwd=tmp_path).out)
    shown = installed(command, "--color", "always", env=environment, cwd=tmp_path)
    assert words in " ".join(re.sub("\\x1b\\[[0-9;]*m", "", shown.out).split())
    assert words in json.dumps(report, ensure_ascii=False)


def test_config_reports_values_that_commands_refuse(installed: Cli, tmp_path: Path) -> None:
    report = json.loads(installed("config", "--json", env={"NETINSPECT_SEED": "x"}, cwd=tmp_path).out)
    assert "NETINSPECT_SEED sets seed to 'x': expected a whole number" in report["notes"]


def test_bug_report_of_internal_error(tmp_path: Path) -> None:
    code = (
        "import sys\nimport netinspect.cli.config as command, netinspect.cli.run as run\n"
        "def show(*_): raise RuntimeError('a defect')\n"
        "command.show = show\nsys.argv = ['netinspect', 'config', '--columns', 'a b']\nrun.main()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert completed.returncode == 70
    (file,) = tmp_path.glob("netinspect-report-*.md")
    assert f"hint: read {file}, and attach it" in completed.stderr
    text = file.read_text(encoding="utf-8")
    assert "netinspect config --columns 'a b'" in text
    assert "RuntimeError: a defect" in text
    assert "| python " in text
    assert str(tmp_path) not in text
    assert file.stat().st_mode & 0o77 == 0
