"""Tests of the evaluation of source code by reading it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from netinspect._utils.evaluation.expressions import BudgetExceeded
from netinspect._utils.evaluation.interpreter import Interpreter
from netinspect._utils.evaluation.source_files import SourceFiles
from netinspect._utils.evaluation.values import UNKNOWN, TensorValue, is_known


class Collector(Interpreter):
    """Interpreter that collects the arguments of calls of `f`, whatever it is."""

    def __init__(self, folder: Path, steps: int = 20_000) -> None:
        super().__init__(SourceFiles((str(folder),)), steps)
        self.found: list[Any] = []

    def observe(
        self, called: Any, args: list[Any], kwargs: dict[str, Any], node: ast.Call, file: str
    ) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "f":
            self.found.append(args[0] if args else kwargs)


def values(tmp_path: Path, text: str, **files: str) -> list[Any]:
    """Return the first argument of each call of `f` in a script."""
    for name, content in files.items():
        (tmp_path / name.replace("__", ".")).write_text(content)
    (tmp_path / "script.py").write_text(text)
    collector = Collector(tmp_path)
    collector.run_file(str(tmp_path / "script.py"), as_script=True)
    return collector.found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(2 * 3 + 1)", 7),
        ("f(len([1, 2, 3]) ** 2 // 2)", 4),
        ("f([2 ** i for i in range(4) if i != 1])", [1, 4, 8]),
        ("f({**{'a': 1}, 'b': (1, 2)})", {"a": 1, "b": (1, 2)}),
        ("f(tuple(int(x) for x in '16,8'.split(',')))", (16, 8)),
        ("f(f'net{3}'.upper())", "NET3"),
        ("a, (b, c) = 1, (2, 3)\nf(a + b + c)", 6),
        ("x = 4\nx *= 3\nf(x)", 12),
        ("d = {}\nd['k'] = 5\nd.update(m=6)\nf(d['k'] + d.get('m', 0))", 11),
        ("import math\nf(math.ceil(7 / 2))", 4),
        ("import torch\nf('cuda' if torch.cuda.is_available() else 'cpu')", "cpu"),
        ("if __name__ == '__main__':\n    f(1)", 1),
        ("def g(n, m=4, *, k=1):\n    return n * m + k\nf(g(2, k=3))", 11),
        ("g = lambda n: n + 1\nf(g(1))", 2),
        ("for i in range(3):\n    if i == 1:\n        break\nf(i)", 1),
        ("out = []\nfor i, c in enumerate([8, 16]):\n    out.append(c * i)\nf(out)", [0, 16]),
        (
            "class C:\n    n = 3\n    def __init__(self, k=2):\n        self.k = k\nc = C()\n"
            "f(c.n * c.k)",
            6,
        ),
        ("class A:\n    def g(self):\n        return 1\nclass B(A):\n    pass\nf(B().g())", 1),
        (
            "class A:\n    def __init__(self, n):\n        self.n = n\n"
            "class B(A):\n    def __init__(self, n):\n        super().__init__(n + 1)\nf(B(1).n)",
            2,
        ),
        ("class D(dict):\n    def __getattr__(self, k):\n        return self[k]\nf(D({'n': 3}).n)", 3),
        ("def boom(n):\n    if n:\n        raise ValueError\n    return 2\nf(boom(0))", 2),
        ("x = 1\nif not x - 1:\n    raise SystemExit\nf(5)", 5),
        ("nets = {'a': 1, 'b': 2}\nf(nets['b'])", 2),
        ("with open('x') as g:\n    n = 3\nf(n)", 3),
        ("try:\n    n = 3\nexcept ImportError:\n    n = 4\nf(n)", 3),
    ],
)
def test_interpreter_evaluates(tmp_path: Path, text: str, expected: Any) -> None:
    assert values(tmp_path, text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "f(undefined)",
        "f(10 ** 10 ** 10)",
        "f('x' * 10 ** 9)",
        "f([0] * 10 ** 9)",
        "f(1 << 10 ** 6)",
        "f(list(range(10 ** 12)))",
        "f('%999999999d' % 1)",
        "f('{:999999999}'.format(1))",
        "f(1 // 0)",
        "f({}['k'])",
        "def g():\n    return g()\nf(g())",
        "import os\nf(os.environ['HOME'])",
        "import random\nf(random.random())",
        "n = 1\nif unknown():\n    n = 2\nf(n)",
        "n = 1\nwhile unknown():\n    n += 1\nf(n)",
        "for x in unknown():\n    n = x\nf(n)",
        "f(__import__('os').getcwd())",
        "f(().__class__.__bases__)",
        "f(eval('1'))",
    ],
)
def test_interpreter_leaves_unknown(tmp_path: Path, text: str) -> None:
    (found,) = values(tmp_path, text)
    assert not is_known(found), found


def test_branches_that_agree_give_value(tmp_path: Path) -> None:
    assert values(tmp_path, "if unknown():\n    n = 2\nelse:\n    n = 2\nf(n)") == [2]


def test_interpreter_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    text = (
        f"import os, subprocess\nopen({str(mark)!r}, 'w').write('x')\nos.mkdir({str(mark)!r})\n"
        f"subprocess.run(['touch', {str(mark)!r}])\nexec(\"open('x', 'w')\")\nf(1)\n"
    )
    assert values(tmp_path, text) == [1]
    assert not mark.exists()


def test_interpreter_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "for i in range(60):\n" * 1
        + "    for j in range(60):\n"
        + "        x = [k * k for k in range(60)]\n"
    )
    with pytest.raises(BudgetExceeded):
        Collector(tmp_path, steps=5_000).run_file(str(tmp_path / "script.py"))


def test_parser_defaults(tmp_path: Path) -> None:
    text = """\
import argparse
from other import add_more

def main(args):
    f(dict(hidden=args.hidden, name=args.name, deep=args.deep, size=args.img_size, rate=args.rate))

if __name__ == "__main__":
    parser = argparse.ArgumentParser("train")
    parser.add_argument("-n", "--hidden", type=int, default=16)
    parser.add_argument("--name", required=True)
    parser.add_argument("--deep", action="store_true")
    parser.add_argument("--img-size", default="32", type=int)
    add_more(parser)
    main(parser.parse_args())
"""
    other = (
        "def add_more(p):\n    g = p.add_argument_group('x')\n"
        "    g.add_argument('--rate', default=0.5)\n"
    )
    (found,) = values(tmp_path, text, other__py=other)
    assert found == {"hidden": 16, "name": UNKNOWN, "deep": False, "size": 32, "rate": 0.5}


@pytest.mark.parametrize(
    ("name", "content", "load"),
    [
        ("c__json", '{"model": {"width": 7}}', "import json\nc = json.load(open('c.json'))"),
        ("c__json", '{"model": {"width": 7}}', "import json\nc = json.loads(open('c.json').read())"),
        ("c__yaml", "model:\n  width: 7\n", "import yaml\nc = yaml.safe_load(open('c.yaml'))"),
        (
            "c__yml",
            "model:\n  width: 7\n",
            "from omegaconf import OmegaConf\nc = OmegaConf.load('c.yml')",
        ),
        (
            "c__toml",
            "[model]\nwidth = 7\n",
            "import tomllib\nwith open('c.toml', 'rb') as g:\n    c = tomllib.load(g)",
        ),
    ],
)
def test_configuration_file_is_read(tmp_path: Path, name: str, content: str, load: str) -> None:
    assert values(tmp_path, f"{load}\nf(c['model']['width'])", **{name: content}) == [7]


def test_imports_are_followed(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("from .sizes import *\n")
    (tmp_path / "package" / "sizes.py").write_text("from .base import N\nWIDTH = N * 2\n")
    (tmp_path / "package" / "base.py").write_text("N = 5\n")
    text = (
        "import package.base as b\nfrom package import WIDTH\nimport config\n"
        "f([b.N, WIDTH, config.DEEP])"
    )
    assert values(tmp_path, text, config__py="DEEP = 3\n") == [[5, 10, 3]]


def test_circular_imports_end(tmp_path: Path) -> None:
    assert values(
        tmp_path, "import one\nf(one.N)", one__py="import two\nN = 1\n", two__py="import one\n"
    ) == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch.randn(2, 3, 8, 8)", TensorValue((2, 3, 8, 8))),
        ("torch.rand((2, 5)).cuda()", TensorValue((2, 5), low=0.0, high=1.0)),
        ("torch.randint(0, 10, (2, 7))", TensorValue((2, 7), "int64", 0, 9)),
        ("torch.randint(high=10, size=(2,))", TensorValue((2,), "int64", 0, 9)),
        ("torch.zeros(2, dtype=torch.long)", TensorValue((2,), "int64", values=(0.0,))),
        ("torch.ones(1, 4).bool()", TensorValue((1, 4), "bool", values=(1.0,))),
        ("torch.tensor([[1, 2], [3, 4]])", TensorValue((2, 2), "int64", values=(1.0, 2.0, 3.0, 4.0))),
        ("torch.arange(3).unsqueeze(0)", TensorValue((1, 3), "int64", values=(0.0, 1.0, 2.0))),
        ("torch.full((2, 2), 7)", TensorValue((2, 2), "int64", values=(7.0,))),
        ("torch.randn(n, 3 * n)", TensorValue((4, 12))),
        ("torch.rand(3, 4).view(2, 6)", TensorValue((2, 6), low=0.0, high=1.0)),
        ("torch.zeros_like(torch.ones(2))", TensorValue((2,), values=(1.0,))),
        ("torch.FloatTensor(2, 3)", TensorValue((2, 3))),
        ("torch.from_numpy(np.random.rand(2, 3)).float()", TensorValue((2, 3), low=0.0, high=1.0)),
        ("torch.randn(2, 3).to(torch.float16)", TensorValue((2, 3), "float16")),
        ("torch.randn(n, 3).shape[0]", 4),
    ],
)
def test_tensors_are_evaluated(tmp_path: Path, text: str, expected: Any) -> None:
    assert values(tmp_path, f"import torch\nimport numpy as np\nn = 4\nf({text})") == [expected]
