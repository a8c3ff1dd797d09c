"""Tables of function names that only compute or configure, and of names whose calls may do work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator


def words_of(text: str) -> frozenset[str]:
    """Return the words of a table that is written as one text."""
    return frozenset(text.split())


PURE_ROOTS = words_of(
    "abc collections copy dataclasses einops.layers enum fractions functools glob importlib "
    "inspect itertools math numbers operator os.path pathlib platform re string struct textwrap "
    "types typing typing_extensions"
)
"""Modules whose functions only compute, import or query."""

SETUP = (
    "warnings.", "logging.", "sys.path.", "sys.setrecursionlimit", "random.seed", "numpy.random.seed",
    "numpy.set_printoptions", "numpy.seterr", "torch.manual_seed", "torch.cuda.manual_seed",
    "torch.set_", "torch.use_deterministic_algorithms", "torch.backends.", "torch.autograd.set_",
    "torch.multiprocessing.set_", "torch._dynamo.", "torch._inductor.", "torch.serialization.add_safe",
    "torch.jit.script", "torch.jit.ignore", "torch.jit.unused", "torch.jit.export",
    "torch.jit.interface", "torch.jit.annotate", "torch.jit.is_", "torch.jit.Final", "torch.jit.fork",
    "torch.cuda.is_", "torch.cuda.device_count", "torch.cuda.empty_cache", "torch.cuda.amp.",
    "torch.fx.wrap", "torch.library.", "torch.classes.",
    "matplotlib.use", "matplotlib.rc", "matplotlib.pyplot.switch_backend", "matplotlib.style.use",
    "matplotlib.pyplot.style.use", "matplotlib.pyplot.rc", "seaborn.set", "os.environ.", "os.putenv",
    "os.getenv", "os.cpu_count", "os.getcwd", "os.listdir", "os.fspath", "locale.",
    "gc.", "faulthandler.", "multiprocessing.set_start_method", "sys.stdout.reconfigure",
    "sys.stderr.reconfigure", "json.load", "json.loads", "yaml.safe_load", "yaml.load", "tomllib.load",
    "lightning.seed_everything", "pytorch_lightning.seed_everything", "os.chdir", "torch.compile",
    "print", "pprint.pprint", "setattr", "numpy.random.default_rng", "random.", "time.time",
    "time.perf_counter", "datetime.", "uuid.", "hashlib.", "json.dumps", "threading.Lock",
    "threading.RLock", "threading.local", "threading.Event", "sys.stdout.flush", "sys.getrecursionlimit",
    "absl.flags.", "argparse.", "optparse.", "getopt.", "omegaconf.OmegaConf.create", "yacs.config.",
)  # fmt: skip
"""Prefixes of the full names of calls that configure the process or read a small file."""

MUTATORS = words_of(
    "apply bfloat16 double eval half requires_grad_ reset_parameters "
    "add addHandler add_argument add_argument_group add_module add_mutually_exclusive_group "
    "add_option add_option_group add_parser add_subparsers append appendleft clear discard exec_module "
    "extend freeze insert merge_from_dict merge_from_file merge_from_list pop popitem register "
    "register_buffer register_module register_parameter remove setLevel set_defaults setdefault sort "
    "update"
)
"""Methods that only change the object that they are called on."""

BUILTINS = words_of(
    "abs all any bool bytearray bytes callable chr classmethod complex dict dir divmod enumerate "
    "NewType OrderedDict ParamSpec Path TypeVar defaultdict namedtuple partial "
    "filter float format frozenset getattr globals hasattr hash hex id int isinstance issubclass "
    "iter len list locals map max min next object oct ord pow print property range repr reversed "
    "round set setattr slice sorted staticmethod str sum super tuple type vars zip"
)

WRAPPERS = (
    "functools.", "torch.compile", "torch.jit.script", "torch.no_grad", "torch.inference_mode",
    "torch.nn.", "torch.device", "contextlib.", "dataclasses.",
)  # fmt: skip
"""Prefixes of functions that return a wrapped function or a layer."""

HIGHER_ORDER = words_of("filter functools.reduce itertools.starmap map")
"""Functions that call their first argument."""

LOG_METHODS = words_of("critical debug error exception info log success warn warning")

METHODS = words_of(
    "abs absolute array as_posix astype bool children clamp clone contiguous copy count cpu "
    "cumsum decode detach dim double encode endswith eq exists exp expand expanduser find flatten "
    "float format fromkeys ge get group groups gt half index int is_dir is_file isdigit isoformat "
    "item items join joinpath keys le log long lower lstrip lt match max mean min modules "
    "most_common named_parameters ne numel numpy parameters partition permute pow relative_to "
    "repeat replace requires_grad_ reshape resolve rfind rsplit rstrip search size split "
    "splitlines sqrt squeeze startswith state_dict std strftime strip sum timestamp title tolist "
    "total_seconds transpose unsqueeze upper values view with_name with_suffix zero_ zfill"
)
"""Methods of strings, containers, paths, tensors and modules that only compute."""

FILE_WORDS = words_of("export file fromfile memmap profile trace")
"""More words in names of functions of torch and numpy that use files or run a model."""

RISKY_ROOTS = words_of(
    "IPython atexit boto3 comet_ml concurrent.futures cv2.VideoCapture cv2.VideoWriter datasets "
    "fabric ftplib gdown google.colab h5py http huggingface_hub ipdb kaggle lmdb mlflow "
    "multiprocessing.Manager multiprocessing.Pool multiprocessing.Process neptune nltk os "
    "paramiko pdb pip psutil pty ray requests shutil smtplib socket sqlite3 subprocess tarfile "
    "telnetlib tempfile tensorboard tensorboardX torch.distributed torch.export torch.hub "
    "torch.multiprocessing.Pool torch.multiprocessing.Process torch.onnx torch.profiler "
    "torchaudio.datasets torchtext.datasets torchvision.datasets urllib wandb webbrowser wget "
    "zipfile"
)
RISKY_WORDS = words_of(
    "backward benchmark call cli corpus csv cuda dataloader dataloaders dataset datasets download "
    "downloads eval evaluate exec exit experiment fetch fire fit genfromtxt imread install launch "
    "load loader loaders loadmat loadtxt main makedirs mkdir optimize parquet parse popen "
    "pretrained quit read rmtree run save savefig search session sleep spawn start step submit "
    "system test touch tqdm train trainer trange tune urlopen validate wget write writer"
)
"""Words in names of functions or classes whose calls may do work: train_model, DataLoader, mkdir."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def walk_here(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield nodes and their children, without descending into functions and classes."""
    waiting = list(statements)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += list(ast.iter_child_nodes(node))[::-1]


def is_below(name: str, modules: frozenset[str]) -> bool:
    """Return whether a full name is one of some modules or is inside one."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in modules for length in range(1, min(len(parts), 4) + 1))


def calls(*nodes: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that running some nodes makes directly, without those in lambdas and functions."""
    return (each for each in walk_here(nodes) if isinstance(each, ast.Call))


def arguments(call: ast.Call) -> list[ast.expr]:
    """Return the positional and keyword values of a call."""
    return [*call.args, *(each.value for each in call.keywords)]


def default_values(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Return the defaults of a function's arguments, which are evaluated when it is defined."""
    return [*node.args.defaults, *filter(None, node.args.kw_defaults)]


def imports_module(node: ast.AST) -> bool:
    """Return whether a statement imports modules by a computed name, such as a loop over files."""
    names = (ast.unparse(each.func).rpartition(".")[2] for each in calls(node))
    return not {"import_module", "__import__"}.isdisjoint(names)


def words(name: str) -> set[str]:
    """Return the words of a name in lower case, such as train and model for train_Model."""
    return {word.lower() for word in _WORDS.findall(name)}


def names_file(call: ast.Call) -> bool:
    """Return whether a call of `logging` names a file to write to."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return "FileHandler" in name or any(each.arg == "filename" for each in call.keywords)


def writes(call: ast.Call) -> bool:
    """Return whether a call of `open` opens for writing, or in a mode that is not a literal."""
    modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
    return any(
        not isinstance(mode, ast.Constant) or not {"w", "a", "x", "+"}.isdisjoint(str(mode.value))
        for mode in modes
    )
