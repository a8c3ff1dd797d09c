"""Supervised runs: an unfinished run fails, and leftovers of the model are stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.support import PATIENCE, Outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(signal, "sigwaitinfo"), reason="no process can wait for signals here"
    ),
]

# The command line's own process without torch: user code is what is on its command line.
RUN = """
import os, sys
from netinspect._utils import process
from netinspect.cli import run, supervise
from netinspect.cli.console import write_out
from netinspect.cli.streams import users_output_on_stderr

_, body, *words = sys.argv
# What ends by itself has all the time that a busy machine may need.
supervise.GRACE = 1 if "impatient" in words else 300
supervise.TEARDOWN = 1 if "hasty" in words else 300
if "no fork" in words:
    del supervise.signal.sigwaitinfo

def dispatch(words):
    with users_output_on_stderr():
        process.before_user_code("net.py")
        try:
            exec(body, {"__name__": "user"})
        except SystemExit as error:  # as around every trace
            raise supervise.ForwardError(f"it ended the program: {error}")
    write_out("result\\n")
    return run.ExitCode.OK

run._dispatch = dispatch
sys.argv[1:] = ["--format=json"] if "json" in words else []
run.main()
"""


def ran(body: str, *words: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-c", RUN, body, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


ENDS = {
    "0": "import os; os._exit(0)",
    "1": "import posix; posix._exit(1)",
    "C": "import ctypes; ctypes.CDLL(None).exit(0)",
    "exec": "import os; os.execv('/bin/sh', ['sh', '-c', 'echo result'])",
    "thread": "import os, threading, time\n"
    "threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(300)",
    "handler": "import os, signal, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); os.kill(os.getppid(), 15); time.sleep(300)",
    "fork": "import os\nif os.fork(): os._exit(0)",
}


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_process_ended_by_model_is_a_failure(body: str) -> None:
    outcome = ran(body)
    assert outcome.code == 4
    assert outcome.out == ""
    assert "error[forward]: net.py ended the process" in outcome.err
    assert re.search(r"cause: exit code [01] without an exception: os._exit, exec, or ", outcome.err)


def test_process_ended_by_second_model_names_it(
    installed: Callable[..., Outcome], tmp_path: Path
) -> None:
    file = tmp_path / "quits.py"
    file.write_text("import os\nfrom torch import nn\nclass Net(nn.Linear):\n    x = os._exit(0)\n")
    outcome = installed("diff", "lenet", str(file), "--no-cache")
    assert outcome.code == 4
    assert f"error[forward]: {file} ended the process" in outcome.err


def test_process_ended_by_model_without_supervisor() -> None:
    outcome = ran(ENDS["0"], "no fork")
    assert (outcome.code, outcome.out) == (4, "")
    assert "os._exit(0)" in outcome.err
    child = "import os\npid = os.fork()\nif not pid: os._exit(7)\nprint(os.waitpid(pid, 0)[1] >> 8)"
    outcome = ran(child, "no fork")
    assert (outcome.code, outcome.out, outcome.err) == (0, "result\n", "7\n")
    body, message = LEFT["thread"]
    outcome = ran(body, "no fork", "impatient")
    assert (outcome.code, outcome.out) == (0, "result\n")
    assert message in outcome.err


def test_process_ended_by_model_as_json_error() -> None:
    outcome = ran(ENDS["0"], "json")
    assert outcome.code == 4
    assert json.loads(outcome.err)["error"] == "forward"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_signal_is_passed_on(number: signal.Signals) -> None:
    outcome = ran(f"import os; os.kill(os.getpid(), {int(number)})")
    assert outcome.code == -number
    assert outcome.out == ""


WAITS = "import os, pathlib, time; pathlib.Path(r'{}').write_text(str(os.getpid())); time.sleep(300)"


def started(tmp_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A run that waits in user code, and the ID of its process."""
    begun = tmp_path / "begun"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, WAITS.format(begun)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A group whose parent is in the same session: the system stops no other by SIGTSTP.
        process_group=0,
    )
    wait_until(lambda: process.poll() is not None or (begun.exists() and begun.read_text() != ""))
    assert process.poll() is None
    return process, int(begun.read_text())


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def state_of(process: int) -> str:
    """State of a process as Linux reports it; empty if there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


SENT = {
    signal.SIGTERM: -signal.SIGTERM,
    signal.SIGHUP: -signal.SIGHUP,
    signal.SIGINT: 130,
    signal.SIGALRM: -signal.SIGALRM,
    signal.SIGUSR1: -signal.SIGUSR1,
    signal.SIGKILL: -signal.SIGKILL,
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("number", "code"), SENT.items())
def test_signal_ends_child_processes(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process, worker = started(tmp_path)
    assert worker != process.pid
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code
    assert (out, err) == (b"", b"")
    wait_until(lambda: state_of(worker) in ("", "Z"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_stop_and_continue(tmp_path: Path) -> None:
    process, worker = started(tmp_path)
    for number, states in ((signal.SIGTSTP, "T"), (signal.SIGCONT, "RS")):
        process.send_signal(number)
        both = [process.pid, worker]
        wait_until(lambda: all(state_of(each) in (*states, "") for each in both))  # noqa: B023
        assert "" not in map(state_of, both)
    process.terminate()
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGTERM


def test_model_reads_terminal() -> None:
    """The model receives typed text, and Ctrl-C ends it once."""
    child = pexpect.spawn(sys.executable, ["-c", RUN, "print(input('name? ') * 2)"], timeout=300)
    child.expect("name")
    child.sendline("bob")
    child.expect("bobbob")
    child.expect("result")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    for elsewhere in ("", "os.setpgid(0, 0); "):
        waits = f"import os, time; {elsewhere}print('begun', flush=True); time.sleep(300)"
        child = pexpect.spawn(sys.executable, ["-c", RUN, waits], timeout=300)
        child.expect("begun")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
        assert "Traceback" not in str(child.before)


LEFT = {
    "thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9999,), name='mine').start()",
        "threads that the model started (mine)",
    ),
    "pool": (
        "import time\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1); pool.submit(time.sleep, 9999)",
        "ThreadPoolExecutor-0_0",
    ),
    "hook": ("import atexit, time\natexit.register(time.sleep, 9999)", "does at exit"),
    "busy": ("import atexit\ndef spin():\n    while True: pass\natexit.register(spin)", "does at exit"),
    "process": (
        "import multiprocessing, time\n"
        "started = multiprocessing.get_context('fork').Process(target=time.sleep, args=(9999,))\n"
        "started.start(); print(started.pid)",
        "processes that the model started (",
    ),
}


@pytest.mark.parametrize(("body", "message"), LEFT.values(), ids=LEFT)
def test_leftover_threads_do_not_delay_exit(body: str, message: str) -> None:
    outcome = ran(body, "impatient")
    assert (outcome.code, outcome.out) == (0, "result\n")
    assert "did not end within 1 s after the result; ended anyway" in outcome.err
    assert message in outcome.err
    if "started.pid" in body:
        left = int(outcome.err.split()[0])
        wait_until(lambda: state_of(left) in ("", "Z"))


LINGERS = """
import string, time

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep({})

string.lingering = Slow()
"""


@pytest.mark.parametrize(("seconds", "words"), [(2, "impatient"), (9999, "impatient hasty")])
def test_interpreter_exit_is_not_blamed_on_model(seconds: int, words: str) -> None:
    outcome = ran(LINGERS.format(seconds), *words.split())
    assert (outcome.code, outcome.out) == (0, "result\n")
    assert "model" not in outcome.err
    assert ("Python did not end within 1 s" in outcome.err) == ("hasty" in words)


def test_exit_waits_for_short_threads(tmp_path: Path) -> None:
    file = tmp_path / "done"
    outcome = ran(
        "import atexit, threading, time, pathlib\n"
        f"def work():\n    time.sleep(0.2); pathlib.Path({str(file)!r}).touch()\n"
        "threading.Thread(target=work).start(); atexit.register(print, 'bye')"
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, "result\n", "bye\n")
    assert file.exists()


PRINTS = """
import atexit, ctypes, os, subprocess, sys, threading, time
import torch
from torch import nn

EXAMPLE_INPUTS = ("x=2x8",)
libc = ctypes.CDLL(None)


def write_late(what):
    print("late", what)
    sys.__stdout__.write(f"late {what}\\n")
    os.write(1, b"late descriptor\\n")
    libc.puts(b"late C")
    os.system("echo late child")


turn, written = threading.Event(), threading.Event()


def go_on():
    turn.wait()
    write_late("thread")
    written.set()
    time.sleep(1000)


def at_exit():
    write_late("hook")
    turn.set()
    written.wait(300)


class Prints(nn.Module):
    def forward(self, x):
        atexit.register(at_exit)
        threading.Thread(target=go_on, daemon=True).start()
        subprocess.Popen("sleep 0.5; echo late background", shell=True)
        return x

    def __del__(self):
        write_late("deleted")


alive = Prints()
"""


@pytest.mark.parametrize("redirected", ["", "-o /dev/stdout -q", "2>&-"])
def test_stdout_has_only_results(tmp_path: Path, redirected: str) -> None:
    (tmp_path / "prints.py").write_text(PRINTS, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m netinspect summary prints.py:Prints -f json {redirected}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["header"]["class_name"] == "Prints"
    if "2>&-" not in redirected:
        for what in ("hook", "thread", "deleted", "descriptor", "C", "child", "background"):
            assert f"late {what}\n" in done.stderr


COMPUTES = """\
import threading, time
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 64)

    def forward(self, x):
        def go():
            y = x
            while True:
                y = self.fc(y).relu()

        for _ in range(3):
            threading.Thread(target=go, daemon=True).start()
        time.sleep(0.02)
        return self.fc(x)
"""


def test_daemon_threads_that_compute_end_quietly(
    installed: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(COMPUTES, encoding="utf-8")
    outcome = installed("summary", "net.py:Net", "-i", "2x64", "--no-cache", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")


def test_model_ends_process_in_forward(installed: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import os\nfrom torch import nn\nEXAMPLE_INPUTS = ('x=2x8',)\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        os._exit(0)\n"
    )
    outcome = installed("summary", "net.py", "-o", "out.json", cwd=tmp_path)
    assert outcome.code == 4
    assert outcome.err.startswith("error[forward]: net.py ended the process while it was inspected\n")
    assert os.listdir(tmp_path) == ["net.py"]


EMBEDDED = """\
import os, signal, sys, threading, time
from netinspect.cli.run import main

before = os.getpid(), sys.stdout, sys.stderr, os._exit, signal.getsignal(signal.SIGALRM)
for words in (["tree", "net.py"], ["tree", "no.py"]):
    try:
        main([*words, "--no-cache"])
    except SystemExit as error:
        print("exit", int(error.code))
assert before == (os.getpid(), sys.stdout, sys.stderr, os._exit, signal.getsignal(signal.SIGALRM))
assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
assert threading.active_count() == 1
"""


def test_run_in_process_returns(workshop: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("exit")] == ["exit 0", "exit 3"]
    assert "fc" in done.stdout
