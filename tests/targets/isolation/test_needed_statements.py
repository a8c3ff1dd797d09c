"""Tests of files that do work on import and of the statements that their models need."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.errors import LoadError
from netinspect.records.trace import RUN_FILE, Trace
from tests.targets.isolation.project_files import HEAD, NET, WORK, has_run

NEEDED = {
    "parsed arguments": (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--width', type=int, default=5)\nopt = parser.parse_args()\nprint(opt)\n",
        "opt.width",
    ),
    "arguments added by a function": (
        "import argparse\ndef options(parser):\n    parser.add_argument('--width', default=5)\n"
        "parser = argparse.ArgumentParser()\noptions(parser)\nopt = parser.parse_args()\n",
        "opt.width",
    ),
    "changed arguments": (
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
    "a table changed in place": ("TABLE = {}\nTABLE['w'] = 5\nTABLE.update(v=1)\n", "TABLE['w']"),
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
def test_import_runs_statements_that_the_model_needs(
    load: Callable[..., Trace], tmp_path: Path, text: str, width: str
) -> None:
    file = HEAD + WORK["folders"] + text + NET.format(width=width) + WORK["a training loop"]
    for target in ("net.py", "net.py:Net", "net.py:model"):
        assert load(target, net=file).parameters[0].spec.shape == (2, 5)
    assert not has_run(tmp_path)


def test_import_runs_statements_that_another_module_needs(
    load: Callable[..., Trace], tmp_path: Path
) -> None:
    text, _ = NEEDED["parsed arguments"]
    load(
        net=HEAD + "from config import opt\n" + NET.format(width="opt.width"),
        config=HEAD + text + WORK["folders"],
    )
    assert not has_run(tmp_path)


@pytest.mark.parametrize("through", ["", "from options import *\n"])
def test_star_import_runs_needed_statements(
    load: Callable[..., Trace], tmp_path: Path, through: str
) -> None:
    text, _ = NEEDED["parsed arguments"]
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


def test_star_import_runs_unknown_calls_for_definitions(load: Callable[..., Trace]) -> None:
    """Another class of the file needs them for its definition, but the model does not."""
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


def test_refused_statement_needed_by_forward_only(load: Callable[..., Trace], tmp_path: Path) -> None:
    """For example a logger with a file: the model can be built without it."""
    (tmp_path / "log.py").write_text(
        "import logging\ndef make():\n    return logging.FileHandler('ran')\n"
    )
    text = "from log import make\nlogger = make()\n" + NET.format(width=3)
    use = "        if x is None:\n            logger.info('no')\n        return self.fc(x)"
    trace = load(net=HEAD + text.replace("        return self.fc(x)", use))
    assert not has_run(tmp_path)
    assert any("net.py does work" in each for each in trace.warnings)


def test_refused_statement_in_class_does_not_rerun_file(
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


def test_command_line_read_on_import_has_hint(load: Callable[..., Trace]) -> None:
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


def test_name_bound_below_main_guard_has_hint(load: Callable[..., Trace]) -> None:
    text = NET.format(width="width") + 'if __name__ == "__main__":\n    width = 3\n'
    with pytest.raises(LoadError) as caught:
        load(net=HEAD + text)
    assert "(line 13)" in (caught.value.hint or "")


def test_import_applies_torch_defaults(load: Callable[..., Trace]) -> None:
    text = "torch.set_default_dtype(torch.float64)\n" + NET.format(width=3) + WORK["folders"]
    assert load(net=HEAD + text).parameters[0].spec.dtype == "float64"


def test_failed_import_that_the_model_does_not_need(load: Callable[..., Trace]) -> None:
    text = "import nothing_of_that_name\nnothing_of_that_name.init()\n"
    assert len(load(net=HEAD + text + NET.format(width=3)).parameters) == 2
    with pytest.raises(LoadError, match="cannot import") as caught:
        load(net=HEAD + text + NET.format(width="nothing_of_that_name.WIDTH"))
    assert "nothing_of_that_name" in (caught.value.cause or "")
    assert RUN_FILE in (caught.value.hint or "")
