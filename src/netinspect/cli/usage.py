"""Command line read without the parser, and the parser's errors as usage errors."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import typer

from netinspect.cli.help import GroupedCommand
from netinspect.cli.options import SETTINGS, Color
from netinspect.errors import LoadError, UsageError, suggestion
from netinspect.records.base import replace

_REFUSED = re.compile(
    r"Invalid value for '\[?(?P<name>\w+)\]?': '(?P<value>[^']*)' is not one of (?P<choices>.*)"
)
"""Form of the parser's message for a value that an argument does not accept."""

_EXTRA = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((?P<words>.*)\)", re.DOTALL)
"""Form of the parser's message for words that a command does not take."""

_SIMILAR = 0.1
"""Maximum difference in similarity, from 0 to 1, of options that are suggested together."""

_OPTIONS = {"format": ("--format", "-f"), "color": ("--color",)}


def asked(name: str, words: Sequence[str]) -> str | None:
    """Find the value of `format` or `color`: it is wanted even where the parser failed.

    The precedence is that of every option: a flag, then its environment variable, then the project.
    """
    flag = "json" if name == "format" and "--json" in words else _flag(words, *_OPTIONS[name])
    if flag is not None:
        return flag
    value = os.environ.get(f"NETINSPECT_{name.upper()}") or SETTINGS.get().values.get(name)
    return None if value is None else str(value)


def asked_color(words: Sequence[str]) -> Color:
    """Return the value of `--color`; None if it is not valid."""
    value = asked("color", words)
    return next((each for each in Color if each.value == value), Color.AUTO)


def debugs(words: Sequence[str]) -> bool:
    """Return whether tracebacks are requested."""
    return "--debug" in words or os.environ.get("NETINSPECT_DEBUG", "") not in ("", "0", "false")


def check_first_word(word: str, commands: Iterable[str]) -> None:
    """Check that a first word, which is not a command, is a target.

    Words with a dot, slash or colon cannot be mistyped commands, and are not checked; nor is `-`.

    Raises:
        UsageError: It is similar to a command, and not an existing target.
        LoadError: It is neither.
    """
    from netinspect.targets.target import parse_target

    if word == "-" or not re.fullmatch(r"[\w-]+", word):
        return
    try:
        parse_target(word)
    except LoadError as error:
        if near := suggestion(word, commands):
            raise UsageError(
                f"no such command {word!r}",
                hint=f"{near}\nif it is a target: netinspect summary {word}",
            ) from None
        hints = filter(None, (error.hint, "for commands: netinspect --help"))
        raise LoadError(error.message, cause=error.cause, hint="\n".join(hints)) from None


def command_first(
    words: list[str], options: Iterable[Any], commands: Mapping[str, Any], names: Iterable[str]
) -> list[str]:
    """Move a command, or `summary` for a target, before the options of commands that precede it.

    Args:
        words: The command line.
        options: The general options, which may precede a command.
        commands: The commands that are declared.
        names: Names of all commands.

    Raises:
        UsageError: There are options of a command, but no command and no target.
    """
    general = _values_taken(options)
    of_commands = _values_taken(each for command in commands.values() for each in command.params)
    first, words_of_it = _next_word(words, general)
    if first < len(words) and words_of_it is not None:
        return words
    start = first
    if start == len(words) or _option_name(words[start], of_commands) not in of_commands:
        return words
    known = {**of_commands, **general}
    at, word = _next_word(words[start:], known)
    if word is None:
        if not {"-h", "--help"}.isdisjoint(words[start:]):
            return [*words[:start], "summary", *words[start:]]
        if at < len(words) - start:
            return words
        raise UsageError(
            f"{words[start]} is an option of a command, and there is no command or target",
            hint=f"netinspect summary {shlex.join(words[start:])}",
        )
    if word in names:
        return [*words[:start], word, *words[start : start + at], *words[start + at + 1 :]]
    check_first_word(word, names)
    return [*words[:start], "summary", *words[start:]]


def _values_taken(options: Iterable[Any]) -> dict[str, bool]:
    """Return whether each option is followed by a value, by its names."""
    return {
        name: not option.is_flag
        for option in options
        if option.param_type_name == "option"
        for name in (*option.opts, *option.secondary_opts)
    }


def _option_name(word: str, known: Mapping[str, bool]) -> str:
    """Return the name of the option in a word such as `--depth=1` or `-d1`."""
    return word.partition("=")[0] if word.startswith("--") or word[:2] not in known else word[:2]


def _next_word(words: Sequence[str], known: Mapping[str, bool]) -> tuple[int, str | None]:
    """Return the index of the first word that is not a known option or its value, and the word.

    The word is None if it is another option, or if no word is left.
    """
    index = 0
    while index < len(words):
        word = words[index]
        if not word.startswith("-") or word in ("-", "--"):
            return index, word
        name = _option_name(word, known)
        if name not in known:
            return index, None
        index += 2 if known[name] and word == name else 1
    return len(words), None


class LenientCommand(GroupedCommand):
    """A command that reports invalid values of environment variables and settings, and ignores them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command; the notes of the settings describe what was ignored."""
        notes = []
        for parameter in self.get_params(ctx):
            for source in ("variable", "setting"):
                if (note := _without_invalid(ctx, parameter, source)) is not None:
                    notes.append(note)
        if notes:
            settings = SETTINGS.get()
            SETTINGS.set(replace(settings, notes=(*settings.notes, *notes)))
        return super().parse_args(ctx, args)


def _without_invalid(ctx: Any, parameter: Any, source: str) -> str | None:
    """Remove a value that a parameter does not accept; return a note on it."""
    if source == "variable":
        value, origin = parameter.value_from_envvar(ctx), parameter.envvar
    else:
        value, origin = ctx.lookup_default(parameter.name), SETTINGS.get().file_of(parameter.name)
    if value is None:
        return None
    try:
        parameter.type_cast_value(ctx, value)
    except typer.TyperException:
        if source == "variable":
            parameter.envvar = None
        else:
            ctx.default_map = {
                key: each for key, each in ctx.default_map.items() if key != parameter.name
            }
        expected = _accepted(parameter)
        return f"{origin} sets {parameter.name} to {value!r}, which is ignored: expected {expected}"
    return None


def _accepted(parameter: Any) -> str:
    """Describe the values of an option."""
    choices = [str(getattr(each, "value", each)) for each in getattr(parameter.type, "choices", ())]
    least = getattr(parameter.type, "min", None)
    if choices:
        return f"one of {', '.join(choices)}"
    return "a valid value" if least is None else f"a whole number, at least {least}"


def usage_error(error: Any, words: Sequence[str]) -> UsageError:
    """Convert an error of the parser, with its suggestion as the hint.

    Args:
        error: An exception of Typer's.
        words: The command line.
    """
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    path = getattr(context, "command_path", "netinspect")
    if context is not None and parameter is not None and getattr(parameter, "opts", None):
        bad = _bad_value(context, parameter, words)
        if bad is not None:
            return bad
    message = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
    if refused := _REFUSED.fullmatch(message):
        value, takes = refused["value"], re.findall(r"'([^']*)'", refused["choices"])
        return UsageError(
            f"{refused['name']} cannot be {value!r}",
            hint=suggestion(value, takes) or f"it takes one of {', '.join(takes)}",
        )
    if extra := _EXTRA.fullmatch(message):
        return _extra_words(extra["words"], context, path)
    if message.startswith("Missing argument ") and context is not None:
        usage = context.command.collect_usage_pieces(context)
        pieces = [each.strip("{}") for each in usage if not each.startswith("[")]
        return UsageError(
            message[:1].lower() + message[1:],
            hint=f"write it like: {path} {' '.join(pieces)}\nsee {path} --help",
        )
    message, _, near = message.partition(" Did you mean ")
    hint = f"did you mean {near}" if near else None
    possibilities = getattr(error, "possibilities", None)
    if (general := _general_option(error)) is not None:
        message, hint = (
            f"{general} must precede the command",
            f"netinspect {general} ... {path.rpartition(' ')[2]}",
        )
    elif possibilities:
        message = str(getattr(error, "message", message)).rstrip(".")
        wrong = str(getattr(error, "option_name", ""))
        hint = f"did you mean {' or '.join(_nearest(wrong, possibilities))}?"
    return UsageError(message[:1].lower() + message[1:].rstrip("."), hint=hint or f"see {path} --help")


def _nearest(wrong: str, possibilities: Iterable[str]) -> list[str]:
    """Return the options that are about as similar to a wrong one as the most similar of them."""
    ratios = {each: SequenceMatcher(None, wrong, each).ratio() for each in sorted(possibilities)}
    return [each for each, ratio in ratios.items() if ratio >= max(ratios.values()) - _SIMILAR]


def _extra_words(words: str, context: Any, path: str) -> UsageError:
    """Return the error for words that a command does not take, such as the path of a module."""
    values = getattr(context, "params", {})
    model, one = values.get("target") or values.get("model"), " " not in words
    hint = f"see {path} --help"
    # Other words are rarely paths of modules.
    is_path = one and re.fullmatch(r"[\w.]*[\d.][\w.]*", words)
    if is_path and "module" not in values and isinstance(model, str):
        hint = f"for one module: netinspect tree {shlex.quote(model)} {words}\n{hint}"
    return UsageError(f"unexpected {'argument' if one else 'arguments'}: {words}", hint=hint)


def _general_option(error: Any) -> str | None:
    """The option that is netinspect's own and was given to a command, if that is the mistake."""
    name, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if context is None or context.parent is None:
        return None
    general = {option for each in context.parent.command.params for option in each.opts}
    return name if name in general else None


def _bad_value(context: Any, parameter: Any, words: Sequence[str]) -> UsageError | None:
    """Name the value that an option does not take, where it was set, and what it would take."""
    option = max(parameter.opts, key=len)
    source = getattr(context.get_parameter_source(parameter.name), "name", "")
    origin = ""
    value: object = None
    if source == "COMMANDLINE":
        value = _flag(words, *parameter.opts)
    elif source == "ENVIRONMENT":
        value, origin = os.environ.get(parameter.envvar), f", as {parameter.envvar} sets it"
    elif source == "DEFAULT_MAP":
        settings = SETTINGS.get()
        value, origin = (
            settings.values.get(parameter.name),
            f", as {settings.file_of(parameter.name)} sets it",
        )
    choices = [str(getattr(each, "value", each)) for each in getattr(parameter.type, "choices", ())]
    least = getattr(parameter.type, "min", None)
    if value is None or (not choices and least is None):
        return None
    takes = _accepted(parameter)
    return UsageError(
        f"{option} cannot be {str(value)!r}{origin}",
        hint=suggestion(str(value), choices) or f"it takes {takes}",
    )


def _flag(words: Sequence[str], *names: str) -> str | None:
    """The last value of an option: `--format json`, `--format=json`, `-f json` or `-fjson`."""
    found = None
    for index, word in enumerate(words):
        for name in names:
            if word == name and index + 1 < len(words):
                found = words[index + 1]
            elif name.startswith("--") and word.startswith(f"{name}="):
                found = word.partition("=")[2]
            elif not name.startswith("--") and word.startswith(name) and word != name:
                found = word[len(name) :].removeprefix("=")
    return found
