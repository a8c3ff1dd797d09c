"""Tests of the wording of source, documentation, error messages and test names.

Fix a finding by rewording. `ALLOWED` is for terms of other programs, and for phrases that the
documentation of PyTorch would use too.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from netinspect import errors

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "netinspect"

DROPPED = re.compile(
    r"\b(?:"
    r"tell|tells|telling|told|say|says|saying|said|spells?|spelled|spelt|spelling|"
    r"look|looks|looked|looking|kept|lanes?|hollow|witness(?:es)?|stated|guests?|strangers?|blueprints?|"
    r"unfit|anew|beside|behind|stands?|stood|go(?:es)? before|held against|alike|heed(?:ed|s)?|"
    r"mend(?:ed|s)?|lies?|shall|dear|spare[sd]?|where(?:of|upon)|thereof|"
    r"(?<!there )(?:is|are|was|were) no (?!longer\b|more\b|less\b|such\b)\w+|"
    r"there (?:is|are|was|were) none|"
    r"nothing else|as (?:it|they) (?:stands?|was|were|is|are)|(?:comes?|came) to|one of \w+ each|drafts?"
    r")\b",
    re.IGNORECASE,
)
"""Words with a plainer or more precise replacement: report, print, format, must, next to, after."""

ALLOWED = re.compile(
    r"\b(?:"
    r"look(?:s|ed|ing)? (?:up|like|for|at)|lookup|look-?(?:ahead|behind)|stands? for|behind a proxy|"
    r"\.?tell\(|SIMD lane|json-schema\.org/draft|comes to an end|"
    r"as it (?:is|was) (?:read|run|written|called)"
    r")",
    re.IGNORECASE,
)
"""Phrases that are removed from a line before it is searched for dropped words."""

OPENERS = frozenset(
    ("What", "Which", "Whether", "How", "Who", "Whose", "Where", "When", "That", "Of", "As")
)
"""First words of docstrings that are neither noun phrases nor imperatives."""

BOUNDS = {
    "analysis": 37,
    "checkpoints": 201,
    "memory_tracker": 17,
    "records": 2,
    "rendering": 53,
    "reports": 27,
    "tracing": 38,
}
"""Maximum number of findings in each part of the project; they may only be lowered."""

NAME_STARTS = re.compile(
    r"test_(?:an?|the|what|which|whose?|where|when|how|why|whatever|whoever|it|that|this|these|those|they|"
    r"there|of|nothing|none)_"
)
"""Starts of test names that do not name the unit under test."""

_TEST = re.compile(r" *def (test_\w+)")
LONGEST_NAME = 80
BAD_NAMES = 446
"""Maximum number of test names with such a start; it may only be lowered."""

PROPER_NAMES = frozenset(("Python", "PyTorch", "Torch", "Git", "TorchScript", "Hugging"))
"""Capitalized words with which a message may begin."""


class Finding(NamedTuple):
    """One line that breaks a rule."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.text}"


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def part_of(file: Path) -> str:
    """Return the part of the project that a file belongs to: a package, `docs` or the file itself."""
    if file.is_relative_to(SOURCE):
        return file.relative_to(SOURCE).parts[0]
    return file.relative_to(ROOT).parts[0]


def dropped_words(text: str) -> list[str]:
    """Return the dropped words in a text."""
    return [match[0] for match in DROPPED.finditer(ALLOWED.sub(" ", text))]


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of the docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        body = getattr(node, "body", ())
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    yield statement.lineno, text


def opener(text: str) -> str:
    """Return the first word of a docstring if it is in `OPENERS`, or an empty string."""
    first = re.match(r"\s*(\w+)", text)
    return first[1] if first and first[1] in OPENERS else ""


@cache
def findings() -> tuple[Finding, ...]:
    """Return all lines of source and documentation with dropped words or a wrong first word."""
    found = []
    python = python_files(SOURCE)
    for file in (*python, *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"):
        text = file.read_text(encoding="utf-8")
        lines = text.split("\n")
        # One search of the whole file is several times as fast as one of each line.
        for number in sorted({text.count("\n", 0, match.start()) for match in DROPPED.finditer(text)}):
            if words := dropped_words(lines[number]):
                found.append(Finding(file, number + 1, f"{words}: {lines[number].strip()}"))
    for file in python:
        for number, text in docstrings(tree_of(file)):
            if first := opener(text):
                found.append(Finding(file, number, f"[{first}]: {text.splitlines()[0]}"))
    return tuple(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what the file says of it", ["says"]),
        ("It is looked up in the table, which looks like a list.", []),
        ("told = [each for each in names]", ["told"]),
        ("_told(retold)", []),
        ("a letter that stands for a size, and stands beside it", ["stands", "beside"]),
        ("position = file.tell()", []),
        ("it is no module; there is no file, and it is no longer needed", ["is no module"]),
        ("There is none.", ["There is none"]),
        ("the rest comes to 3 MiB", ["comes to"]),
    ],
)
def test_dropped_words_examples(text: str, words: list[str]) -> None:
    assert dropped_words(text) == words


def test_opener_examples() -> None:
    assert opener("Whether it is read.") == "Whether"
    assert opener("\n    What is read.") == "What"
    assert opener("Return what is read.") == ""
    assert opener("Offset of the first byte.") == ""
    source = '"""A."""\nx = 1\n"""B."""\ndef f():\n    """C."""\n'
    assert [text for _, text in docstrings(ast.parse(source))] == ["A.", "B.", "C."]


def test_words_in_source_and_docs() -> None:
    counts = Counter(part_of(each.file) for each in findings())
    excess = {part for part, count in counts.items() if count > BOUNDS.get(part, 0)}
    lines = [str(each) for each in findings() if part_of(each.file) in excess]
    assert not excess, "reword one of these lines:\n" + "\n".join(lines)


# --- error messages ------------------------------------------------------------------------------

ERRORS = {
    name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")
}


def texts_in(node: ast.expr) -> Iterator[tuple[int, str]]:
    """Yield the string literals that an expression may evaluate to; placeholders become `{}`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    elif isinstance(node, ast.JoinedStr):
        yield (
            node.lineno,
            "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values),
        )
    elif isinstance(node, ast.IfExp):
        yield from texts_in(node.body)
        yield from texts_in(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for each in node.values:
            yield from texts_in(each)


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of the messages, causes and hints of errors that are constructed."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ERRORS:
            for argument in node.args[:1]:
                yield from texts_in(argument)
            for keyword in node.keywords:
                if keyword.arg in ("cause", "hint"):
                    yield from texts_in(keyword.value)


def is_well_formed(message: str) -> bool:
    """Return whether a message begins in lower case or with a name, and has no full stop at its end."""
    first = re.match(r"[A-Z][a-z]+\b(?![.:\w])", message)
    begins = first is None or first[0] in PROPER_NAMES
    return begins and not re.search(r"(?<![.])[.]$", message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("cannot read {}", True),
        ("Cannot read {}", False),
        ("cannot read {}.", False),
        ("name a file in ...", True),
        ("Python 3.11 or newer is needed", True),
        ("ONNX files have no such tensor", True),
        ("{} is damaged", True),
    ],
)
def test_is_well_formed_examples(message: str, expected: bool) -> None:
    assert is_well_formed(message) is expected


def test_error_messages_have_documented_form() -> None:
    wrong = [
        str(Finding(file, line, text))
        for file in python_files(SOURCE)
        for line, text in messages(tree_of(file))
        if not is_well_formed(text)
    ]
    assert wrong == []


# --- test names ----------------------------------------------------------------------------------


@cache
def named_tests() -> tuple[Finding, ...]:
    """Return the test functions and methods of the project."""
    return tuple(
        Finding(file, number, match[1])
        for file in python_files(ROOT / "tests")
        if file.name.startswith("test_")
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1)
        if (match := _TEST.match(line))
    )


def test_names_start_with_unit() -> None:
    wrong = [str(each) for each in named_tests() if NAME_STARTS.match(each.text)]
    assert len(wrong) <= BAD_NAMES, "rename one of these to test_<unit>_<case>:\n" + "\n".join(wrong)


def test_names_have_at_most_maximum_length() -> None:
    assert [str(each) for each in named_tests() if len(each.text) > LONGEST_NAME] == []
