"""Files that do work when they are imported: only their definitions are run, and what those need."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.errors import LoadError
from netinspect.records.trace import RUN_FILE, Trace
from tests.support import Outcome

NET = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear({width}, 2)

    def forward(self, x):
        return self.fc(x)
"""
HEAD = "import os\nimport torch\nfrom torch import nn\nfrom pathlib import Path\n"
MARK = 'Path("ran").touch()\n'

GO = "def go(n):\n    open('ran', 'w')\n    return 1\n"

WORK = {
    "a training loop": """\
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(60):
    optimizer.zero_grad()
    loss = model(torch.randn(1, 3)).sum()
    loss.backward()
    open("ran", "w")
    optimizer.step()
""",
    "a loop without end": "while True:\n    open('ran', 'w')\n",
    "folders": "os.makedirs('ran', exist_ok=True)\n",
    "folders that are missing": "if not os.path.exists('ran'):\n    os.mkdir('ran')\n",
    "a folder of pathlib": "Path('ran').mkdir(parents=True, exist_ok=True)\n",
    "a command": "os.system('touch ran')\n",
    "a package that is installed": "import subprocess, sys\nsubprocess.check_call(['touch', 'ran'])\n",
    "a command whose output is taken": "import subprocess\nout = subprocess.run(['touch', 'ran'])\n",
    "an imported function": "from os import makedirs\nmakedirs('ran')\n",
    "a file": "with open('ran', 'w') as log:\n    log.write('x')\n",
    "a file that is kept open": "log = open('ran', 'a')\n",
    "a saved checkpoint": "torch.save(Net().state_dict(), 'ran')\n",
    "a function that works": "def main():\n    open('ran', 'w')\n\nmain()\n",
    "a function whose value is taken": "def go():\n    os.mkdir('ran')\n    return 3\n\nvalue = go()\n",
    "a function through another": (
        "def inner():\n    os.mkdir('ran')\n\ndef outer():\n    inner()\n    return 1\n\n"
        "value = outer()\n"
    ),
    "a class that works": (
        "class Writer:\n    def __init__(self):\n        open('ran', 'w')\n\nwriter = Writer()\n"
    ),
    "a log": "import logging\nlogging.basicConfig(filename='ran')\n",
    "a database": "import sqlite3\nbase = sqlite3.connect('ran')\n",
    "a comprehension": "made = [os.mkdir('ran') for _ in range(1)]\n",
    "a condition": "if os.system('touch ran') == 0:\n    pass\n",
    "an assertion": "assert os.system('touch ran') == 0\n",
    "a thread": ("import threading\nthreading.Thread(target=lambda: open('ran', 'w')).start()\n"),
    "in try": "try:\n    os.mkdir('ran')\nexcept OSError:\n    pass\n",
    "in else of the guard": 'if __name__ == "__main__":\n    pass\nelse:\n    os.mkdir("ran")\n',
    "a decorator that runs": (
        "class Experiment:\n    def automain(self, f):\n        f()\n        return f\n\n"
        "ex = Experiment()\n\n@ex.automain\ndef main():\n    open('ran', 'w')\n"
    ),
    "text that is executed": "exec('import os; os.mkdir(\"ran\")')\n",
    "its end": "open('ran', 'w')\nraise SystemExit\n",
    "a question": "name = input('name? ')\nopen('ran', 'w')\n",
    "a function given to map": GO + "list(map(go, [1]))\n",
    "a function given to sorted": GO + "order = sorted([2, 1], key=go)\n",
    "a partial": GO + "from functools import partial\npartial(go, 1)()\n",
    "a function by name": GO + "import sys\ngetattr(sys.modules[__name__], 'go')(1)\n",
    "a lambda": "(lambda: open('ran', 'w'))()\n",
    "a function that Python calls at its end": GO + "import atexit\natexit.register(go, 1)\n",
    "a decorator that Python calls at its end": "import atexit\n@atexit.register\n" + GO,
    "a decorator of the file that runs": "def once(f):\n    f(1)\n    return f\n@once\n" + GO,
    "a decorator with arguments that runs": (
        "def script(n):\n    def inner(f):\n        f(n)\n        return f\n    return inner\n"
        "@script(1)\n" + GO
    ),
    "a class body": "class Early:\n    size = 3\n    os.mkdir('ran')\n",
    "a class in a class": "class Early:\n    class Inner:\n        open('ran', 'w')\n",
    "a condition in a class": (
        "class Early:\n    if not os.path.exists('ran'):\n        os.mkdir('ran')\n"
    ),
    "a value of a class": "class Early:\n    log = open('ran', 'w')\n",
    "a compiled model that is saved": "torch.jit.save(torch.jit.script(nn.ReLU()), 'ran')\n",
}
"""Statements that do work, as their text or their effect shows."""

UNKNOWN = {
    "a method": (
        "class App:\n    def go(self):\n        torch.save(1, 'ran')\napp = App()\nresult = app.go()\n"
    ),
    "a constructor": (
        "class App:\n    def __init__(self):\n        self.go()\n"
        "    def go(self):\n        torch.save(1, 'ran')\napp = App()\n"
    ),
    "a property": (
        "class App:\n    @property\n    def go(self):\n        torch.save(1, 'ran')\nvalue = App().go\n"
    ),
    "an operator": (
        "class App:\n    def __or__(self, other):\n        torch.save(1, 'ran')\nvalue = App() | 1\n"
    ),
    "an iteration": (
        "class App:\n    def __getitem__(self, index):\n        torch.save(1, 'ran')\n"
        "        return [][index]\nfor each in App():\n    pass\n"
    ),
    "a function of another file": "import tools\nvalue = tools.go()\n",
    "a function of another file for training": (
        "import tools\nvalue = tools.go()\ndef train():\n    return value\n"
    ),
    "a tensor in a file": "shared = torch.from_file('ran', shared=True, size=4)\n",
    "an optimizer": "optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)\n",
}
"""Calls of which no one knows what they do; torch writes checkpoints without an audit event."""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trace]:
    """Write files into a folder that is the current one, and load the first."""
    monkeypatch.chdir(tmp_path)

    def load_first(target: str = "net.py", **files: str) -> Trace:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('___', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        trace = netinspect.load(target)
        assert trace.failure is None, trace.failure
        return trace

    return load_first


def has_run(folder: Path) -> bool:
    return any(path.name == "ran" for path in folder.rglob("*"))


@pytest.mark.parametrize("target", ["net.py", "net.py:Net", "net:Net"])
@pytest.mark.parametrize("text", WORK.values(), ids=WORK)
def test_work_at_import_is_not_run(
    load: Callable[..., Trace], tmp_path: Path, text: str, target: str
) -> None:
    sys.modules.pop("net", None)
    trace = load(target, net=HEAD + NET.format(width=3) + text)
    assert not has_run(tmp_path)
    assert trace.parameters[0].spec.shape == (2, 3)
    [note] = [each for each in trace.warnings if RUN_FILE in each]
    assert note.startswith("net.py does work")
    sys.modules.pop("net", None)


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_calls_that_the_model_does_not_need_are_not_run(
    load: Callable[..., Trace], tmp_path: Path, text: str
) -> None:
    (tmp_path / "tools.py").write_text("import torch\ndef go():\n    torch.save(1, 'ran')\n")
    trace = load("net.py:Net", net=HEAD + NET.format(width=3) + text)
    assert not has_run(tmp_path)
    [note] = [each for each in trace.warnings if RUN_FILE in each]
    assert note.startswith(("net.py may do work", "net.py does work"))


@pytest.mark.parametrize("text", ["a training loop", "folders", "a function whose value is taken"])
def test_work_of_a_module_beside_it_is_not_run(
    load: Callable[..., Trace], tmp_path: Path, text: str
) -> None:
    trace = load(
        net="from parts import Net\nmodel = Net()\n", parts=HEAD + NET.format(width=3) + WORK[text]
    )
    assert not has_run(tmp_path)
    assert any(each.startswith("parts.py") for each in trace.warnings)


def test_work_of_a_package_is_not_run(load: Callable[..., Trace], tmp_path: Path) -> None:
    text = HEAD + WORK["folders"]
    net = "from .part import nn\nfrom own.part import WIDTH\n" + NET.format(width="WIDTH")
    load("own/net.py", own___net=net, own___part=text + "WIDTH = 7\n", own____init__=text)
    assert not has_run(tmp_path)


def test_work_of_a_module_that_forward_imports_is_not_run(
    load: Callable[..., Trace], tmp_path: Path
) -> None:
    text = NET.format(width=3).replace("return", "import late\n        return late.TWO *")
    load(net=HEAD + text, late=HEAD + WORK["folders"] + "TWO = 2\n")
    assert not has_run(tmp_path)


NEEDED = {
    "arguments that are parsed": (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--width', type=int, default=5)\nopt = parser.parse_args()\nprint(opt)\n",
        "opt.width",
    ),
    "arguments that a function adds": (
        "import argparse\ndef options(parser):\n    parser.add_argument('--width', default=5)\n"
        "parser = argparse.ArgumentParser()\noptions(parser)\nopt = parser.parse_args()\n",
        "opt.width",
    ),
    "arguments that are changed": (
        "import argparse\nopt = argparse.ArgumentParser().parse_args()\nopt.width = 4\nopt.width += 1\n",
        "opt.width",
    ),
    "a chain": (
        "def load_config():\n    return {'a': 5}\nconfig = load_config()\nW = config['a']\n",
        "W",
    ),
    "a condition": ("if torch.cuda.is_available():\n    W = 5\nelse:\n    W = 5\n", "W"),
    "a loop that computes": ("sizes = {}\nfor i in range(6):\n    sizes[i] = i\n", "sizes[5]"),
    "a file that is read": ("with open('net.py') as f:\n    W = 5 if f.read() else 0\n", "W"),
    "try": ("try:\n    import nothing_of_that_name as n\nexcept ImportError:\n    W = 5\n", "W"),
    "a global of a helper": (
        "import argparse\nopt = argparse.ArgumentParser().parse_args()\n"
        "def width():\n    return 5 if opt is not None else 0\n",
        "width()",
    ),
    "a table in place": ("TABLE = {}\nTABLE['w'] = 5\nTABLE.update(v=1)\n", "TABLE['w']"),
    "a registry": (
        "REGISTRY = {}\ndef register(f):\n    REGISTRY[f.__name__] = f\n    return f\n"
        "@register\ndef five():\n    return 5\n",
        "REGISTRY['five']()",
    ),
    "a global that a function sets": (
        "W = None\ndef configure():\n    global W\n    W = int('5')\nconfigure()\n",
        "W",
    ),
    "a value of a class that does work": (
        "class Config:\n    width = 5\n    os.makedirs('ran', exist_ok=True)\n",
        "Config.width",
    ),
    "an unknown call": ("import statistics\nW = int(statistics.mean([5]))\n", "W"),
}


@pytest.mark.parametrize(("text", "width"), NEEDED.values(), ids=NEEDED)
def test_what_the_model_needs_is_run(
    load: Callable[..., Trace], tmp_path: Path, text: str, width: str
) -> None:
    file = HEAD + WORK["folders"] + text + NET.format(width=width) + WORK["a training loop"]
    for target in ("net.py", "net.py:Net", "net.py:model"):
        assert load(target, net=file).parameters[0].spec.shape == (2, 5)
    assert not has_run(tmp_path)


def test_names_that_another_module_takes_are_run(load: Callable[..., Trace], tmp_path: Path) -> None:
    text, _ = NEEDED["arguments that are parsed"]
    load(
        net=HEAD + "from config import opt\n" + NET.format(width="opt.width"),
        config=HEAD + text + WORK["folders"],
    )
    assert not has_run(tmp_path)


@pytest.mark.parametrize("through", ["", "from options import *\n"])
def test_star_imports_bring_the_names_that_the_model_needs(
    load: Callable[..., Trace], tmp_path: Path, through: str
) -> None:
    text, _ = NEEDED["arguments that are parsed"]
    load(
        net=HEAD
        + f"from {'common' if through else 'options'} import *\n"
        + NET.format(width="opt.width"),
        options=HEAD + text + WORK["folders"],
        common=through,
    )
    assert not has_run(tmp_path)
    for name in ("options", "common"):
        sys.modules.pop(name, None)


def test_star_imports_bring_values_of_unknown_calls(load: Callable[..., Trace]) -> None:
    """Other classes of the file need them when they are defined, though the model does not."""
    trace = load(
        "net.py:Net",
        net=HEAD
        + "from registry import *\n"
        + NET.format(width=3)
        + "@OTHERS.add\nclass Other:\n    pass\n",
        registry="from registries import Registry\nOTHERS = Registry('others')\n",
        registries="class Registry:\n    def __init__(self, name):\n        self.name = name\n"
        "    def add(self, c):\n        return c\n",
    )
    assert trace.parameters[0].spec.shape == (2, 3)
    for name in ("registry", "registries"):
        sys.modules.pop(name, None)


def test_what_only_forward_needs_may_be_refused(load: Callable[..., Trace], tmp_path: Path) -> None:
    """Such as a logger with a file: the model can be built without it."""
    (tmp_path / "log.py").write_text(
        "import logging\ndef make():\n    return logging.FileHandler('ran')\n"
    )
    text = "from log import make\nlogger = make()\n" + NET.format(width=3)
    use = "        if x is None:\n            logger.info('no')\n        return self.fc(x)"
    trace = load(net=HEAD + text.replace("        return self.fc(x)", use))
    assert not has_run(tmp_path)
    assert any("net.py does work" in each for each in trace.warnings)


def test_a_refusal_in_a_class_does_not_run_the_file_twice(
    load: Callable[..., Trace], tmp_path: Path
) -> None:
    (tmp_path / "tools.py").write_text(
        "import os\nNAMES = []\ndef register(c):\n    assert c.__name__ not in NAMES\n"
        "    NAMES.append(c.__name__)\n    return c\ndef prepare():\n    os.mkdir('ran')\n"
    )
    text = "import tools\n@tools.register\n" + NET.format(width=3)
    late = "class Late:\n    made = tools.prepare()\n    size = 3\n"
    trace = load("net.py:Net", net=HEAD + text + late)
    assert not has_run(tmp_path)
    assert any("line 15 (made = tools.prepare())" in each for each in trace.warnings)


PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"


def test_a_command_line_that_is_read_at_import_has_a_hint(load: Callable[..., Trace]) -> None:
    text = PARSER + "parser.add_argument('--size', type=int, required=True)\nopt = parser.parse_args()\n"
    with pytest.raises(LoadError) as caught:
        load(net=HEAD + text + NET.format(width="opt.size"))
    assert "--size" in (caught.value.cause or "")
    assert "command line" in (caught.value.hint or "")
    assert 'sys.argv += ["--size", "VALUE"]' in (caught.value.hint or "")
    two_lines = 'import sys; sys.argv += ["--size", "3"]\nfrom net import Net\n'
    assert load("two.py:Net", two=two_lines).parameters[0].spec.shape == (2, 3)
    with pytest.raises(LoadError) as caught:
        load("third.py", third=HEAD + "import sys\nn = int(sys.argv[1])\n" + NET.format(width="n"))
    assert "command line" in (caught.value.hint or "")


def test_a_name_that_the_main_guard_binds_has_a_hint(load: Callable[..., Trace]) -> None:
    text = NET.format(width="width") + 'if __name__ == "__main__":\n    width = 3\n'
    with pytest.raises(LoadError) as caught:
        load(net=HEAD + text)
    assert "(line 13)" in (caught.value.hint or "")


def test_defaults_of_torch_are_set(load: Callable[..., Trace]) -> None:
    text = "torch.set_default_dtype(torch.float64)\n" + NET.format(width=3) + WORK["folders"]
    assert load(net=HEAD + text).parameters[0].spec.dtype == "float64"


def test_an_import_that_the_model_does_not_need_may_fail(load: Callable[..., Trace]) -> None:
    text = "import nothing_of_that_name\nnothing_of_that_name.init()\n"
    assert len(load(net=HEAD + text + NET.format(width=3)).parameters) == 2
    with pytest.raises(LoadError, match="cannot import") as caught:
        load(net=HEAD + text + NET.format(width="nothing_of_that_name.WIDTH"))
    assert "nothing_of_that_name" in (caught.value.cause or "")
    assert RUN_FILE in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        MARK,
        'if __name__ == "__main__":\n    open("ran", "w")\n' + MARK,
    ],
)
def test_a_file_is_run_whole_if_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(HEAD + NET.format(width=3) + text)
    trace = netinspect.load("net.py", run_file=True)
    assert has_run(tmp_path)
    assert not any(RUN_FILE in each for each in trace.warnings)


PLAIN = {
    "definitions": "import logging\nNAMES = ['a', *'bc']\nlogger = logging.getLogger(__name__)\n",
    "a main guard": f'if __name__ == "__main__":\n    {MARK}',
    "a guard the other way round": f'if "__main__" == __name__:\n    {MARK}',
    "configuration": (
        "import random, warnings, logging, sys\nrandom.seed(3)\ntorch.manual_seed(3)\n"
        "warnings.filterwarnings('ignore', category=UserWarning)\nsys.path.append('.')\n"
        "torch.backends.cudnn.benchmark = False\nos.environ['OWN_THING'] = '1'\n"
        "def seed_all(n):\n    torch.manual_seed(n)\n    random.seed(n)\nseed_all(4)\n"
    ),
    "calls that compute": (
        "import threading, time, logging, argparse\nfrom functools import partial\n"
        "lock = threading.Lock()\nnow = time.time()\nlogger = logging.getLogger('x')\n"
        "logger.info('x')\nnorm = partial(nn.LayerNorm, eps=1e-6)\n"
        "mean = torch.tensor([1.0, 2.0]).view(1, 2)\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--size')\nif torch.cuda.is_available():\n    torch.cuda.empty_cache()\n"
    ),
    "a registry": (
        "class Registry:\n    def register(self, name):\n        return lambda c: c\n"
        "R = Registry()\n@R.register('a')\nclass A:\n    pass\nR.register('b')(Net)\n"
    ),
    "instances": "net = Net()\nlayers = nn.Sequential(nn.Linear(3, 3), nn.ReLU())\n",
    "registration": "MODELS = {}\nMODELS.setdefault('net', Net)\nfor n in 'ab':\n    MODELS[n] = Net\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_a_file_of_definitions_is_imported_as_it_is(
    load: Callable[..., Trace], tmp_path: Path, text: str
) -> None:
    trace = load("net.py:Net", net=HEAD + NET.format(width=3) + text)
    assert not any(RUN_FILE in each for each in trace.warnings)
    assert not has_run(tmp_path)


def test_a_refused_line_of_a_plain_file_is_left_out(load: Callable[..., Trace], tmp_path: Path) -> None:
    """What the text does not report is seen when it happens."""
    (tmp_path / "tools.py").write_text(
        "import os\n\ndef prepare():\n    os.mkdir('ran')\n    return 1\n"
    )
    reader = "class Reader:\n    def size(self):\n        return n\n"
    trace = load(net=HEAD + "from tools import prepare\nn = prepare()\n" + reader + NET.format(width=3))
    assert not has_run(tmp_path)
    assert any("net.py does work" in each and "line 6" in each for each in trace.warnings)


def test_what_is_refused_though_the_model_needs_it_is_an_error(
    load: Callable[..., Trace], tmp_path: Path
) -> None:
    (tmp_path / "tools.py").write_text(
        "import os\n\ndef prepare():\n    os.mkdir('ran')\n    return 1\n"
    )
    with pytest.raises(LoadError) as caught:
        load(net=HEAD + "from tools import prepare\nn = prepare()\n" + NET.format(width="n"))
    assert not has_run(tmp_path)
    assert "refused" in (caught.value.cause or "")
    assert (caught.value.place or "").endswith("tools.py:4")
    assert "--run-file" in (caught.value.hint or "")


REFUSED = {
    "a process": "import subprocess; subprocess.Popen(['touch', 'ran'])",
    "a shell": "import os; os.popen('touch ran').read()",
    "a fork": "import os; os.fork() or os._exit(0)",
    "an exec": "import os; os.execvp('true', ['true'])",
    "a connection": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a name": "import socket; socket.gethostbyname('localhost')",
    "a download": "from urllib.request import urlopen; urlopen('http://127.0.0.1:9/x')",
    "a server": "import socket; socket.create_server(('127.0.0.1', 0))",
    "a file": "open('ran', 'w')",
    "a descriptor": "import os; os.open('ran', os.O_CREAT | os.O_WRONLY)",
    "a removal": "import os; os.remove('net.py')",
    "a move": "import shutil; shutil.move('net.py', 'ran')",
    "a removed tree": "import shutil; shutil.rmtree('.')",
    "an array": "import numpy; numpy.save('ran', numpy.zeros(3))",
    "a link": "import os; os.symlink('net.py', 'ran')",
    "a mode": "import os; os.chmod('net.py', 0o600)",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_the_project_asks_for_while_it_is_imported_is_refused(
    load: Callable[..., Trace], tmp_path: Path, text: str
) -> None:
    """What the model needs is run; what it asks for is not done all the same."""
    first, _, call = text.rpartition("; ")
    early = f"def early():\n    {first or 'pass'}\n    {call}\n    return 3\nwidth = early()\n"
    with pytest.raises(LoadError) as caught:
        load(net=HEAD + early + NET.format(width="width"))
    assert not has_run(tmp_path)
    assert (tmp_path / "net.py").stat().st_mode & 0o777 != 0o600
    assert "is refused" in (caught.value.cause or "")
    assert (caught.value.place or "").endswith("net.py:7")


def test_what_tolerates_a_refusal_goes_on_and_it_is_noted(
    load: Callable[..., Trace], tmp_path: Path
) -> None:
    text = "def early():\n    try:\n        os.mkdir('ran')\n    except OSError:\n        return 3\n"
    trace = load(net=HEAD + text + "width = early()\n" + NET.format(width="width"))
    assert not has_run(tmp_path)
    assert any("net.py:7: writing ran was refused" in each for each in trace.warnings)


def test_temporary_files_may_be_made(load: Callable[..., Trace], tmp_path: Path) -> None:
    text = (
        "import tempfile\ndef early():\n    folder = tempfile.mkdtemp()\n"
        "    (Path(folder) / 'x').write_text('x')\n    with tempfile.TemporaryFile() as f:\n"
        "        return f.write(b'xyz')\nwidth = early()\n"
    )
    assert load(net=HEAD + text + NET.format(width="width")).failure is None


def test_an_installed_package_may_do_as_it_likes_when_it_is_imported(
    load: Callable[..., Trace], tmp_path: Path
) -> None:
    packages = tmp_path / "env" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "installs_things.py").write_text(
        f"import os, subprocess\nsubprocess.run(['true'])\nos.mkdir({str(tmp_path / 'cache')!r})\n"
        f"def write():\n    os.mkdir({str(tmp_path / 'ran')!r})\n"
    )
    head = f"import sys\nsys.path.append({str(packages)!r})\nimport installs_things\n"
    load(net=head + HEAD + NET.format(width=3))
    assert (tmp_path / "cache").is_dir()
    line = "width = installs_things.write() or 3\n"
    with pytest.raises(LoadError):  # reported by a line of the project, it may not
        load(net=head + HEAD + line + NET.format(width="width"))
    assert not has_run(tmp_path)
    del sys.modules["installs_things"]


def test_the_process_is_as_before(
    load: Callable[..., Trace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["program", "--its", "own"])
    (tmp_path / "sub").mkdir()
    before = [*sys.path], [*sys.argv], os.getcwd(), [*sys.meta_path]
    text = "import sys\nos.chdir('sub')\nSEEN = [*sys.argv]\n" + NET.format(width="len(SEEN)")
    trace = load(net=HEAD + text)
    assert trace.parameters[0].spec.shape == (2, 1)  # only its own name
    assert (sys.path, sys.argv, os.getcwd(), sys.meta_path) == before


SHADOWS = ("rich", "typer", "click", "pygments", "json", "csv", "shutil", "textwrap", "markdown_it")


@pytest.mark.slow
def test_modules_of_our_own_are_not_taken_from_the_project(tmp_path: Path) -> None:
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("WIDTH = 4\n")
    (tmp_path / "late.py").write_text("TWO = 2\n")
    text = NET.format(width="rich.WIDTH").replace("return", "import late\n        return late.TWO *")
    (tmp_path / "net.py").write_text("import rich\nfrom torch import nn\n" + text)
    for words in (["netinspect.cli.run", "-f", "rich"], ["netinspect", "-f", "markdown"]):
        start = f"import sys; from {words[0]} import main; main(sys.argv[1:])"
        command = ["-c", start] if words[0] != "netinspect" else ["-m", "netinspect"]
        if command[0] == "-c":
            command.insert(0, "-P")
        run = subprocess.run(
            [sys.executable, *command, "summary", "net.py", "--no-cache", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        assert "Linear" in run.stdout


def test_plain_rows_come_with_a_note_on_stderr(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(HEAD + NET.format(width=3) + WORK["folders"])
    for words, notes in ((("-f", "plain"), 1), (("-f", "plain", "-q"), 0), (("-f", "rich"), 0)):
        outcome = cli("summary", "net.py", "--no-cache", *words)
        assert outcome.code == 0
        assert outcome.err.count("net.py does work when it is imported: line 12") == notes
    assert "net.py does work when it is imported" in " ".join(outcome.out.split())
    assert cli("summary", "net.py", "--no-cache", "--run-file").code == 0
    assert has_run(tmp_path)
