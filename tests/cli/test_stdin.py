"""Tests of the target `-` and of `--save -`, in real processes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.support import PATIENCE, Outcome

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
TINY = EXAMPLES / "tiny.safetensors"


def piped(
    *words: str, content: bytes = b"", env: dict[str, str] | None = None, cwd: Path | None = None
) -> Outcome:
    completed = subprocess.run(
        [sys.executable, "-m", "netinspect", *words],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        input=content,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Outcome(completed.returncode, completed.stdout.decode(), completed.stderr.decode())


@pytest.mark.parametrize("command", ["summary", "params", "tree"])
def test_checkpoint_from_stdin(command: str, tmp_path: Path) -> None:
    env = {"TMPDIR": str(tmp_path)}
    outcome = piped(command, "-", content=TINY.read_bytes(), env=env)
    assert outcome.code == 0
    assert outcome.out == piped(command, str(TINY)).out.replace(str(TINY), "<stdin>")
    assert [*tmp_path.iterdir()] == []


def test_checkpoint_from_stdin_is_deterministic() -> None:
    first, second = (piped("summary", "-", "--json", content=TINY.read_bytes()) for _ in range(2))
    assert first == second
    assert json.loads(first.out)["header"]["target"] == "<stdin>"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_saved_trace_from_stdin(workshop: Path, pack: type[bytes]) -> None:
    content = pack((workshop / "saved.json").read_bytes())
    for command in ("summary", "trace", "cost", "source", "params", "tree", "internals"):
        outcome = piped(command, "-", content=content)
        assert outcome.code == 0, outcome.err
        assert outcome.out == piped(command, "saved.json", cwd=workshop).out


def test_first_word_is_stdin() -> None:
    assert piped("-", content=TINY.read_bytes()) == piped("summary", "-", content=TINY.read_bytes())


def test_values_from_stdin() -> None:
    outcome = piped("params", "-", "--stats", content=TINY.read_bytes())
    assert outcome.out == piped("params", str(TINY), "--stats").out.replace(str(TINY), "<stdin>")


def test_globals_from_stdin() -> None:
    file = EXAMPLES / "untrusted.pt"
    outcome = piped("globals", "-", "-f", "rich", content=file.read_bytes())
    assert outcome.out.splitlines()[1:] == piped("globals", str(file), "-f", "rich").out.splitlines()[1:]
    assert "<stdin>" in outcome.out


def test_diff_with_stdin() -> None:
    other = str(EXAMPLES / "tuned.safetensors")
    outcome = piped("diff", "-", other, "--compare-values", content=TINY.read_bytes())
    assert outcome.code == 0
    expected = piped("diff", str(TINY), other, "--compare-values").out
    assert outcome.out == expected.replace(str(TINY), "<stdin>")
    outcome = piped("diff", "-", "-", content=TINY.read_bytes())
    assert outcome.code == 2
    assert "stdin can be read only once" in outcome.err


def test_stdin_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from netinspect.cli.run import run; sys.exit(run(['summary', '-']))"
    )
    with TINY.open("rb") as file:
        completed = subprocess.run(
            [sys.executable, "-c", code], stdin=file, capture_output=True, timeout=PATIENCE, check=False
        )
    assert completed.returncode == 0, completed.stderr


@pytest.mark.parametrize(
    ("content", "env", "code", "message"),
    [
        (b"", {}, 2, "stdin is empty"),
        (b"import os; os.abort()\n", {}, 3, "unknown format"),
        (bytes(5000), {"NETINSPECT_STDIN_LIMIT": "4KiB"}, 2, "longer than the limit of 4.0 KiB"),
        (b"x", {"NETINSPECT_STDIN_LIMIT": "lots"}, 2, "cannot read the size 'lots'"),
    ],
)
def test_stdin_is_refused(content: bytes, env: dict[str, str], code: int, message: str) -> None:
    outcome = piped("summary", "-", content=content, env=env)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    if "longer" in message:
        assert "NETINSPECT_STDIN_LIMIT" in outcome.err


def on_terminal(*words: str) -> tuple[int | None, str]:
    child = pexpect.spawn(
        sys.executable, ["-m", "netinspect", *words], timeout=PATIENCE, encoding="utf-8"
    )
    text = child.read()
    child.close()
    return child.exitstatus, text


def test_stdin_is_terminal() -> None:
    code, text = on_terminal("summary", "-")
    assert code == 2
    assert "from stdin, which is a" in text
    assert "netinspect summary - < model.safetensors" in text


def test_stdin_is_closed() -> None:
    command = ["sh", "-c", 'exec "$0" -m netinspect summary - <&-', sys.executable]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert completed.returncode == 2
    assert "from stdin, which is closed" in completed.stderr


def test_save_to_terminal() -> None:
    code, text = on_terminal("trace", "lenet", "--save", "-")
    assert code == 2
    assert "--save - writes the trace to stdout, which is a terminal" in text


def test_save_to_pipe(tmp_path: Path) -> None:
    first = piped("trace", "lenet", "--save", "-", cwd=tmp_path)
    assert first.code == 0
    assert json.loads(first.out)["schema"] == "netinspect-saved-trace"
    assert not (tmp_path / "-").exists()
    second = piped("summary", "-", content=first.out.encode())
    assert second.out == piped("summary", "lenet").out
    third = piped("tree", "lenet", "--save", "-", "-o", "tree.txt", cwd=tmp_path)
    assert third.out.startswith("{")
    assert "conv1" in (tmp_path / "tree.txt").read_text()
