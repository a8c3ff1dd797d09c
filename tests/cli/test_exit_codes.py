"""Tests of exit codes, one per code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.api import _views
from netinspect.errors import ExitCode
from tests.support import Outcome

Cli = Callable[..., Outcome]


def test_exit_codes_match_documentation(cli: Cli) -> None:
    codes = {code.name: int(code) for code in ExitCode}
    assert codes == {
        "OK": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "LOAD": 3,
        "FORWARD": 4,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }
    page = " ".join(cli("--help").out.split())
    for code in codes.values():
        assert f" {code} " in page.partition("Exit codes:")[2]


@pytest.mark.parametrize("words", [["models"], ["--help"], ["--version"], [], ["summary", "lenet"]])
def test_exit_code_0_success(cli: Cli, words: list[str]) -> None:
    outcome = cli(*words)
    assert outcome.code == 0
    assert outcome.out
    assert outcome.err == ""


def test_exit_code_2_usage_error(cli: Cli) -> None:
    assert cli("summary", "lenet", "--no-such-option").code == 2


def test_exit_code_3_load_error(cli: Cli) -> None:
    assert cli("summary", "no-such-sample").code == 3


def test_exit_code_4_forward_failed(cli: Cli) -> None:
    assert cli("summary", "lenet", "-i", "1x1x9x9").code == 4


def test_exit_code_4_backward_failed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        'EXAMPLE_INPUTS = ("x=2x8",)\n'
        "class Detached(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(8, 2)\n"
        "    def stop(self, gradient):\n"
        '        raise ValueError("stopped on the way back")\n'
        "    def forward(self, x):\n"
        "        y = self.fc(x)\n"
        "        y.register_hook(self.stop)\n"
        "        return y\n"
    )
    outcome = cli("trace", str(file), "--backward")
    assert outcome.code == 4
    assert "backward" in outcome.err.splitlines()[0]
    assert "stopped on the way back" in outcome.err
    assert "fc" in outcome.out
    file.write_text(file.read_text().replace("return y", "return y.detach()"))
    error = cli("trace", str(file), "--backward").err
    assert "no output tensor requires a gradient" in error
    assert "  hint: check for detach(), torch.no_grad()" in error


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero\nand more"), MemoryError()])
def test_exit_code_70_internal_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(_views, "models", fail)
    outcome = cli("models")
    assert outcome.code == 70
    assert outcome.out == ""
    assert outcome.err.startswith("error[internal]: ")
    assert "--debug" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in cli("models", "--debug").err

    reported = json.loads(cli("models", "--format", "json").err)
    assert reported["error"] == "internal"
    assert reported["exit_code"] == 70


def test_debug_traceback_of_user_error(cli: Cli, workshop: Path) -> None:
    assert "Traceback" not in cli("summary", "raises.py").err
    shown = cli("summary", "raises.py", "--debug").err
    assert "Traceback" in shown
    assert shown.index("Traceback") < shown.index("error[load]")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("summary", "lenet", "--input", "abc"), "usage"),
        (("summary", "lenet", "--nonsense"), "usage"),
        (("params", "lenet", "--sort", "nonsense"), "usage"),
        (("summary", "no_such_file.pt"), "load"),
    ],
)
def test_debug_traceback_of_internal_error(cli: Cli, words: tuple[str, ...], kind: str) -> None:
    reported = cli(*words).err
    assert "Traceback" not in reported
    shown = cli(*words, "--debug").err
    assert shown.startswith("Traceback (most recent call last):\n  File ")
    # It ends with the very error, which is not reported twice.
    assert shown.endswith(reported)
    assert shown.count(f"error[{kind}]") == 1
    assert shown.count(reported.splitlines()[0].partition(": ")[2]) <= 2


def test_exit_code_130_interrupted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(pattern: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_views, "models", interrupt)
    outcome = cli("models")
    assert outcome.code == 130
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


FAILS = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        return self.helper(x)

    def helper(self, x):
        return self.layer(x)
"""


def test_debug_traceback_of_forward(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAILS)
    words = "summary", str(tmp_path / "net.py"), "--input", "3x5"
    reported = cli(*words)
    assert reported.code == 4
    assert "Traceback" not in reported.err
    for _ in range(2):  # the second time from the cache
        shown = cli(*words, "--debug").err
        frames = [line for line in shown.splitlines() if line.startswith("  File ")]
        assert [each.rpartition(" ")[2] for each in frames if "net.py" in each] == ["forward", "helper"]
        assert not any("netinspect" in Path(each.split('"')[1]).parts[-3:] for each in frames)
        assert shown.endswith(reported.err)
