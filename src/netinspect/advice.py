"""Advice in the words of the caller: options of the command line, or arguments of the Python API.

Messages, hints and notes name options of the command line. What a Python caller reads is translated:
`--arg num_classes=10` becomes `model_args={'num_classes': 10}`, `--input 1x3x8x8`
`input_size=(1, 3, 8, 8)`, and `netinspect trace TARGET --train` `netinspect.trace(TARGET, train=True)`.
A function with other arguments has a `Signature` of its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Signature(NamedTuple):
    """Arguments of a Python function that advice can name."""

    options: Mapping[str, str]
    """Names of arguments by the option of the command line."""

    flags: Mapping[str, str]
    """Python code for options without a value, or with one that goes elsewhere."""

    values: Mapping[str, Callable[[list[str]], str]]
    """Functions that format all values of an option as Python code."""


_OPTIONS = {
    "--input": "inputs", "--inputs-from": "inputs_from", "--input-file": "input_files",
    "--batch": "batch", "--seed": "seed", "--arg": "model_args", "--tensors": "tensors",
    "--device": "device", "--symbolic": "symbolic", "--depth": "depth", "--top": "top",
    "--sort": "sort", "--include": "include", "--exclude": "exclude", "--columns": "columns",
    "--by": "by", "--order": "order", "--section": "section", "--optimizer": "optimizer",
    "--dtype": "dtype", "--device-memory": "device_memory", "--allocator": "allocator",
    "--points": "points", "--width": "width", "--format": "format", "--open": "open",
    "--heat": "heat", "--direction": "direction", "--theme": "theme", "--max-boxes": "max_boxes",
    "--against": "against", "--call": "call",
}  # fmt: skip
"""Arguments of the Python API by the option of the command line."""

_FLAGS = {
    f"--{name.replace('_', '-')}": f"{name}=True"
    for name in (
        "online", "run_file", "train", "backward", "values", "stats", "everything", "functions",
        "buffers", "exact", "memory", "whole_class", "inside_layers", "compare_values", "counts",
        "checkpoint_activations", "tree",
    )
} | {
    "--no-fold": "fold=False",
    "--no-source": "source=False",
    "--no-cache": "cache=False",
    "--save": "netinspect.save(trace, FILE)",
    "--explain-input": "netinspect.load(...).attempts",
    "--debug": "the traceback of __cause__",
    "--no-config": "a corrected file",
}  # fmt: skip
"""Python code for options without a value, or with one that goes elsewhere."""

_FORMATS = ("rich", "plain", "json", "csv", "markdown", "latex", "html", "svg", "dot", "mermaid")
_NUMBERS = ("--batch", "--seed", "--depth", "--top", "--points", "--width", "--max-boxes")
_WORDS = {
    "--tensors": "auto|real|zeros|meta|fake",
    "--device": "cpu|cuda|mps|xpu",
    "--allocator": "cuda|cpu",
    "--call": r"[^\W\d]\w*",
}
"""Values that are words, by their option; any other word after it belongs to the sentence."""

_VALUE = r"[^\s;]*[^\s,;.:?!)]"
_OPTION = re.compile(rf"(?<![\w-])(--[a-z]+(?:-[a-z]+)*)(?![\w-])(?:[ =]({_VALUE}))?")
_REPEATED = re.compile(rf"(?<![\w-])--(?:input|arg) {_VALUE}(?: --(?:input|arg) {_VALUE})+")
_SIZES = re.compile(
    r"(?:(?P<name>[A-Za-z_][\w.]*)=)?(?P<sizes>[0-9]+(?:x[0-9]+)*|SIZES)"
    r"(?::(?P<dtype>(?:bool|[a-z]+[0-9]+)(?::-?[0-9]+\.\.-?[0-9]+)?))?"
)
_COMMANDS = (
    "cache", "config", "cost", "diff", "doctor", "globals", "graph", "internals", "memory", "models",
    "page", "params", "source", "summary", "trace", "tree",
)  # fmt: skip
_TARGET = r"(?:'[^'\n]*'|(?!(?:shows?|lists?|empties|may|or|and)\b)[\w./-]+:?(?:\w+)?)"
_COMMAND = re.compile(
    rf"(?<![\w./-])netinspect (?P<command>{'|'.join(_COMMANDS)})(?![\w.(])(?P<target> {_TARGET})?"
    rf"(?P<options>(?: (?:{'|'.join(_FLAGS)})(?![\w-])(?: FILE\b)?| --[a-z-]+ (?:'[^'\n]*'|{_VALUE}))*)"
)


def _inputs(values: list[str]) -> str:
    return _sizes(values) or f"inputs={values!r}"


def _model_args(values: list[str]) -> str:
    entries = []
    for key, _, text in (value.partition("=") for value in values):
        is_literal = text.isupper() or re.fullmatch(r"[-0-9.]+|True|False|None", text)
        entries.append(f"{key!r}: {text if is_literal else repr(text)}")
    return f"model_args={{{', '.join(entries)}}}"


NETINSPECT = Signature(_OPTIONS, _FLAGS, {"--input": _inputs, "--arg": _model_args})
"""Arguments of the public functions of netinspect."""

_caller: ContextVar[Signature | None] = ContextVar("_caller", default=None)


@contextmanager
def for_python(signature: Signature = NETINSPECT) -> Iterator[None]:
    """Translate the advice in documents for Python code while the context is open."""
    token = _caller.set(signature)
    try:
        yield
    finally:
        _caller.reset(token)


def is_for_python() -> bool:
    """Return whether advice is for Python code; see `for_python`."""
    return _caller.get() is not None


def advise(text: str) -> str:
    """Return advice in the words of the caller; see `for_python`."""
    signature = _caller.get()
    if signature is None or ("--" not in text and "netinspect " not in text):
        return text
    return with_python_names(text, signature)


def with_python_names(text: str, signature: Signature = NETINSPECT) -> str:
    """Replace command lines and options by calls of the Python API and arguments of a function."""

    def joined(match: re.Match[str]) -> str:
        return _joined(match, signature)

    def name(match: re.Match[str]) -> str:
        return _python_name(match, signature)

    return "\n".join(
        _OPTION.sub(name, _REPEATED.sub(joined, _COMMAND.sub(_call, each))) for each in text.split("\n")
    )


def _call(match: re.Match[str]) -> str:
    command, target = match["command"], (match["target"] or "").strip()
    function = {"globals": "pickle_globals"}.get(command, command)
    if command == "cache" and target == "clear":
        return "netinspect.cache(clear=True)"
    options = match["options"]
    saves = re.search(r" --save (\S+)", options)
    if saves:
        options = options.replace(saves[0], "")
    arguments = [target if target.isupper() else repr(target.strip("'"))] if target else []
    for each in filter(None, re.split(r" (?=--)", options)):
        arguments.append(with_python_names(each.strip().replace("'", "")))
    if saves:
        return f"netinspect.save(netinspect.load({', '.join(arguments)}), {saves[1]})"
    if not arguments:
        return f"netinspect.{function}"
    return f"netinspect.{function}({', '.join(arguments)})"


def _python_name(match: re.Match[str], signature: Signature) -> str:
    option, value = match[1], match[2]
    rest = match[0][len(option) :]
    if option == "--format" and value is not None and rest.startswith(" ") and value in _FORMATS:
        return f"view.text({value!r})"
    if option == "--save":
        return f"netinspect.save(trace, {value if value and value.isupper() else 'FILE'})" + (
            rest if value is None or not value.isupper() else ""
        )
    if option in signature.flags:
        return signature.flags[option] + rest
    name = signature.options.get(option)
    if name is None:
        return match[0]
    if option in ("--depth", "--top") and value == "0":
        return f"{name}=None"
    if option == "--columns" and value is None:
        return f"{name}=[...]"
    is_value = value is not None and (any(map(str.isupper, value)) or not value.isalpha())
    if option in signature.values:
        return signature.values[option]([value]) if is_value else name + rest
    if option == "--format" and rest.startswith("="):
        return match[0]  # of another tool
    if value is None or not (is_value or re.fullmatch(_WORDS.get(option, ""), value)):
        return name + rest
    return f"{name}={value}" if option in _NUMBERS or value.isupper() else f"{name}={value!r}"


def _joined(match: re.Match[str], signature: Signature) -> str:
    words = match[0].split(" ")
    pairs = [*zip(words[::2], words[1::2], strict=True)]
    groups = [
        (name, [value for option, value in pairs if option == name]) for name in ("--arg", "--input")
    ]
    return ", ".join(
        signature.values[name](values) for name, values in groups if values and name in signature.values
    )


def _sizes(values: list[str]) -> str | None:
    """Return specs of sizes and dtypes, all with names or all without, as `input_size` and `dtypes`."""
    found = [_SIZES.fullmatch(value) for value in values]
    matches = [each for each in found if each is not None]
    names = [each["name"] for each in matches]
    if len(matches) < len(values) or len({name is None for name in names}) > 1:
        return None
    sizes = [
        each["sizes"] if each["sizes"] == "SIZES" else str(tuple(map(int, each["sizes"].split("x"))))
        for each in matches
    ]
    dtypes = [each["dtype"] for each in matches]
    if names[0] is None:
        listed = ", ".join(sizes)
        text = f"input_size={listed}" if len(sizes) == 1 else f"input_size=[{listed}]"
        if not any(dtypes):
            return text
        return f"{text}, dtypes={dtypes if len(dtypes) > 1 else repr(dtypes[0])}"
    listed = ", ".join(f"{name!r}: {size}" for name, size in zip(names, sizes, strict=True))
    chosen = {name: dtype for name, dtype in zip(names, dtypes, strict=True) if dtype}
    return f"input_size={{{listed}}}" + (f", dtypes={chosen}" if chosen else "")
