"""Development tasks: `nox -l` lists them, and `nox -s NAME` runs one with the Python that runs nox."""

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "quick"]

DIST = Path("dist")

COVERAGE = {"inputs": 89, "analysis": 92}
"""Thresholds in percent of lines and branches, just below what is covered."""

COVERING = (
    "tests/inputs",
    "tests/analysis",
    "tests/rendering/test_failures.py",
    "tests/reports/test_checkpoint_reports.py",
    "tests/reports/test_odd_models.py",
)
"""The tests for that; a test in a process of its own does not count."""


def _python(session: nox.Session, *arguments: str) -> None:
    session.run(sys.executable, *arguments, external=True)


@nox.session
def setup(session: nox.Session) -> None:
    """Install netinspect and all tools into .venv, with the pinned versions."""
    _python(session, "-m", "venv", ".venv")
    programs = Path(".venv", "Scripts" if sys.platform == "win32" else "bin")
    install = ("-m", "pip", "install", "-q", "-c", "constraints.txt", "-e", ".[test,docs,benchmark]")
    session.run(str(programs / "python"), *install, external=True)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that are not slow."""
    _python(session, "-m", "pytest", "-n", "2", "-m", "not slow", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run all tests."""
    _python(session, "-m", "pytest", "-n", "2", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the branch coverage of inputs/ and analysis/, which must not fall below its threshold."""
    covered = [f"--cov=netinspect.{each}" for each in COVERAGE]
    report = ("--cov-branch", "--cov-report=", *session.posargs)
    _python(session, "-m", "pytest", "-n", "2", *COVERING, *covered, *report)
    for name, threshold in COVERAGE.items():
        files = f"--include=*/netinspect/{name}/*"
        _python(
            session, "-m", "coverage", "report", files, f"--fail-under={threshold}", "--skip-covered"
        )


@nox.session
def lint(session: nox.Session) -> None:
    """Run the linter, the formatter and the type checker."""
    _python(session, "-m", "ruff", "check", ".")
    _python(session, "-m", "ruff", "format", "--check", ".")
    _python(session, "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documentation; warnings are errors."""
    # Without the notice that mkdocs-material gets no fixes after May 2027.
    session.env["NO_MKDOCS_2_WARNING"] = "1"
    _python(session, "-m", "mkdocs", "build", "--strict", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the start-up time; `nox -s bench -- speed` runs benchmarks/speed.py instead."""
    name, *rest = session.posargs or ["startup"]
    _python(session, f"benchmarks/{name}.py", *rest)


@nox.session
def build(session: nox.Session) -> None:
    """Build the packages into dist/, and check them as a package index does."""
    shutil.rmtree(DIST, ignore_errors=True)
    _python(session, "-m", "build", "--no-isolation", "--outdir", str(DIST))
    _python(session, "-m", "twine", "check", "--strict", *map(str, DIST.iterdir()))
