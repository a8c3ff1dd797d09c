"""Tests of commands without what only POSIX systems have: fork, most signals, positioned reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pexpect
import pytest

from tests.support import PATIENCE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"

# Read by each Python process at its start. The standard library keeps what it has imported by then.
WITHOUT_POSIX = """
import asyncio, concurrent.futures.thread, importlib, logging, mmap, multiprocessing.util, os, random
import select, shutil, signal, socket, subprocess, sys, tempfile, threading

for name in ("resource", "fcntl", "pty", "termios", "tty", "pwd", "grp", "readline", "curses"):
    sys.modules[name] = None
for module, names in {
    os: "fork forkpty pread preadv pwrite readv writev O_NONBLOCK O_NOCTTY O_CLOEXEC O_DIRECTORY "
    "O_NOFOLLOW O_TMPFILE O_PATH O_SYNC getuid geteuid getgid getegid getpgid getpgrp setsid setpgid "
    "killpg fchmod fchown chown fchdir mkfifo mknod sched_getaffinity WNOHANG "
    "WIFSIGNALED WTERMSIG statvfs sysconf getloadavg posix_spawn posix_fallocate set_blocking "
    "memfd_create pipe2 listxattr getxattr setxattr tcgetpgrp",
    signal: "SIGHUP SIGALRM SIGCHLD SIGUSR1 SIGUSR2 SIGTSTP SIGCONT SIGQUIT SIGPIPE SIG_BLOCK "
    "SIG_UNBLOCK SIG_SETMASK pthread_sigmask setitimer getitimer ITIMER_REAL sigwaitinfo sigtimedwait "
    "sigwait pause alarm",
    mmap: "MAP_ANONYMOUS MAP_ANON MADV_HUGEPAGE MADV_DONTNEED",
    select: "poll epoll",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
importlib.reload(tempfile)  # it looks for O_TMPFILE once
"""


@pytest.fixture(scope="module")
def without_posix(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables with which Python processes lack these functions."""
    folder = tmp_path_factory.mktemp("without_posix")
    (folder / "sitecustomize.py").write_text(WITHOUT_POSIX, encoding="utf-8")
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def run(words: list[str], cwd: Path, variables: dict[str, str], stdin: Path | None = None) -> str:
    with open(stdin or os.devnull, "rb") as file:
        completed = subprocess.run(
            [sys.executable, "-m", "netinspect", *words],
            cwd=cwd,
            env={**os.environ, **variables},
            stdin=file,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert (completed.returncode, completed.stderr) == (0, "")
    return completed.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["summary", "lenet"],
        ["memory", "lenet"],
        ["trace", "lenet", "--tensors", "zeros"],
        ["summary", str(EXAMPLES / "classifier.safetensors")],
        ["params", str(EXAMPLES / "tiny.safetensors"), "--stats"],
        ["globals", str(EXAMPLES / "untrusted.pt")],
    ],
    ids=lambda words: " ".join(words[:1] + words[2:]) + Path(words[1]).suffix,
)
def test_output_is_the_same_without_posix(
    words: list[str], tmp_path: Path, without_posix: dict[str, str]
) -> None:
    assert run(words, tmp_path, without_posix) == run(words, tmp_path, {})


@pytest.mark.slow
def test_files_without_posix(tmp_path: Path, without_posix: dict[str, str]) -> None:
    variables = {**without_posix, "NETINSPECT_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path / "caches")}
    entries = []
    for name in ("new.json", "new.json", "cached.json"):
        run(["summary", "lenet", "--json", "-q", "-o", name], tmp_path, variables)
        entries.append(sorted((tmp_path / "caches" / "netinspect").iterdir()))
    assert (tmp_path / "new.json").read_bytes() == (tmp_path / "cached.json").read_bytes()
    assert entries[0] == entries[1] == entries[2] != []
    assert {file.name for file in tmp_path.iterdir()} == {"caches", "new.json", "cached.json"}


@pytest.mark.slow
def test_stdin_without_posix(tmp_path: Path, without_posix: dict[str, str]) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # Linux has unnamed files; elsewhere the file of stdin has a name, and is removed.
    elsewhere = {**without_posix, "TMPDIR": str(temporary)}
    start = Path(elsewhere["PYTHONPATH"].split(os.pathsep)[0]) / "sitecustomize.py"
    hidden = (
        "\nfound = os.path.isdir\nos.path.isdir = lambda path: path != '/proc/self/fd' and found(path)\n"
    )
    start.write_text(WITHOUT_POSIX + hidden, encoding="utf-8")
    file = EXAMPLES / "tiny.safetensors"
    assert run(["params", "-"], tmp_path, elsewhere, stdin=file) == run(
        ["params", "-"], tmp_path, {}, file
    )
    assert [*temporary.iterdir()] == []


@pytest.mark.slow
def test_terminal_without_posix(tmp_path: Path, without_posix: dict[str, str]) -> None:
    def shown(*words: str, code: int) -> str:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "netinspect", *words],
            env={**os.environ, **without_posix},
            cwd=str(tmp_path),
            timeout=PATIENCE,
            encoding="utf-8",
        )
        text: str = child.read()
        child.close()
        assert child.exitstatus == code, text
        return text

    assert "importing torch" not in shown("summary", "lenet", code=0)
    assert "--watch needs a process of its own, on a system with fork" in shown(
        "lenet", "--watch", code=2
    )


DATA = """
import torch


def make() -> torch.Tensor:
    return torch.zeros(2, 8)
"""
NET = """
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)
"""


@pytest.mark.slow
def test_paths_of_windows(tmp_path: Path) -> None:
    # On POSIX these are names of files, too.
    (tmp_path / r"C:\nets\m.py").write_text(NET, encoding="utf-8")
    (tmp_path / "C:").mkdir()
    (tmp_path / "C:" / "data.py").write_text(DATA, encoding="utf-8")
    np.save(tmp_path / "C:" / "x.npy", np.zeros((3, 8), dtype=np.float32))
    words = ["params", r"C:\nets\m.py:Net", "-q", "--json"]
    assert "first.weight" in run(words, tmp_path, {})
    words = ["summary", r"C:\nets\m.py:Net", "--json", "-q", "-o", r"C:\out.json"]
    run([*words, "--inputs-from", "C:/data.py:make"], tmp_path, {})
    assert "2, 3" in " ".join((tmp_path / r"C:\out.json").read_text(encoding="utf-8").split())
    run([*words, "--input-file", "x=C:/x.npy"], tmp_path, {})
    assert "3, 3" in " ".join((tmp_path / r"C:\out.json").read_text(encoding="utf-8").split())
