"""Links, paths, names and options in the documentation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import netinspect
from netinspect.cli.app import build_app

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "netinspect"
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")))
_LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_SHELL_LINE = re.compile(r"^(?:    )?\$? ?netinspect .*$", re.MULTILINE)
_FOLDERS = ("src/", "tests/", "docs/", "benchmarks/", "models/")
_PACKAGES = tuple(f"{path.name}/" for path in SOURCE.iterdir() if path.is_dir())

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    titles = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def words_in_code(page: Path) -> Iterator[str]:
    for code in _CODE.findall(prose(page)):
        yield from code.split()


@by_page
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in _LINK.finditer(prose(page)):
        target, anchor = link["target"], link["anchor"]
        if "://" in target:
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link[0])
    assert broken == []


@by_page
def test_mentioned_paths_exist(page: Path) -> None:
    missing = []
    for word in words_in_code(page):
        if not re.fullmatch(r"[\w.-]+/[\w./*-]*", word):
            continue
        if word.startswith(_FOLDERS):
            bases = [ROOT]
        elif word.startswith(_PACKAGES) or word.endswith(".py"):
            bases = [SOURCE, *(path for path in SOURCE.iterdir() if path.is_dir())]
        else:
            continue
        if not any((base / word).exists() or any(base.glob(word)) for base in bases):
            missing.append(word)
    assert missing == []


@by_page
def test_mentioned_modules_exist(page: Path) -> None:
    missing = []
    for word in words_in_code(page):
        name = re.match(r"netinspect((?:\.[a-zA-Z_]+)+)", word)
        if name is None or word.endswith((".json", ".toml")):
            continue
        first = name[1].split(".")[1]
        if not hasattr(netinspect, first) and find_spec(name[0]) is None:
            missing.append(word)
    assert missing == []


def test_glossary_is_sorted() -> None:
    rows = re.findall(
        r"^\| (.+?) \|", (ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8"), re.M
    )
    terms = [term.lower() for term in rows[1:]]
    assert terms == sorted(terms)


@by_page
def test_shown_commands_have_known_options(page: Path) -> None:
    program = typer.main.get_command(build_app())
    assert isinstance(program, TyperGroup)
    summary = program.commands["summary"]
    unknown = []
    text = page.read_text(encoding="utf-8")
    for line in (*_SHELL_LINE.findall(text), *re.findall(r"`(netinspect [^`\n]+)`", text)):
        shown = shlex.split(re.sub(r"(?:   +| #).*$", "", line.strip("$ ")))[1:]
        words = [*takewhile(lambda word: word not in {"|", "&&"}, shown)]
        command = next((each for word in words if (each := program.commands.get(word))), summary)
        options = {"-h", "--help"}
        for parameter in (*program.params, *command.params):
            options |= {*parameter.opts, *parameter.secondary_opts}
        unknown += [
            f"{line}: {word}" for word in words if word[0] == "-" and word not in {*options, "-"}
        ]
    assert unknown == []
