"""Tests of the callback for Lightning, in processes of their own with a real `Trainer.fit`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import PATIENCE

ROOT = Path(__file__).parents[2]

TORCHVISION = """
import sys
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return object
for name in ("models", "transforms", "ops"):
    sys.modules["torchvision." + name] = sys.modules[__name__]
"""
"""Stands for a torchvision that was built for another torch, which Lightning's metrics import."""

FIT = """
import copy, random, torch
import pytorch_lightning as pl
from torch import nn
from netinspect.integrations.lightning import NetinspectSummary

class Net(pl.LightningModule):
    def __init__(self, example=None):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
        self.example_input_array = example
    def forward(self, x):
        return self.net(x)
    def training_step(self, batch, index):
        return self(batch[0]).mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

class Check(pl.Callback):
    def state(self, module):
        return (
            {name: value.clone() for name, value in module.state_dict().items()},
            [each.training for each in module.modules()],
            [len(each._forward_hooks) + len(each._forward_pre_hooks) for each in module.modules()],
            [each.grad for each in module.parameters()],
            torch.get_rng_state().tolist(), random.getstate(),
        )
    def on_fit_start(self, trainer, module):
        if not hasattr(self, "before"):
            self.before = self.state(module)
            return
    def on_train_start(self, trainer, module):
        pass

class Compare(pl.Callback):
    def __init__(self, check):
        self.check, self.is_same = check, None
    def on_fit_start(self, trainer, module):
        one, other = self.check.before, self.check.state(module)
        assert one[0].keys() == other[0].keys()
        assert all(torch.equal(value, other[0][name]) for name, value in one[0].items())
        assert one[1:] == other[1:]
        self.is_same = True

def fit(net, **options):
    check = Check()
    compare, summary = Compare(check), NetinspectSummary(**options)
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(8, 8)), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[check, summary, compare],
    )
    trainer.fit(net, rows)
    assert compare.is_same
    return summary.view
"""


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ}
    check = [sys.executable, "-c", "import torchvision"]
    if (
        "pytorch_lightning as" in code
        and subprocess.run(check, capture_output=True, check=False).returncode
    ):
        (folder / "stub" / "torchvision").mkdir(parents=True)
        (folder / "stub" / "torchvision" / "__init__.py").write_text(TORCHVISION)
        parts = (str(folder / "stub"), environment.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, parts))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(find_spec("pytorch_lightning") is None, reason="Lightning is not installed")
def test_callback_prints_summary_and_leaves_module_unchanged(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        FIT + "view = fit(Net(torch.ones(2, 8)), depth=1, columns=['path', 'output', 'params'])\n"
        "assert view.total_params == 49\nassert view.total_mult_adds == 72\n"
        "view = fit(Net())\nassert view.record.counted == 'no'\n"
        "lines = []\nview = fit(Net(), input_size=(3, 8), show=lines.append)\n"
        "assert '(3, 1)' in lines[0]\n"
        "view = fit(Net(torch.ones(2, 7)))\nassert view.record.header.failure is not None\n",
    )
    assert done.returncode == 0, done.stderr
    assert "path    output  params\nNet     (2, 1)      49\n└─ net  (2, 1)      49\n" in done.stdout
    assert "FAILED: net.0 (Linear) failed in linear" in done.stdout


STUB = (
    "import sys, types\n"
    "module = types.ModuleType('pytorch_lightning')\nmodule.Callback = type('Callback', (), {})\n"
    "sys.modules['lightning'] = None\nsys.modules['pytorch_lightning'] = module\n"
    "from netinspect.integrations.lightning import NetinspectSummary\n"
)


def test_callback_checks_its_options_when_it_is_made(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        STUB + "import torch\nfrom netinspect import UsageError\nstate = torch.get_rng_state()\n"
        "for options, error, words in (\n"
        "    ({'bogus': 1}, TypeError, \"unexpected keyword argument 'bogus'\"),\n"
        "    ({'columns': ['q']}, UsageError, \"there is no column 'q'\"),\n"
        "    ({'sort': 'q'}, UsageError, \"cannot sort by 'q'\"),\n"
        "    ({'depth': 'q'}, UsageError, 'expected a whole number as depth'),\n"
        "    ({'input_size': 3}, UsageError, 'expected sizes in input_size, got int'),\n"
        "):\n"
        "    try:\n        NetinspectSummary(**options)\n"
        "    except error as raised:\n        assert words in str(raised), raised\n"
        "    else:\n        raise AssertionError(options)\n"
        "NetinspectSummary(columns=['path', 'output', 'macs'], include=['fc*'],\n"
        "    exclude=['a'], depth=1, functions=True, order='calls', fold=False,\n"
        "    input_size={'x': (2, 8)}, dtypes={'x': 'int64'}, batch=2, train=None, device='cuda')\n"
        "NetinspectSummary(columns='all', sort='macs', top=3, kwargs={'y': 1}, input_data=[1])\n"
        "assert torch.equal(state, torch.get_rng_state())\n",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["lightning.pytorch", "pytorch_lightning"])
def test_callback_extends_the_imported_package(name: str, tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "import sys, types\n"
        f"module = types.ModuleType({name!r})\nmodule.Callback = type('Callback', (), {{}})\n"
        "sys.modules['lightning'] = sys.modules['pytorch_lightning'] = None\n"
        f"sys.modules[{name!r}] = module\n"
        "from netinspect.integrations.lightning import NetinspectSummary\n"
        "assert issubclass(NetinspectSummary, module.Callback)\n"
        "assert 'torch' not in sys.modules\n",
    )
    assert done.returncode == 0, done.stderr


def test_callback_without_lightning_names_the_packages(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "import sys\nsys.modules['lightning'] = sys.modules['pytorch_lightning'] = None\n"
        "import netinspect.integrations.lightning\n",
    )
    assert done.returncode == 1
    assert "pip install lightning, or pip install pytorch-lightning" in done.stderr
