"""Words of a line of `%netinspect`: options for the parameters of a function, and its targets."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from netinspect.errors import LoadError, UsageError, suggestion, text_of

_ALIASES = {"input": "inputs", "arg": "model_args", "input_file": "input_files"}
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "'\""


@dataclass
class Call:
    """One line: the words that are not options, and the options as keyword arguments."""

    command: str
    words: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def read_call(command: str, function: Callable[..., Any], line: str, namespace: dict[str, Any]) -> Call:
    """Read the words of a line after the command.

    An option has the name of a parameter, with dashes, or of an option of the command line. Its value is
    a text, a number, or a Python expression, by the type of the parameter.

    Raises:
        UsageError: An option is unknown, or has no value or a wrong one.
    """
    parameters = {
        name: each
        for name, each in inspect.signature(function).parameters.items()
        if each.kind is each.KEYWORD_ONLY or (each.default is not each.empty)
    }
    call, words = Call(command), split(line)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or word == "--":
            call.words.append(unquoted(word))
            continue
        option, equals, value = word[2:].partition("=")
        key, is_negated = option.replace("-", "_"), False
        if key.startswith("no_"):
            key, is_negated = key[3:], True
        key = key if key in parameters else _ALIASES.get(key, key)
        if key not in parameters:
            names = [f"--{name.replace('_', '-')}" for name in parameters]
            raise UsageError(
                f"{command} has no option --{option}",
                hint=suggestion(f"--{option}", names) or f"its options: {', '.join(names)}",
            )
        if isinstance(parameters[key].default, bool):
            call.options[key] = not is_negated
            continue
        if not equals:
            if not words or words[0].startswith("--"):
                raise UsageError(
                    f"--{option} needs a value",
                    hint=f"write it like --{option} {_example(parameters[key])}",
                )
            value = words.pop(0)
        _add(call, key, _value(value, f"--{option}", parameters[key], namespace), parameters[key])
    return call


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
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in _QUOTES else word


def target_of(word: str, namespace: dict[str, Any]) -> Any:
    """Return the value of an expression that begins with a variable; otherwise the word, as a target.

    Args:
        word: The word.
        namespace: The variables of the notebook.

    Raises:
        UsageError: The expression fails, or the word is neither a variable nor a target.
    """
    try:
        tree = ast.parse(word, mode="eval")
    except SyntaxError:  # such as net.py:Net
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
    except Exception as error:
        near = suggestion(str(error.name), namespace) if isinstance(error, NameError) else None
        raise UsageError(
            f"cannot evaluate {text} in this notebook" + (f", for {place}" if place != text else ""),
            cause=text_of(error),
            hint=near,
        ) from None


def _example(parameter: inspect.Parameter) -> str:
    examples = {"input_size": "(1, 3, 224, 224)", "columns": "path,params", "kwargs": "{'mask': mask}"}
    return examples.get(parameter.name, "2" if "int" in str(parameter.annotation) else "VALUE")
