"""Python that gives a state dict other names: as short as it can be said, and tried on every name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from netinspect.records.checkpoint import Checkpoint
from netinspect.reports.diff.patterns import as_expression, pattern_of
from netinspect.reports.diff.rules import Rule

_MOST_LINES = 60
"""What is longer helps nobody who reads it."""

TORCH = ("torch zip", "torch legacy", "torch tar", "pickle")
"""Formats that torch.load reads."""

_ITEMS = "for name, value in state_dict.items()"


class Snippet(NamedTuple):
    """Lines of Python, and what they make of each name."""

    lines: tuple[str, ...]
    names: dict[str, str]


def rename_snippet(
    names: Sequence[str], wanted: Mapping[str, str], rules: Sequence[Rule]
) -> Snippet | None:
    """Spell the shortest change of names that does what is wanted.

    Args:
        names: All names of the state dict.
        wanted: What some of them shall become; the others stay, or lead to nothing that is wanted.
        rules: Rules that were found, in the order in which they are to be applied.

    Returns:
        None where it would take too many lines.
    """
    if all(name == became for name, became in wanted.items()):
        return Snippet((), {name: name for name in names})
    for lines, rename in _ways(wanted, rules):
        made = {name: rename(name) for name in names}
        right = all(made[name] == became for name, became in wanted.items())
        if right and len(set(made.values())) == len(made) and len(lines) <= _MOST_LINES:
            return Snippet(tuple(lines), made)
    return None


def load_lines(checkpoint: Checkpoint, section: str, parts: Sequence[str], *, others: bool) -> list[str]:
    """Spell how the state dict comes out of its file; a comment where no one line does it.

    Args:
        checkpoint: The checkpoint.
        section: The keys that lead to the state dict.
        parts: Keys of dictionaries in it that hold its tensors; empty where it holds them itself.
        others: Whether it holds more than tensors.
    """
    files = [each.path for each in checkpoint.files]
    if checkpoint.format in TORCH and len(files) == 1:
        keys = "".join(f"[{key!r}]" for key in section.split(".") if section)
        if checkpoint.modules:
            lines = [
                "# a whole module was pickled: to load it is to run what the file says",
                f"state_dict = torch.load({checkpoint.target!r}, map_location='cpu', "
                f"weights_only=False){keys}.state_dict()",
            ]
        else:
            lines = [f"state_dict = torch.load({checkpoint.target!r}, map_location='cpu'){keys}"]
    elif checkpoint.format == "safetensors" and len(files) == 1:
        lines = [f"state_dict = safetensors.torch.load_file({files[0]!r})"]
    else:
        lines = [f"# state_dict: all tensors of {checkpoint.target!r}, by name"]
    if parts:
        lines += [
            "state_dict = {",
            '    f"{part}.{name}": value',
            f"    for part in {list(parts)!r}",
            "    for name, value in state_dict[part].items()",
            "}",
        ]
    if others:
        kept = f"{{name: value {_ITEMS} if torch.is_tensor(value)}}"
        lines.append(f"state_dict = {kept}")
    return lines


def _ways(
    wanted: Mapping[str, str], rules: Sequence[Rule]
) -> Iterator[tuple[list[str], Callable[[str], str]]]:
    """Ways to spell a change of names, the shortest first; not all of them do what is wanted."""
    if len(rules) == 1 and rules[0].front:
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
        found += _rest(found, wanted)
        yield _chain_lines(found), lambda name: _apply_all(found, name)
    patterns = dict.fromkeys(pattern_of(old, new) for old, new in wanted.items() if old != new)
    spelled = [as_expression(*each) for each in patterns] if len(patterns) <= _MOST_LINES else [None]
    if None not in spelled:
        each_way = [each for each in spelled if each is not None]
        yield _first_lines(each_way), lambda name: _apply_first(each_way, name)
    changes = {old: new for old, new in wanted.items() if old != new}
    lines = [
        "renames = {",
        *(f"    {old!r}: {new!r}," for old, new in changes.items()),
        "}",
        f"state_dict = {{renames.get(name, name): value {_ITEMS}}}",
    ]
    yield lines, lambda name: changes.get(name, name)


def _expression(rule: Rule) -> tuple[str, str] | None:
    if "\\" in rule.old + rule.new or not (rule.old or rule.front):
        return None
    old, new = (f"{each}." if each else "" for each in (rule.old, rule.new))
    return ("^" if rule.front else r"(?<![^.])") + re.escape(old), new


def _rest(expressions: Sequence[tuple[str, str]], wanted: Mapping[str, str]) -> list[tuple[str, str]]:
    """Single names that rules do not lead to where they shall go, as expressions that follow them."""
    rest: list[tuple[str, str]] = []
    for name, became in wanted.items():
        made = _apply_all(expressions, name)
        if made != became and "\\" not in became and len(rest) <= _MOST_LINES:
            rest.append((f"^{re.escape(made)}$", became))
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
        *(f"    ({_raw(pattern)}, {_raw(new)})," for pattern, new in expressions),
        "]",
    ]


def _raw(text: str) -> str:
    """Spell a string as a raw literal where that is possible."""
    plain = text.isascii() and text.isprintable() and '"' not in text and not text.endswith("\\")
    return f'r"{text}"' if plain and "\\" in text else repr(text)
