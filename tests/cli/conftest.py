"""Fixtures: a folder with valid and invalid files for the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {
    "net.py": """\
from torch import nn


class Net(nn.Module):
    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        return self.fc(x)
""",
    "syntax.py": "from torch import nn\nclass Net(nn.Module:\n",
    "imports.py": "import no_such_package_anywhere\n",
    "raises.py": 'rows = []\nraise ValueError("bad luck in line two")\n',
    "exits.py": "import sys\nraise SystemExit(0)\n",
    "nothing.py": "answer = 42\n",
    "empty.py": "",
    "several.py": """\
from torch import nn


class First(nn.Module):
    pass


class Second(nn.Module):
    pass


class Plain:
    pass


answer = 42
instance = nn.Linear(2, 2)


def number():
    return 5
""",
    "wants.py": """\
from torch import nn


class Wants(nn.Module):
    def __init__(self, width, *, depth):
        super().__init__()
        self.fc = nn.Linear(width, depth)

    def forward(self, x, y, *, scale=None):
        return self.fc(x) + y
""",
    "refuses.py": """\
from torch import nn


class Refuses(nn.Module):
    def __init__(self):
        super().__init__()
        raise RuntimeError("first line\\nsecond line")
""",
    "quits.py": """\
import sys
from torch import nn

EXAMPLE_INPUTS = ("x=2x8",)


class Quits(nn.Module):
    def forward(self, x):
        sys.exit(0)
""",
    "quits_early.py": """\
import sys
from torch import nn


class Quits(nn.Module):
    def extra_repr(self):
        sys.exit(5)
""",
    "talks.py": """\
import os
from torch import nn

print("hello from the import")
EXAMPLE_INPUTS = ("x=2x8",)


class Talks(nn.Module):
    def forward(self, x):
        print("hello from forward")
        os.system("echo hello from a child")
        return x * 2
""",
    "declares.py": """\
from torch import nn

EXAMPLE_INPUTS = (1, 2)


class Declares(nn.Module):
    def forward(self, x):
        return x
""",
    "list.json": "[1, 2]\n",
    "other.json": '{"schema": "something-else"}\n',
    "empty.json": "",
    "broken.toml": "width = \n",
    "unknown.toml": 'formt = "csv"\n',
    "wrong.toml": 'width = "wide"\n',
    "value.toml": 'format = "cvs"\n',
}


@pytest.fixture(scope="session")
def saved_lenet() -> str:
    """The text of a saved trace of LeNet, without values."""
    from netinspect.api import load
    from netinspect.records.saved import dump_trace

    return dump_trace(load("lenet", everything=True))


@pytest.fixture
def workshop(tmp_path: Path, saved_lenet: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder with these files, as current folder."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "weights.pt").write_bytes(b"PK\x03\x04" + bytes(range(256)))
    (tmp_path / "saved.json").write_text(saved_lenet, encoding="utf-8")
    (tmp_path / "cut.json").write_text(saved_lenet[:2000], encoding="utf-8")
    (tmp_path / "damaged.json").write_text(
        saved_lenet.replace('"parameters":[', '"elsewhere":[', 1), encoding="utf-8"
    )
    (tmp_path / "newer.json").write_text(
        saved_lenet.replace('"schema_version":3', '"schema_version":99', 1), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path
