"""The magic `%netinspect`: a command on a variable of the notebook, or on a target.

>>> %load_ext netinspect
>>> %netinspect summary model --depth 2         # the same as netinspect.summary(model, depth=2)
>>> %netinspect source model fc1
>>> %netinspect summary model x --columns path,output,params

A cell that begins with `%%netinspect summary` is run, and the value of its last line is shown.

Options are the arguments of the function, and `--exact`, `--width N`, `-o FILE` and `--help` for any
command. A variable takes precedence over a target of the same name; a word in quotes is a target.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from netinspect.api.command_names import COMMANDS
from netinspect.errors import NetinspectError, UsageError, suggestion
from netinspect.integrations.ipython.words import (
    Call,
    evaluate,
    read_call,
    target_of,
    unquoted,
    without_comment,
)

_USAGE = "write it like %netinspect summary model --depth 2"


def load(shell: Any) -> None:
    """Register the magic in a shell of IPython."""
    from IPython.core.error import UsageError as ShownWithoutTraceback
    from IPython.core.magic import no_var_expand

    def netinspect(line: str, cell: str | None = None) -> Any:
        try:
            return run(shell, line, cell)
        except NetinspectError as error:
            raise ShownWithoutTraceback(describe(error)) from None

    netinspect.__doc__ = __doc__
    magic = no_var_expand(netinspect)
    shell.register_magic_function(magic, "line_cell", "netinspect")


def describe(error: NetinspectError) -> str:
    """Return the text of an error, with options and commands as a line of the magic has them."""
    parts = (("place", error.place), ("cause", error.cause), ("hint", error.hint))
    text = "\n".join([error.message, *(f"{label}: {text}" for label, text in parts if text)])
    return re.sub(rf"(?<![\w%./-])netinspect (?={'|'.join(COMMANDS)})", "%netinspect ", text)


def run(shell: Any, line: str, cell: str | None = None) -> Any:
    """Return the view of one line, or of the value of a cell.

    Args:
        shell: The shell, whose variables the line may name.
        line: The command, its target and options.
        cell: Code whose last expression is the target; None for a target in the line.

    Raises:
        NetinspectError: The command fails; an exception of the user's own code in a cell is not caught.
    """
    namespace: dict[str, Any] = shell.user_ns
    line = without_comment(line)
    is_silenced = line.endswith(";")  # as a notebook shows no value of an expression with it
    line = line.rstrip("; ")
    if line in ("--help", "-h"):
        print(f"{__doc__}\nCommands: {', '.join(COMMANDS)}")
        return None
    command, rest = _command(line, namespace, has_cell=cell is not None)
    function = _function(command)
    call = read_call(command, function, rest, namespace)
    if call.help:
        print(f"%netinspect {command}: {inspect.getdoc(function)}")
        return None
    if command == "cache" and call.words in (["clear"], ["info"]):
        call.options["clear"] = call.words.pop() == "clear" or call.options.get("clear", False)
    given = [] if cell is None else [_value_of(shell, cell)]
    view = function(*_arguments(call, function, given, namespace), **call.options)
    if call.exact or call.width is not None:
        view = replace(view, exact=call.exact, width=call.width)
    if call.output is not None:
        view.save(call.output)
    return None if is_silenced else view


def _command(line: str, namespace: dict[str, Any], *, has_cell: bool) -> tuple[str, str]:
    """Return the command that a line begins with, and the rest; `summary` if it begins with a target."""
    first, _, rest = line.strip().partition(" ")
    if not first and not has_cell:
        listed = ", ".join(COMMANDS)
        raise UsageError("expected a command and a model", hint=f"{_USAGE}; commands: {listed}")
    if first in COMMANDS:
        return first, rest
    takes_more = rest.strip() and not rest.lstrip().startswith("-")
    if takes_more and first.isidentifier() and first not in namespace:
        raise UsageError(
            f"there is no command {first!r}",
            hint=suggestion(first, COMMANDS) or f"commands: {', '.join(COMMANDS)}",
        )
    return "summary", line


def _function(command: str) -> Callable[..., Any]:
    name = {"globals": "pickle_globals"}.get(command, command)
    found: Callable[..., Any] = getattr(importlib.import_module("netinspect.api"), name)
    return found


def _arguments(
    call: Call, function: Callable[..., Any], given: list[Any], namespace: dict[str, Any]
) -> list[Any]:
    """Return the positional arguments: targets, then inputs of forward, or the path of a module.

    Args:
        call: The words; a path becomes an option of it.
        function: The function of the command.
        given: Targets that are not in the line.
        namespace: The variables of the notebook.
    """
    parameters = inspect.signature(function).parameters
    required = [
        name
        for name, each in parameters.items()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    arguments = [*given]
    for word in call.words:
        if len(arguments) < len(required):
            arguments.append(target_of(word, namespace))
        elif call.command == "models" and not arguments:
            arguments.append(unquoted(word))
        elif "path" in parameters and "path" not in call.options:
            call.options["path"] = unquoted(word)
        elif "args" in parameters and "path" not in parameters:
            arguments.append(evaluate(word, word, namespace))
        else:
            raise UsageError(
                f"{call.command} does not take {word!r} after its target",
                hint=f"netinspect.{call.command}? describes its options",
            )
    if missing := required[len(arguments) :]:
        raise UsageError(
            f"{call.command} needs {' and '.join(missing)}",
            hint=f"name a variable or a target, as in %netinspect {call.command} model",
        )
    return arguments


def _value_of(shell: Any, cell: str) -> Any:
    """Run a cell, and return the value of its last expression."""
    code = shell.transform_cell(cell)
    # With the lines in the cache of the shell, classes of the cell have a source, as in any other cell.
    name = shell.compile.cache(code, shell.execution_count, raw_code=cell)
    tree = shell.compile.ast_parse(code, name)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise UsageError(
            "the last line of the cell has no value",
            hint="end the cell with the model, such as a line with its name",
        )
    *statements, last = tree.body
    exec(shell.compile(ast.Module(statements, []), name, "exec"), shell.user_ns)
    return eval(shell.compile(ast.Expression(last.value), name, "eval"), shell.user_ns)
