"""Scripts of users of torchinfo in which only the import is changed.

Scripts whose output matters run in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import PATIENCE

ROOT = Path(__file__).parents[3]
IMPORT = "from torchinfo import summary"
START = """\
import torch
from torch import nn
from torchinfo import summary

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 4)

    def forward(self, image, scale=None, power=1):
        x = self.head(self.body(image).mean((2, 3))) ** power
        return x if scale is None else x * scale

net = Net()
image, scale = torch.randn(2, 3, 10, 10), torch.ones(2, 1)
"""
MACS = 2 * (64 * 8 * 27 + 32)


class Script(NamedTuple):
    """A script, and what it prints."""

    name: str
    text: str
    shows: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    variables: dict[str, str] | None = None
    """Environment; with it, the script needs a process of its own."""


TOTAL = f"Total mult-adds (k): {MACS / 1000:.2f}"
PRINTED = (
    Script("sizes", "summary(net, (2, 3, 10, 10))", ("Conv2d: 2-1", "(2, 8, 8, 8)", TOTAL)),
    Script("depth", "summary(net, (2, 3, 10, 10), depth=1)", ("Linear: 1-2", TOTAL), ("Conv2d",)),
    Script(
        "col_names",
        "summary(net, (2, 3, 10, 10), col_names=['kernel_size', 'trainable', 'mult_adds'])",
        ("kernel size", "[3, 3]", f"{MACS - 64:,}", "True"),
        ("output size",),
    ),
    Script(
        "col_width",
        "summary(net, (2, 3, 10, 10), col_width=40, col_names=['num_params'])",
        (f"{'num params':>40}", f"{'224':>40}"),
    ),
    Script(
        "verbose",
        "summary(net, (2, 3, 10, 10), verbose=0); print('quiet'); summary(net, verbose=2)",
        ("weight [8, 3, 3, 3]", "216 *"),
    ),
    Script(
        "row_settings",
        "summary(net, (2, 3, 10, 10), row_settings=['var_names', 'ascii_only'])",
        ("Sequential (body)", "+- "),
        ("1-1", "├"),
    ),
    Script(
        "f-string",
        "result = summary(net, (2, 3, 10, 10), verbose=0)\n"
        "print(f'Model:\\n{result}\\nEnd {result.total_params:,}')",
        ("Model:\nNet\n", "\nEnd 276\n", TOTAL),
    ),
    Script(
        "logger",
        "import logging, sys\n"
        "logging.basicConfig(stream=sys.stdout, level='INFO', format='%(levelname)s %(message)s')\n"
        "logging.info('%s', summary(net, (2, 3, 10, 10), verbose=0))",
        ("INFO Net\nlayer ", TOTAL),
    ),
    Script(
        "file",
        "from pathlib import Path\n"
        "Path('net.txt').write_text(str(summary(net, (2, 3, 10, 10), verbose=0)), encoding='utf-8')\n"
        "with open('net.txt', 'a', encoding='utf-8') as file:\n"
        "    print(summary(net, verbose=0), file=file)\n"
        "print(Path('net.txt').read_text(encoding='utf-8'))",
        ("└─ Linear: 1-2", TOTAL),
    ),
    Script(
        "locale without Unicode",
        "summary(net, (2, 3, 10, 10))",
        ("`- Linear: 1-2", TOTAL),
        variables={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    ),
    Script(
        "narrow terminal",
        "summary(net, (2, 3, 10, 10))",
        ("Sequential: 1-1", "(2, 8, 8, 8)", "num params"),
        variables={"COLUMNS": "30"},
    ),
)
QUIET = (
    Script("several inputs", "found = summary(net, [(2, 3, 10, 10), (2, 1)], verbose=0)"),
    Script("dictionary", "found = summary(net, input_data={'image': image, 'scale': scale}, verbose=0)"),
    Script("list", "found = summary(net, input_data=[image, scale], verbose=0)"),
    Script(
        "dtypes",
        "found = summary(net.double(), (2, 3, 10, 10), dtypes=[torch.float64], verbose=0)\n"
        "assert found.total_param_bytes == 276 * 8",
    ),
    Script("device", "found = summary(net, (2, 3, 10, 10), device=torch.device('cpu'), verbose=0)"),
    Script(
        "mode",
        "found = summary(net, (2, 3, 10, 10), mode='train', verbose=0)\n"
        "assert found.trace.mode == 'train' and net.training\n"
        "assert int(net.body[1].num_batches_tracked) == 0",
    ),
    Script(
        "mode same",
        "net.body.eval()\n"
        "found = summary(net, (2, 3, 10, 10), mode='same', verbose=0)\n"
        "assert net.training and not net.body.training",
    ),
    Script(
        "batch_dim",
        "one = summary(net, (3, 10, 10), batch_dim=0, verbose=0)\n"
        "found = summary(net, (2, 3, 10, 10), verbose=0)\n"
        "assert 2 * one.total_mult_adds == found.total_mult_adds",
    ),
    Script("keyword arguments", "found = summary(net, (2, 3, 10, 10), scale=scale, power=2, verbose=0)"),
)


def changed(script: Script) -> str:
    """Return the text of a script, with netinspect's import."""
    text = START + script.text + "\n"
    assert IMPORT in text
    return text.replace(IMPORT, "from netinspect.torchinfo import summary")


@pytest.mark.parametrize("script", PRINTED, ids=lambda script: script.name)
def test_script_prints(script: Script, tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(changed(script), encoding="utf-8")
    variables = {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, str(file)],
        cwd=tmp_path,
        env={**os.environ, **variables, **(script.variables or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    for text in script.shows:
        assert text in done.stdout
    for text in script.lacks:
        assert text not in done.stdout
    if script.name == "verbose":
        assert done.stdout.startswith("quiet\n")


@pytest.mark.parametrize("script", QUIET, ids=lambda script: script.name)
def test_script_prints_nothing(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    exec(compile(changed(script), script.name, "exec"), namespace)
    found = namespace["found"]
    assert found.total_params == 276  # type: ignore[attr-defined]
    assert found.total_mult_adds == MACS  # type: ignore[attr-defined]
    assert capsys.readouterr().out == ""


def test_scripts_show_all_public_ways() -> None:
    names = {script.name for script in (*PRINTED, *QUIET)}
    assert {"sizes", "several inputs", "dictionary", "list", "dtypes", "device", "mode"} <= names
    assert {"depth", "col_names", "col_width", "verbose", "row_settings", "batch_dim"} <= names
    assert {"keyword arguments", "f-string", "logger", "file"} <= names
