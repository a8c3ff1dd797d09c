"""Python code that renames the tensors of a state dict, as short as possible."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netinspect.records.checkpoint import Checkpoint
from netinspect.reports.diff.patterns import as_regex, pattern_of
from netinspect.reports.diff.rules import Rule

_MAX_LINES = 60
"""Maximum length of a snippet; nobody reads more."""

TORCH_FORMATS = ("torch zip", "torch legacy", "torch tar", "pickle")
"""Formats that `torch.load` reads."""

_ALLOWED = re.compile(
    r"torch\.|_codecs\.encode$|builtins\.(set|complex|bytearray)$|collections\.(OrderedDict|Counter)$"
)
"""Names that `torch.load(weights_only=True)` allows, if tensors need them."""

_ITEMS = "for name, value in state_dict.items()"


class Snippet(NamedTuple):
    """Lines of Python, and the new name that they give each name."""

    lines: tuple[str, ...]
    names: dict[str, str]


def rename_snippet(
    names: Sequence[str], wanted: Mapping[str, str], rules: Sequence[Rule]
) -> Snippet | None:
    """Return the shortest code that renames the tensors as wanted.

    Args:
        names: All names of the state dict.
        wanted: New names of some of them. The others may keep their names or get unused ones.
        rules: The rules that were found, in order of application.

    Returns:
        None if it would take too many lines.
    """
    if all(name == became for name, became in wanted.items()):
        return Snippet((), {name: name for name in names})
    for lines, rename in _candidate_snippets(wanted, rules):
        renamed = {name: rename(name) for name in names}
        right = all(renamed[name] == became for name, became in wanted.items())
        if right and len(set(renamed.values())) == len(renamed) and len(lines) <= _MAX_LINES:
            return Snippet(tuple(lines), renamed)
    return None


def load_lines(checkpoint: Checkpoint, section: str, parts: Sequence[str], *, others: bool) -> list[str]:
    """Return code that loads the state dict from its file; a comment if one line is not enough.

    Args:
        checkpoint: The checkpoint.
        section: Name of the state dict in it.
        parts: Keys of dictionaries in it that hold its tensors; empty if it holds them itself.
        others: Whether it also holds values that are not tensors.
    """
    lines = _read_lines(checkpoint)
    keys: Sequence[int | str] | None = section.split(".") if section else ()
    keys = next((each.keys or None for each in checkpoint.sections if each.section == section), keys)
    if lines is None or keys is None:
        lines = [f"# state_dict: all tensors of {checkpoint.target!r}, by name"]
    elif checkpoint.format in TORCH_FORMATS:
        lines[-1] += "".join(f"[{key!r}]" for key in keys)
        if any(module.path == section for module in checkpoint.modules):
            lines[-1] += ".state_dict()"
    if parts:
        lines += [
            "state_dict = {",
            '    f"{part}.{name}": value',
            f"    for part in {list(parts)!r}",
            "    for name, value in state_dict[part].items()",
            "}",
        ]
    if others:
        tensors = f"{{name: value {_ITEMS} if torch.is_tensor(value)}}"
        lines.append(f"state_dict = {tensors}")
    return lines


def _read_lines(checkpoint: Checkpoint) -> list[str] | None:
    """Return code that reads the file; None if there are several, or no function reads them."""
    file = checkpoint.files[0] if len(checkpoint.files) == 1 else None
    if file is None or file.compressed or "://" in file.path:
        return None
    if checkpoint.format == "safetensors":
        return [f"state_dict = safetensors.torch.load_file({file.path!r})"]
    if checkpoint.format not in TORCH_FORMATS:
        return None
    refused = [
        each.name
        for each in checkpoint.globals
        if each.verdict == "other" or not _ALLOWED.match(each.name)
    ]
    if checkpoint.format == "pickle":
        if any(name.startswith(("numpy.", "joblib.")) for name in refused):
            return None  # arrays, which no model loads
        warning = "# unpickling runs the code that the file names: netinspect globals lists it"
        opened = f"with open({file.path!r}, 'rb') as file:"
        return [warning, opened, "    state_dict = pickle.load(file)"]
    load = f"state_dict = torch.load({file.path!r}, map_location='cpu'"
    if not refused and checkpoint.format != "torch tar":
        return [f"{load})"]
    needs = refused[0] if refused else "a reader of tar archives"
    warning = f"# weights_only=False, because the file needs {needs}: loading it may run any code"
    return [warning, f"{load}, weights_only=False)"]


def _candidate_snippets(
    wanted: Mapping[str, str], rules: Sequence[Rule]
) -> Iterator[tuple[list[str], Callable[[str], str]]]:
    """Yield candidate snippets, the shortest first; the caller checks whether they are correct."""
    if len(rules) == 1 and rules[0].at_start:
        old, new = rules[0].old, rules[0].new
        if not new:
            yield (
                [f"state_dict = {{name.removeprefix({old + '.'!r}): value {_ITEMS}}}"],
                lambda name: name.removeprefix(f"{old}."),
            )
        if not old:
            yield (
                [f"state_dict = {{{new + '.'!r} + name: value {_ITEMS}}}"],
                lambda name: f"{new}.{name}",
            )
    chain = [_expression(rule) for rule in rules]
    if chain and None not in chain:
        found = [each for each in chain if each is not None]
        found += _remaining_renames(found, wanted)
        yield _chain_lines(found), lambda name: _apply_all(found, name)
    patterns = dict.fromkeys(pattern_of(old, new) for old, new in wanted.items() if old != new)
    expressions = [as_regex(*each) for each in patterns] if len(patterns) <= _MAX_LINES else [None]
    if None not in expressions:
        alternatives = [each for each in expressions if each is not None]
        yield _first_lines(alternatives), lambda name: _apply_first(alternatives, name)
    changes = {old: new for old, new in wanted.items() if old != new}
    lines = [
        "renames = {",
        *(f"    {old!r}: {new!r}," for old, new in changes.items()),
        "}",
        f"state_dict = {{renames.get(name, name): value {_ITEMS}}}",
    ]
    yield lines, lambda name: changes.get(name, name)


def _expression(rule: Rule) -> tuple[str, str] | None:
    if "\\" in rule.old + rule.new or not (rule.old or rule.at_start):
        return None
    old, new = (f"{each}." if each else "" for each in (rule.old, rule.new))
    return ("^" if rule.at_start else r"(?<![^.])") + re.escape(old), new


def _remaining_renames(
    expressions: Sequence[tuple[str, str]], wanted: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return expressions, applied after the rules, for single names that the rules map wrongly."""
    rest: list[tuple[str, str]] = []
    for name, became in wanted.items():
        renamed = _apply_all(expressions, name)
        if renamed != became and "\\" not in became and len(rest) <= _MAX_LINES:
            rest.append((f"^{re.escape(renamed)}$", became))
    return rest


def _chain_lines(expressions: Iterable[tuple[str, str]]) -> list[str]:
    return [
        *_table(expressions),
        "for pattern, new in renames:",
        f"    state_dict = {{re.sub(pattern, new, name): value {_ITEMS}}}",
    ]


def _apply_all(expressions: Iterable[tuple[str, str]], name: str) -> str:
    for pattern, new in expressions:
        name = re.sub(pattern, new, name)
    return name


def _first_lines(expressions: Iterable[tuple[str, str]]) -> list[str]:
    return [
        *_table(expressions),
        "def renamed(name):",
        "    for pattern, new in renames:",
        "        if re.match(pattern, name):",
        "            return re.sub(pattern, new, name)",
        "    return name",
        "",
        f"state_dict = {{renamed(name): value {_ITEMS}}}",
    ]


def _apply_first(expressions: Iterable[tuple[str, str]], name: str) -> str:
    for pattern, new in expressions:
        if re.match(pattern, name):
            return re.sub(pattern, new, name)
    return name


def _table(expressions: Iterable[tuple[str, str]]) -> list[str]:
    return [
        "renames = [",
        *(f"    ({_string_literal(pattern)}, {_string_literal(new)})," for pattern, new in expressions),
        "]",
    ]


def _string_literal(text: str) -> str:
    """Format a string as a raw literal if possible."""
    plain = text.isascii() and text.isprintable() and '"' not in text and not text.endswith("\\")
    return f'r"{text}"' if plain and "\\" in text else repr(text)
