"""Tests of the built packages, installed into a new environment and used from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from netinspect.version import __version__
from tests.support import PATIENCE

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "netinspect"
ASSETS = SOURCE / "rendering" / "page" / "assets"
NET = """
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)
"""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Packages:
    """The built wheel and source distribution."""

    wheel: Path
    sdist: Path

    def files(self) -> set[str]:
        """Return the files in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


def run(*words: str | Path, cwd: Path, code: int = 0, **variables: str) -> str:
    """Run a program without the variables by which this checkout is found; return its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    completed = subprocess.run(
        words, cwd=cwd, env={**kept, **variables}, capture_output=True, text=True, timeout=PATIENCE
    )
    assert completed.returncode == code, completed.stdout + completed.stderr
    return completed.stdout + completed.stderr


def build(source: Path, folder: Path, *options: str) -> Path:
    """Build one package of a source tree with the tools of this environment."""
    command = (sys.executable, "-m", "build", "--no-isolation", *options)
    run(*command, "--outdir", folder, source, cwd=folder.parent)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    folder = tmp_path_factory.mktemp("packages")
    return Packages(
        wheel=build(ROOT, folder / "wheel", "--wheel"), sdist=build(ROOT, folder / "sdist", "--sdist")
    )


@pytest.fixture(scope="module")
def programs(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment that sees the dependencies; return its programs."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # The installed netinspect precedes these. The .pth file that names this checkout is not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "bin" / "python",
        "--disable-pip-version-check",
    )
    run(*pip, "install", "-q", "--no-index", "--no-deps", packages.wheel, cwd=folder)
    return folder / "bin"


@pytest.fixture
def installed(programs: Path, tmp_path: Path) -> Callable[..., str]:
    """Run the installed program in an empty folder."""

    def call(*words: str, code: int = 0, **variables: str) -> str:
        return run(programs / "netinspect", *words, cwd=tmp_path, code=code, **variables)

    return call


def test_wheel_contains_the_package_and_no_tests(packages: Packages) -> None:
    files = packages.files()
    modules = {f"netinspect/{file.relative_to(SOURCE)}" for file in SOURCE.rglob("*.py")}
    samples = {f"netinspect/_samples/{file.name}" for file in (ROOT / "models").glob("*.py")}
    data = {"netinspect/py.typed", "netinspect/rendering/html.css"}
    assets = {f"netinspect/{file.relative_to(SOURCE)}" for file in ASSETS.iterdir()}
    pages = {
        f"netinspect-{__version__}.data/data/share/man/man1/{file.name}"
        for file in (ROOT / "man").iterdir()
    }
    others = {each for each in files if each.startswith(f"netinspect-{__version__}.dist-info/")}
    assert files == modules | samples | data | assets | pages | others
    assert {each.rpartition("/")[2] for each in others} == {
        *("METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE")
    }


def test_source_distribution_builds_the_same_wheel(packages: Packages, tmp_path: Path) -> None:
    with tarfile.open(packages.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / f"netinspect-{__version__}"
    for name in ("tests/package/__init__.py", "docs/reference/cost.md", ".ci/run", "hatch_build.py"):
        assert (source / name).exists(), name
    wheel = build(source, tmp_path / "wheel", "--wheel")
    assert wheel.read_bytes() == packages.wheel.read_bytes()


def test_metadata_is_accepted_by_an_index(packages: Packages) -> None:
    check = (sys.executable, "-m", "twine", "check", "--strict")
    run(*check, packages.wheel, packages.sdist, cwd=ROOT)
    with zipfile.ZipFile(packages.wheel) as archive:
        text = archive.read(f"netinspect-{__version__}.dist-info/METADATA").decode()
    for line in (
        "Metadata-Version: 2.4",
        f"Version: {__version__}",
        "Author: netinspect developers",
        "License-Expression: MIT",
        "Description-Content-Type: text/markdown",
    ):
        assert f"{line}\n" in text


def test_installed_commands_run_in_another_folder(installed: Callable[..., str], tmp_path: Path) -> None:
    assert installed("--version").startswith(f"netinspect {__version__}\n")
    assert "44,426" in installed("summary", "lenet", "-f", "rich")
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    assert "first\tLinear" in installed("net.py:Net", "--columns", "path,class")
    assert "netinspect/_samples/lenet.py" in installed("trace", "lenet", "--json")
    assert "\x1b" not in installed("summary", "lenet", "-o", "lenet.html")
    assert "<style>" in (tmp_path / "lenet.html").read_text(encoding="utf-8")


def test_installed_module_is_that_of_the_wheel(programs: Path, tmp_path: Path) -> None:
    code = (
        "import netinspect; print(netinspect.__file__); print(netinspect.summary('lenet').record.totals)"
    )
    shown = run(programs / "python", "-c", code, cwd=tmp_path)
    assert shown.startswith(str(programs.parent))
    assert "44426" in shown


def test_installed_man_pages_are_found(programs: Path) -> None:
    pages = programs.parent / "share" / "man" / "man1"
    assert {file.name for file in pages.iterdir()} == {file.name for file in (ROOT / "man").iterdir()}
    assert f"netinspect {__version__}" in (pages / "netinspect.1").read_text(encoding="ascii")


def test_installed_package_is_typed(programs: Path, tmp_path: Path) -> None:
    file = tmp_path / "typed.py"
    file.write_text("import netinspect\n", encoding="utf-8")
    # Skipped imports must be found and have types, but are not checked, which takes a minute.
    check = ("--follow-imports=skip", "--python-executable", programs / "python", file)
    assert "Success" in run(sys.executable, "-m", "mypy", *check, cwd=tmp_path)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("netinspect summ", "summary"),
        ("netinspect summary len", "lenet"),
        ("netinspect cost --sor", "--sort"),
    ],
)
def test_installed_completion(installed: Callable[..., str], typed: str, completed: str) -> None:
    words = typed.split(" ")
    variables = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    assert completed in installed(_NETINSPECT_COMPLETE="complete_bash", **variables).split()


def test_installed_completion_script(installed: Callable[..., str]) -> None:
    assert "_NETINSPECT_COMPLETE=complete_bash" in installed(
        "--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
