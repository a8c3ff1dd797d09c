"""Tests of the files around the package: workflows, forms, citation, hooks, tasks and versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from netinspect.version import __version__
from tests.support import PATIENCE

ROOT = Path(__file__).parents[2]
FORMS = ("bug", "feature", "wrong-number")
FIRST_TORCH = {"3.11": (1, 13), "3.12": (2, 2), "3.13": (2, 5), "3.14": (2, 9)}
"""The first version of torch with wheels for each version of Python, on the package index."""


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def parsed(file: str) -> Any:
    return YAML(typ="safe").load(ROOT / file)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def run(*words: str) -> str:
    completed = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout + completed.stderr


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [".github/workflows/ci.yml"]),
        ("custom.github-workflows-require-timeout", [".github/workflows/ci.yml"]),
        ("vendor.github-issue-forms", [f".github/ISSUE_TEMPLATE/{form}.yml" for form in FORMS]),
        ("vendor.github-issue-config", [".github/ISSUE_TEMPLATE/config.yml"]),
        ("vendor.dependabot", [".github/dependabot.yml"]),
        ("vendor.citation-file-format", ["CITATION.cff"]),
    ],
)
def test_file_is_valid_in_schema(schema: str, files: list[str]) -> None:
    run("check_jsonschema", "--builtin-schema", schema, "--default-filetype", "yaml", *files)


def test_github_files_are_all_checked() -> None:
    files = {str(file.relative_to(ROOT)) for file in (ROOT / ".github").rglob("*.yml")}
    forms = {f".github/ISSUE_TEMPLATE/{form}.yml" for form in FORMS}
    assert files - forms == {
        ".github/workflows/ci.yml",
        ".github/ISSUE_TEMPLATE/config.yml",
        ".github/dependabot.yml",
    }


def test_workflow_matrix_has_every_python_and_the_oldest_torch() -> None:
    rows = parsed(".github/workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["include"]
    requirements = project()["project"]["dependencies"]
    (oldest,) = (each.removeprefix("torch>=") for each in requirements if each.startswith("torch>="))
    assert {row["python"] for row in rows if row["torch"] == pins()["torch"]} == set(FIRST_TORCH)
    assert oldest in {row["torch"] for row in rows}
    assert min(FIRST_TORCH, key=numbers) == project()["project"]["requires-python"].removeprefix(">=")
    for row in rows:
        assert numbers(row["torch"]) >= FIRST_TORCH[row["python"]], row
        assert numbers(row["torch"]) >= numbers(oldest), row


def test_workflow_has_least_permissions_and_cancels_old_runs() -> None:
    workflow = parsed(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert "cancel-in-progress" in workflow["concurrency"]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_hooks_have_the_pinned_versions() -> None:
    (local,) = parsed(".pre-commit-config.yaml")["repos"]
    tools = {tool for hook in local["hooks"] for tool in hook["additional_dependencies"]}
    assert tools == {f"{name}=={pins()[name]}" for name in ("ruff", "check-jsonschema")}


def test_versions_agree() -> None:
    citation = parsed("CITATION.cff")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == __version__
    newest = re.search(r"^## \[(\d.*?)\] - (\S+)$", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (__version__, str(citation["date-released"]))


def test_authors_agree() -> None:
    (author,) = project()["project"]["authors"]
    assert parsed("CITATION.cff")["authors"] == [author]
    assert f" {author['name']}\n" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_classifiers_are_versions_that_were_tested() -> None:
    classifiers = project()["project"]["classifiers"]
    prefix = "Programming Language :: Python :: 3."
    claimed = {each.removeprefix(prefix) for each in classifiers if each.startswith(prefix)}
    tested = (ROOT / "docs/measurements/versions.md").read_text(encoding="utf-8")
    assert claimed == set(re.findall(r"^\| [\d.]+ \| 3\.(\d+)", tested, re.MULTILINE))


def test_nox_lists_the_tasks() -> None:
    listed = run("nox", "-l")
    assert re.findall(r"^[*-] (\w+) -> .+\.$", listed, re.MULTILINE) == [
        *("setup", "quick", "test", "coverage", "lint", "docs", "bench", "build")
    ]


@pytest.mark.slow
def test_nox_runs_a_task_with_arguments() -> None:
    shown = run("nox", "-s", "quick", "--", "--version")
    assert "Session quick was successful" in shown
