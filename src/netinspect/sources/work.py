"""Top-level statements of a Python file: which of them define something, and which do work.

Read from the syntax tree; nothing is run. Work is what a person would not expect of a summary: training
loops, downloads, data sets, argument parsing, files that are written, calls whose effect is not known.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PURE_ROOTS = _words_of(
    "abc collections copy dataclasses einops.layers enum fractions functools glob importlib "
    "inspect itertools math numbers operator os.path pathlib platform re string struct textwrap "
    "types typing typing_extensions"
)
"""Modules whose functions compute, import or look something up, and do nothing else."""

_SETUP = (
    "warnings.", "logging.", "sys.path.", "sys.setrecursionlimit", "random.seed", "numpy.random.seed",
    "numpy.set_printoptions", "numpy.seterr", "torch.manual_seed", "torch.cuda.manual_seed",
    "torch.set_", "torch.use_deterministic_algorithms", "torch.backends.", "torch.autograd.set_",
    "torch.multiprocessing.set_", "torch._dynamo.", "torch._inductor.", "torch.serialization.add_safe",
    "torch.jit.", "torch.fx.wrap", "torch.library.", "torch.classes.",
    "matplotlib.use", "matplotlib.rc", "matplotlib.pyplot.switch_backend", "matplotlib.style.use",
    "matplotlib.pyplot.style.use", "matplotlib.pyplot.rc", "seaborn.set", "os.environ.", "os.putenv",
    "os.getenv", "os.cpu_count", "os.getcwd", "os.listdir", "os.fspath", "signal.signal", "locale.",
    "gc.", "faulthandler.", "multiprocessing.set_start_method", "sys.stdout.reconfigure",
    "sys.stderr.reconfigure", "json.load", "json.loads", "yaml.safe_load", "yaml.load", "tomllib.load",
    "lightning.seed_everything", "pytorch_lightning.seed_everything", "os.chdir", "torch.compile",
    "print", "pprint.pprint", "setattr", "random.Random", "numpy.random.default_rng",
)  # fmt: skip
"""Calls that configure the process or read a small file, by the beginnings of their full names."""

_MUTATORS = _words_of(
    "add addHandler add_argument add_argument_group add_module add_mutually_exclusive_group "
    "add_parser add_subparsers append appendleft clear discard exec_module extend freeze insert "
    "merge_from_dict merge_from_file merge_from_list pop popitem register register_buffer "
    "register_module register_parameter remove setLevel set_defaults setdefault sort update"
)
"""Methods that change the object that they are called on, and nothing else."""

_BUILTINS = _words_of(
    "abs all any bool bytearray bytes callable chr classmethod complex dict dir divmod enumerate "
    "filter float format frozenset getattr globals hasattr hash hex id int isinstance issubclass "
    "iter len list locals map max min next object oct ord pow print property range repr reversed "
    "round set setattr slice sorted staticmethod str sum super tuple type vars zip"
)

_RISKY_ROOTS = _words_of(
    "IPython boto3 comet_ml datasets fabric ftplib gdown google.colab http huggingface_hub ipdb "
    "kaggle mlflow neptune nltk os paramiko pdb pip psutil pty ray requests shutil smtplib socket "
    "sqlite3 subprocess tarfile telnetlib tempfile tensorboard tensorboardX torch.distributed "
    "torch.hub torchaudio.datasets torchtext.datasets torchvision.datasets urllib wandb "
    "webbrowser wget zipfile"
)
_RISKY_WORDS = _words_of(
    "backward benchmark call cli corpus csv cuda dataloader dataloaders dataset datasets download "
    "downloads eval evaluate exec exit experiment fetch fire fit genfromtxt imread install launch "
    "load loader loaders loadmat loadtxt main makedirs mkdir optimize parquet parse popen "
    "pretrained quit read rmtree run save savefig search session sleep spawn start step submit "
    "system test touch tqdm train trainer trange tune urlopen validate wget write writer"
)
"""Words in the name of a function or class whose call may do work: train_model, DataLoader, mkdir."""

_HARMLESS_DESPITE_WORDS = re.compile(
    r"(?:torch\.)?nn\..*|torch\.is_.*|.*\.(?:load_library|is_available|state_dict|eval|parse)$|"
    r"(?:packaging\.)?version\.parse|.*\.(?:get_)?test_\w*size"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_CONTEXTS = ("warnings.catch_warnings", "contextlib.suppress", "torch.no_grad", "torch.inference_mode")
_AUTOSTART = frozenset({"automain", "autorun"})
"""Decorators that call what they decorate."""

_MOST_DEPTH = 8


class WorkReader:
    """Judges the top-level statements of one file.

    Args:
        tree: The file.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._aliases: dict[str, str] = {}
        self._functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = {}
        self._values: set[str] = set()
        for node in walk_here(tree.body):
            if isinstance(node, ast.Import):
                for each in node.names:
                    top = each.name.partition(".")[0]
                    self._aliases[each.asname or top] = each.name if each.asname else top
            elif isinstance(node, ast.ImportFrom):
                for each in node.names:
                    origin = "." * node.level + (node.module or "")
                    self._aliases[each.asname or each.name] = f"{origin}.{each.name}"
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self._functions[node.name] = node
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._values.add(node.id)
        self._judging: set[int] = set()
        self._judged: dict[str, bool] = {}

    def does_work(self, statement: ast.stmt) -> bool:
        """Tell whether running a statement does more than define, compute or configure something."""
        match statement:
            case ast.Expr(value=ast.Call() as call):
                return self._is_work_alone(call)
            case ast.Expr(value=value) | ast.Assign(value=value) | ast.AugAssign(value=value):
                return self.is_risky(value)
            case ast.AnnAssign(value=value):
                return value is not None and self.is_risky(value)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                last = {self._full_name(each).rpartition(".")[2] for each in statement.decorator_list}
                return not last.isdisjoint(_AUTOSTART)
            case ast.If(test=test, body=body, orelse=orelse):
                branches = orelse if is_main_guard(test) else [*body, *orelse]
                return self.is_risky(test) or self._any_works(branches)
            case ast.Try() | ast.TryStar():
                handled = [each for handler in statement.handlers for each in handler.body]
                return self._any_works(
                    [*statement.body, *handled, *statement.orelse, *statement.finalbody]
                )
            case ast.With(items=items, body=body):
                return not all(map(self._is_plain_context, items)) or self._any_works(body)
            case ast.For(iter=iterator, body=body, orelse=orelse):
                return self.is_risky(iterator) or self._any_works([*body, *orelse])
            case ast.While(test=test, body=body):
                return isinstance(test, ast.Constant) or self.is_risky(test) or self._any_works(body)
            case ast.Match(subject=subject, cases=cases):
                inner = [each for case in cases for each in case.body]
                return self.is_risky(subject) or self._any_works(inner)
            case ast.AsyncFor() | ast.AsyncWith():
                return True
            case ast.Return(value=value):
                return value is not None and self.is_risky(value)
            case ast.Assert(test=test):
                return self.is_risky(test)
        return False

    def is_risky(self, expression: ast.expr) -> bool:
        """Tell whether an expression contains a call that may do work."""
        return any(self._is_risky_call(call) for call in _calls(expression))

    def is_unknown(self, expression: ast.expr) -> bool:
        """Tell whether an expression contains a call that is not known to compute or configure only."""
        return any(not self._is_known(call) for call in _calls(expression))

    @staticmethod
    def is_mutator(method: str) -> bool:
        """Tell whether a method of that name usually changes the object that it is called on."""
        return method in _MUTATORS

    def _any_works(self, statements: Iterable[ast.stmt]) -> bool:
        return any(map(self.does_work, statements))

    def _is_work_alone(self, call: ast.Call) -> bool:
        """A call whose value nobody takes is made for its effect: only known effects are harmless."""
        if any(self.is_risky(each) for each in _arguments(call)):
            return True
        if self._is_known(call):
            return any(not self._is_known(inner) for inner in _calls(call) if inner is not call)
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in _MUTATORS:
            return any(self._is_risky_call(inner) for inner in _calls(function.value))
        if isinstance(function, ast.Name) and function.id in self._functions:
            return self._body_works(function.id)
        return True

    def _is_known(self, call: ast.Call) -> bool:
        name = self._full_name(call.func)
        if name.startswith("logging.") and _names_file(call):
            return False
        if name in _BUILTINS and name not in self._functions:
            return True
        if _is_below(name, _PURE_ROOTS):
            return not _words(name) & {"mkdir", "touch", "unlink", "write"}
        return name.startswith(_SETUP) or name.startswith(("torch.nn.", "torch.device", "numpy.array"))

    def _is_risky_call(self, call: ast.Call) -> bool:
        function = call.func
        name = self._full_name(function)
        if name == "open":
            return _writes(call)
        if self._is_known(call) or _HARMLESS_DESPITE_WORDS.fullmatch(name):
            return False
        if name == "input" or _is_below(name, _RISKY_ROOTS) or "FileHandler" in name:
            return True
        if isinstance(function, ast.Name) and function.id in self._functions:
            return bool(_words(name) & _RISKY_WORDS) or self._body_works(function.id)
        if isinstance(function, ast.Name) and function.id in self._values:
            return function.id not in self._aliases  # an object of the file's is run, as a model
        return bool(_words(name.rpartition(".")[2] or name) & _RISKY_WORDS)

    def _body_works(self, name: str) -> bool:
        """Whether calling a function of the file, or building an object of its class, does work."""
        if name in self._judged:
            return self._judged[name]
        node = self._functions[name]
        if id(node) in self._judging or len(self._judging) >= _MOST_DEPTH:
            return id(node) not in self._judging
        self._judging.add(id(node))
        if isinstance(node, ast.ClassDef):
            made = [each for each in node.body if getattr(each, "name", "") == "__init__"]
            bodies = [each.body for each in made if isinstance(each, ast.FunctionDef)]
            # The layers that a constructor makes are calls too; only those that are known to be risky.
            works = any(self._is_risky_call(call) for body in bodies for call in _calls(*body))
        else:
            works = self._any_works(node.body)
        self._judging.discard(id(node))
        self._judged[name] = works
        return works

    def _is_plain_context(self, item: ast.withitem) -> bool:
        call = item.context_expr
        if not isinstance(call, ast.Call):
            return False
        name = self._full_name(call.func)
        return name.startswith(_CONTEXTS) or (name == "open" and not _writes(call))

    def _full_name(self, node: ast.expr) -> str:
        """Return a dotted name with import aliases resolved: np.load is numpy.load.

        What a call returns has no name, so that `Net().cuda` is `.cuda`.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self._aliases.get(node.id, node.id))
        elif isinstance(node, ast.Call) and not parts:
            return self._full_name(node.func)
        else:
            parts.append("")
        return ".".join(reversed(parts))


def is_main_guard(test: ast.expr) -> bool:
    """Tell whether the test of an `if` is `__name__ == "__main__"`, in any of its forms."""
    if isinstance(test, ast.BoolOp):
        return any(map(is_main_guard, test.values)) and isinstance(test.op, ast.And)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], (ast.Eq, ast.In, ast.Is)):
        return False
    sides = list(ast.walk(test))
    has_name = any(isinstance(each, ast.Name) and each.id == "__name__" for each in sides)
    return has_name and any(
        isinstance(each, ast.Constant) and each.value == "__main__" for each in sides
    )


def walk_here(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Walk through nodes, functions and classes included, but not through what is in them."""
    waiting = list(statements)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += list(ast.iter_child_nodes(node))[::-1]


def _is_below(name: str, modules: frozenset[str]) -> bool:
    """Whether a full name is that of a module, or of something in it."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in modules for length in range(1, min(len(parts), 4) + 1))


def _calls(*nodes: ast.AST) -> Iterator[ast.Call]:
    """Give the calls that running some nodes makes itself; those in lambdas and functions come later."""
    return (each for each in walk_here(nodes) if isinstance(each, ast.Call))


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(each.value for each in call.keywords)]


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)}


def _names_file(call: ast.Call) -> bool:
    """Whether a logger is given a file to write to."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return "FileHandler" in name or any(each.arg == "filename" for each in call.keywords)


def _writes(call: ast.Call) -> bool:
    """Whether a call of `open` is for writing, or for what cannot be read here."""
    modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
    return any(
        not isinstance(mode, ast.Constant) or not {"w", "a", "x", "+"}.isdisjoint(str(mode.value))
        for mode in modes
    )
