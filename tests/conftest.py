"""Fixtures of all tests: a fixed environment, and the command line in this process or in a new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from netinspect.memory_tracker import parent
from tests import forked, operators
from tests.browser import chromium, page  # noqa: F401 (fixtures)
from tests.support import PATIENCE, Outcome

operators.declare()

# Signals that the parent process ignores (`&` in a script, `nohup`) would be ignored by all tests too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT) if sys.platform != "win32" else ():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# No deadlines, because a busy machine is not a defect, and fixed examples. The second profile draws new
# examples in each run: `pytest --hypothesis-profile=explore`.
for profile, is_fixed in (("fixed", True), ("explore", False)):
    settings.register_profile(
        profile,
        deadline=None,
        derandomize=is_fixed,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("fixed")

_OUTPUT_VARIABLES = (
    "NETINSPECT_",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "PY_COLORS",
    "CI",
    "LESS",
    "FORCE_HYPERLINK",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that need a GPU on machines without one, and begin with slow files.

    Each file is run by one worker, for its fixtures; at the end no worker should wait for a slow one.
    """
    if hasattr(config, "workerinput"):
        slow = {each.path for each in items if each.get_closest_marker("slow") is not None}
        items.sort(key=lambda each: each.path not in slow)
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu") is not None:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and none is available"))


@pytest.fixture(scope="session", autouse=True)
def fixed_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Isolate tests, and fixtures of any scope, from settings of the machine and cached traces."""
    home = tmp_path_factory.mktemp("cache_home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_OUTPUT_VARIABLES):
                patch.delenv(name)
        patch.setenv("TERM", "xterm")
        patch.setenv("PAGER", "cat")  # a pager would wait for keys
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / "configs"))  # no file
        patch.setenv("NETINSPECT_CACHE", "0")  # tests of the cache enable it
        yield


@pytest.fixture(scope="session", autouse=True)
def forked_trackers(fixed_environment: None) -> Iterator[None]:
    """Fork the processes in which this one tracks memory, instead of importing torch in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parent, "_start", forked.track_in_forks(parent._start))
        yield


@pytest.fixture(autouse=True)
def fixed_imports() -> Iterator[None]:
    """Isolate tests from imports of other tests."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    # Files that a test imported by path must not be found by the next one.
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-of" in file:
            del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process: `cli("summary", "lenet")`."""
    from netinspect.cli.run import run

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        code = run(list(words))
        captured = capsys.readouterr()
        return Outcome(code=int(code), out=captured.out, err=captured.err)

    return call


@pytest.fixture
def installed() -> Callable[..., Outcome]:
    """Run the command line in a new process."""

    def call(
        *words: str, env: dict[str, str] | None = None, cwd: Path | None = None, input: str | None = None
    ) -> Outcome:
        completed = subprocess.run(
            [sys.executable, "-m", "netinspect", *words],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            input=input,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        return Outcome(code=completed.returncode, out=completed.stdout, err=completed.stderr)

    return call
