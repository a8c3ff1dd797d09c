"""Tests of the wording of source, documentation, error messages and test names.

Fix a finding by rewording. `ALLOWED` is for terms of other programs, and for phrases that the
documentation of PyTorch would use too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from netinspect import errors

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "netinspect"

PROPERTIES = frozenset(("property", "cached_property"))

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
"""First words of docstrings that are neither noun phrases nor imperatives.

Docstrings of properties and attributes may begin with `Whether`.
"""

NAME_STARTS = re.compile(
    r"test_(?:an?|the|what|which|whose?|where|when|how|why|whatever|whoever|it|that|this|these|those|they|"
    r"there|of|nothing|none)_"
)
"""Starts of test names that do not name the unit under test."""

_TEST = re.compile(r" *def (test_\w+)")
LONGEST_NAME = 80

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


def dropped_words(text: str) -> list[str]:
    """Return the dropped words in a text."""
    return [match[0] for match in DROPPED.finditer(ALLOWED.sub(" ", text))]


class Docstring(NamedTuple):
    """The docstring of a module, class, function or attribute."""

    line: int
    text: str
    of_value: bool
    """Whether it describes a property or an attribute."""


def docstrings(tree: ast.Module) -> Iterator[Docstring]:
    """Yield the docstrings of modules, classes, functions, properties and attributes."""
    for node in ast.walk(tree):
        body = getattr(node, "body", ())
        decorators = [ast.unparse(each) for each in getattr(node, "decorator_list", ())]
        of_property = any(each.rpartition(".")[2] in PROPERTIES for each in decorators)
        for number, statement in enumerate(body if isinstance(body, list) else ()):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    yield Docstring(statement.lineno, text, number > 0 or of_property)


def opener(text: str, *, of_value: bool = False) -> str:
    """Return the first word of a docstring if it is in `OPENERS`, or an empty string."""
    first = re.match(r"\s*(\w+)", text)
    if first is None or (of_value and first[1] == "Whether"):
        return ""
    return first[1] if first[1] in OPENERS else ""


@cache
def findings() -> tuple[Finding, ...]:
    """Return all lines of source and documentation with dropped words or a wrong first word."""
    found = []
    python = python_files(SOURCE)
    for file in (*python, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"):
        text = file.read_text(encoding="utf-8")
        lines = text.split("\n")
        # One search of the whole file is several times as fast as one of each line.
        for number in sorted({text.count("\n", 0, match.start()) for match in DROPPED.finditer(text)}):
            if words := dropped_words(lines[number]):
                found.append(Finding(file, number + 1, f"{words}: {lines[number].strip()}"))
    for file in python:
        for each in docstrings(tree_of(file)):
            if first := opener(each.text, of_value=each.of_value):
                found.append(Finding(file, each.line, f"[{first}]: {each.text.splitlines()[0]}"))
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
    assert opener("Whether it is read.", of_value=True) == ""
    assert opener("\n    What is read.") == "What"
    assert opener("Return what is read.") == ""
    assert opener("Offset of the first byte.") == ""
    source = (
        '"""A."""\nx = 1\n"""B."""\ndef f():\n    """C."""\n'
        'class D:\n    """D."""\n    @property\n    def e(self):\n        """E."""\n'
    )
    found = [(each.text, each.of_value) for each in docstrings(ast.parse(source))]
    assert found == [("A.", False), ("B.", True), ("C.", False), ("D.", False), ("E.", True)]


def test_words_in_source_and_docs() -> None:
    assert not findings(), "reword these lines:\n" + "\n".join(map(str, findings()))


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
    assert not wrong, "rename these to test_<unit>_<case>:\n" + "\n".join(wrong)


def test_names_have_at_most_maximum_length() -> None:
    assert [str(each) for each in named_tests() if len(each.text) > LONGEST_NAME] == []
