"""Words of a line of `%netinspect`: options for the parameters of a function, and its targets."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from netinspect.errors import LoadError, UsageError, close_matches, suggestion, text_of

_ALIASES = {"input": "inputs", "arg": "model_args", "input_file": "input_files"}
_SHORT = {"d": "depth", "i": "input", "b": "batch", "o": "output", "h": "help"}
_OUTPUT = {
    "exact": inspect.Parameter("exact", inspect.Parameter.KEYWORD_ONLY, default=False),
    "width": inspect.Parameter(
        "width", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="int | None"
    ),
    "output": inspect.Parameter(
        "output", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="str | None"
    ),
    "help": inspect.Parameter("help", inspect.Parameter.KEYWORD_ONLY, default=False),
}
"""Options of the magic itself, for any command."""

_HIDDEN = ("progress", "cache")
"""Parameters that are for programs."""

_FORMATS = ("format", "json", "f")
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "'\""
_OPTION = re.compile(r"--?[A-Za-z]")


@dataclass
class Call:
    """One line: the words that are not options, as written, and the options as keyword arguments."""

    command: str
    words: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    exact: bool = False
    width: int | None = None
    output: str | None = None
    """File to write the view to."""

    help: bool = False


def read_call(command: str, function: Callable[..., Any], line: str, namespace: dict[str, Any]) -> Call:
    """Read the words of a line after the command.

    An option has the name of a parameter, with dashes, or of an option of the command line. Its value is
    a text, a number, or a Python expression, by the type of the parameter. A word that begins with a
    dash and a letter is an option, never an expression.

    Raises:
        UsageError: An option is unknown, or has no value or a wrong one.
    """
    parameters = {
        name: each
        for name, each in inspect.signature(function).parameters.items()
        if (each.kind is each.KEYWORD_ONLY or each.default is not each.empty) and name not in _HIDDEN
    } | _OUTPUT
    call, words = Call(command), split(line)
    while words:
        word = words.pop(0)
        if not _OPTION.match(word):
            call.words.append(word)
            continue
        option, equals, value = word.partition("=")
        key, is_negated = option.lstrip("-").replace("-", "_"), False
        if not option.startswith("--"):
            key = _SHORT.get(key, "")
        if key.startswith("no_"):
            key, is_negated = key[3:], True
        key = key if key in parameters else _ALIASES.get(key, key)
        if key not in parameters:
            raise _unknown(command, option, parameters)
        if isinstance(parameters[key].default, bool):
            if equals:
                raise UsageError(f"{option} takes no value, got {value!r}", hint=f"write {option}")
            found: Any = not is_negated
        else:
            if not equals:
                if not words or _OPTION.match(words[0]):
                    raise UsageError(
                        f"{option} needs a value",
                        hint=f"write it like {option} {_example(parameters[key])}",
                    )
                value = words.pop(0)
            found = _value(value, option, parameters[key], namespace)
        if key in _OUTPUT:
            setattr(call, key, found)
        else:
            _add(call, key, found, parameters[key])
    return call


def _unknown(command: str, option: str, parameters: dict[str, inspect.Parameter]) -> UsageError:
    """Return the error for an option that a command does not have, with those that it has."""
    name = option.lstrip("-")
    known = [
        ("no-" if each.default is True else "") + each.name.replace("_", "-")
        for each in parameters.values()
    ]
    hints = [f"its options: {', '.join(f'--{each}' for each in known)}"]
    if name in _FORMATS:
        hints.insert(
            0, "-o FILE.json, .csv, .md, .html or .svg writes a file, and view.text('json') a text"
        )
    elif option.startswith("--") and (near := close_matches(name, known)):
        hints.insert(0, f"did you mean {' or '.join(repr(f'--{each}') for each in near)}?")
    elif name.startswith("input") and "input_size" in parameters:
        hints.insert(0, "inputs are given as --input-size (1, 3, 224, 224) or --input-data x")
    elif not option.startswith("--"):
        hints.append(f"an expression that begins with a minus goes in brackets: ({option})")
    return UsageError(f"{command} has no option {option}", hint="\n".join(hints))


def without_comment(line: str) -> str:
    """Return a line without the comment and the blanks at its end."""
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character == "#" and (place == 0 or line[place - 1] in " \t;"):
            return line[:place].rstrip()
    return line.rstrip()


def split(line: str) -> list[str]:
    """Split a line at blanks that are in no brackets and no quotes."""
    words, word, depth, quote = [], "", 0, ""
    for character in line:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif character.isspace() and depth <= 0:
            words.append(word)
            word = ""
            continue
        word += character
    return [each for each in (*words, word) if each]


def unquoted(word: str) -> str:
    """Return a word without the quotes around it."""
    is_quoted = len(word) > 1 and word[0] == word[-1] and word[0] in _QUOTES
    return word[1:-1] if is_quoted and word[0] not in word[1:-1] else word


def target_of(word: str, namespace: dict[str, Any]) -> Any:
    """Return the value of an expression that begins with a variable; otherwise the word, as a target.

    A word in quotes is a target, also if a variable has its name.

    Args:
        word: The word.
        namespace: The variables of the notebook.

    Raises:
        UsageError: The expression fails, or the word is neither a variable nor a target.
    """
    if (text := unquoted(word)) != word:
        return text
    try:
        tree = ast.parse(word, mode="eval")
    except (SyntaxError, ValueError):  # such as net.py:Net; a null character
        return word
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if names and names[0] in namespace:
        return evaluate(word, word, namespace)
    near = suggestion(word, [name for name in namespace if not name.startswith("_")])
    if word.isidentifier() and near:
        from netinspect.api._load import resolve

        try:
            resolve(word)
        except LoadError:
            raise UsageError(f"there is no variable or target {word!r}", hint=near) from None
    return word


def _add(call: Call, key: str, value: Any, parameter: inspect.Parameter) -> None:
    """Add a value; an option for several texts may be repeated."""
    if "Sequence[str]" in str(parameter.annotation) and key != "columns":
        value = [*call.options.get(key, []), value]
    elif key == "model_args":
        value = {**call.options.get(key, {}), **value}
    call.options[key] = value


def _value(text: str, option: str, parameter: inspect.Parameter, namespace: dict[str, Any]) -> Any:
    kind = str(parameter.annotation)
    if "int" in kind and "str" not in kind:
        try:
            number = int(text)
        except ValueError:
            raise UsageError(f"{option} {text}: expected a whole number") from None
        if parameter.name == "width" and number < 20:
            raise UsageError(f"{option} {text}: expected 20 or more")
        return None if parameter.name in ("depth", "top") and number == 0 else number
    if "str" in kind and "Mapping" not in kind:
        return unquoted(text)
    if parameter.name == "model_args" and "=" in text and not text.startswith(("{", "dict(")):
        name, _, value = text.partition("=")
        try:
            return {name: ast.literal_eval(value)}
        except (ValueError, SyntaxError):
            return {name: value}
    return evaluate(text, option, namespace)


def evaluate(text: str, place: str, namespace: dict[str, Any]) -> Any:
    """Return the value of an expression of the user.

    Args:
        text: The expression.
        place: The option that it is for, or the expression itself.
        namespace: The variables of the notebook.

    Raises:
        UsageError: It raises.
    """
    try:
        return eval(text, namespace)
    except Exception as error:  # whatever the user's expression raises
        near = suggestion(str(error.name), namespace) if isinstance(error, NameError) else None
        raise UsageError(
            f"cannot evaluate {text} in this notebook" + (f", for {place}" if place != text else ""),
            cause=text_of(error),
            hint=near,
        ) from None


def _example(parameter: inspect.Parameter) -> str:
    examples = {
        "output": "summary.html",
        "width": "100",
        "input_size": "(1, 3, 224, 224)",
        "columns": "path,params",
        "kwargs": "{'mask': mask}",
    }
    return examples.get(parameter.name, "2" if "int" in str(parameter.annotation) else "VALUE")
