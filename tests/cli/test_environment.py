"""Tests in real processes of unreadable folders, special files and unusual environments."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netinspect.cli.console import terminal_width
from netinspect.records.base import replace
from netinspect.records.saved import dump_trace
from tests.records.examples import small_trace
from tests.support import Outcome

DROPPED = "-dac_override,-dac_read_search"


def command(*words: str) -> list[str]:
    """The command line; if run as root, without the right to ignore permissions."""
    started = [sys.executable, "-m", "netinspect", *words]
    if os.geteuid() != 0:
        return started
    if shutil.which("setpriv") is None:
        pytest.skip("root ignores permissions, and setpriv is not installed")
    return ["setpriv", f"--bounding-set={DROPPED}", f"--inh-caps={DROPPED}", *started]


def run(*words: str, cwd: Path, closed: Path | None = None, gone: bool = False) -> Outcome:
    """Run a command in a folder that is made unreadable or removed after the process has entered it."""
    script = 'cd "$1" || exit 99; '
    script += 'chmod 000 "$2"; ' if closed is not None else ""
    script += 'rmdir "$1"; ' if gone else ""
    script += 'folder="$2"; shift 2; "$@"; code=$?; '
    script += 'chmod 700 "$folder"; ' if closed is not None else ""
    steps = ["sh", "-c", script + "exit $code", "sh", str(cwd), str(closed or "-"), *command(*words)]
    done = subprocess.run(
        steps, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "saved.json"
    file.write_text(dump_trace(replace(small_trace(), failure=None)), encoding="utf-8")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "net.py").write_text("")
    yield inner
    for each in (inner.parent, inner):
        each.chmod(0o700)


@pytest.mark.parametrize("closed", ["inner", "outer"])
def test_unreadable_current_folder_skips_settings(folder: Path, saved: Path, closed: str) -> None:
    place = folder if closed == "inner" else folder.parent
    outcome = run("summary", str(saved), cwd=folder, closed=place)
    assert outcome.code == 0
    assert f"note: the settings in {place} were skipped: Permission denied" in outcome.err
    assert "net" in outcome.out
    assert run("summary", str(saved), "-q", cwd=folder, closed=place).err == ""


def test_relative_target_in_unreadable_folder(folder: Path) -> None:
    outcome = run("summary", "net.py", cwd=folder, closed=folder)
    assert outcome.code == 3
    assert "error[load]: cannot reach net.py" in outcome.err
    assert "cause: Permission denied: the current folder" in outcome.err


@pytest.mark.parametrize("words", [["summary"], ["params"], ["diff", "{saved}"], ["globals"]])
def test_target_in_unreadable_folder(
    folder: Path, saved: Path, tmp_path: Path, words: list[str]
) -> None:
    words = [each.format(saved=saved) for each in words]
    outcome = run(*words, str(folder / "net.py"), cwd=tmp_path, closed=folder.parent)
    assert outcome.code == 3
    assert "error[load]: cannot reach" in outcome.err
    assert f"cause: Permission denied: the folder {folder.parent}\n" in outcome.err


def test_removed_current_folder(tmp_path: Path, saved: Path) -> None:
    for words, code, text in (
        (["summary", str(saved)], 0, "note: no settings were read: no current folder"),
        (["models"], 0, "note: "),
        (["summary", "net.py"], 3, "cause: the current folder no longer exists"),
        (["summary", "saved.json"], 3, "cause: the current folder no longer exists"),
    ):
        gone = tmp_path / "gone"
        gone.mkdir()
        outcome = run(*words, cwd=gone, gone=True)
        assert (outcome.code, text in outcome.err) == (code, True), outcome.err


@pytest.mark.slow
def test_import_torch_in_removed_folder(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "broken.py").write_text("raise ValueError('so far')\n")
    outcome = run("summary", str(tmp_path / "broken.py"), cwd=tmp_path / "gone", gone=True)
    # Without help, MKL would have ended the process.
    assert outcome.code == 3
    assert "error[load]: cannot import" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["memory"], ["summary", "--tensors", "fake", "--no-cache"]], ids=" ".join
)
def test_sample_in_removed_folder(tmp_path: Path, words: list[str]) -> None:
    """Torch imports some of its modules late, and they ask for the current folder."""
    (tmp_path / "gone").mkdir()
    outcome = run(*words, "lenet", cwd=tmp_path / "gone", gone=True)
    assert outcome.code == 0, outcome.err
    assert outcome.out


def test_output_file_without_read_permission(tmp_path: Path, saved: Path) -> None:
    (tmp_path / "out.txt").touch()
    (tmp_path / "out.txt").chmod(0o222)
    outcome = run("summary", str(saved), "-o", "out.txt", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o222
    assert (tmp_path / "out.txt").stat().st_size > 0


@pytest.mark.parametrize("option", ["-o", "--save"])
def test_relative_output_in_removed_folder(tmp_path: Path, option: str) -> None:
    (tmp_path / "gone").mkdir()
    outcome = run("summary", "lenet", option, "x.txt", cwd=tmp_path / "gone", gone=True)
    assert outcome.code == 2
    assert "error[usage]: cannot write x.txt\n  cause: the current folder was removed" in outcome.err


@pytest.mark.parametrize("name", ["pyproject.toml", "netinspect.toml"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "loop", "device", "unreadable"])
def test_unreadable_settings_file(
    cli: Callable[..., Outcome], tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch,
    kind: str, name: str,
) -> None:  # fmt: skip
    file = tmp_path / "a" / name
    file.parent.mkdir()
    monkeypatch.chdir(file.parent)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    elif kind == "folder":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        file.write_text("[tool.netinspect]\ndepth = 0\n")
        file.chmod(0)
    if kind == "unreadable":
        outcome = run("summary", str(saved), cwd=file.parent)
        assert f"note: the settings in {file} were skipped: Permission denied" in outcome.err
    else:
        outcome = cli("summary", str(saved))
    assert outcome.code == 0
    if kind != "unreadable":
        assert cli("--config", str(file), "summary", str(saved)).code == 2


@pytest.mark.parametrize("suffix", [".py", ".pt", ".json", ""])
@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "dangling"])
def test_target_not_a_regular_file(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    target = Path(f"dang{suffix}")
    if kind == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to({"device": "/dev/zero", "loop": str(target), "dangling": "nothing"}[kind])
    for name in (str(target), f"{target}:Net") if suffix == ".py" else (str(target),):
        outcome = cli("summary", name)
        assert outcome.code == 3
        assert "did you mean" not in outcome.err
        expected = {
            "pipe": "is not a regular file",
            "device": "is not a regular file",
            "loop": "cause: Too many levels of symbolic links",
            "dangling": "is a broken link",
        }
        assert expected[kind] in outcome.err


@pytest.mark.parametrize(
    "target",
    [
        "a" * 300,
        "a" * 5000,
        "a/" * 4000 + "x.py",
        "a" * 5000 + ".py:Net",
        "\udcff.py",
        "a\nb.py",
        "/dev/null",
    ],
    ids=["name", "long", "path", "file", "surrogate", "newline", "null"],
)
@pytest.mark.parametrize("command", ["summary", "globals", "memory"])
def test_target_with_odd_name(cli: Callable[..., Outcome], command: str, target: str) -> None:
    outcome = cli(command, target)
    assert outcome.code == 3
    assert outcome.err.startswith("error[load]: ")
    assert len(outcome.err) < 10_000


@pytest.mark.parametrize("columns", ["0", "9" * 5000, "²", "-1", "x"])
def test_columns_variable_of_any_text(
    cli: Callable[..., Outcome], saved: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert cli("summary", str(saved), "--format", "rich").code == 0
    assert terminal_width(None) == (999_999_999 if columns.isdecimal() and columns != "0" else 80)


@pytest.mark.parametrize(
    "words",
    [
        ["summary", "lenet", "--symbolic", "batch=x:" + "9" * 5000],
        ["memory", "lenet", "--device-memory", "9" * 5000 + "GiB"],
        ["summary", "lenet", "--input", "9" * 5000 + "x8"],
    ],
)
def test_numbers_of_any_length_are_usage_errors(cli: Callable[..., Outcome], words: list[str]) -> None:
    assert cli(*words).code == 2


@pytest.mark.parametrize("error", ["ImportError", "OSError", "RuntimeError", "AttributeError"])
def test_torch_import_error(tmp_path: Path, error: str) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(f"raise {error}('failed to map segment')\n")
    done = subprocess.run(
        [sys.executable, "-m", "netinspect", "summary", "lenet"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 3
    assert f"error[load]: torch cannot be imported\n  cause: {error}: failed to map" in done.stderr
