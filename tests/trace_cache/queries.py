"""Helpers: commands in processes of their own, with or without torch, and a project to trace."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import PATIENCE, Outcome

DRIVER = """
import sys

class Blocked(Exception):
    pass

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "numpy", "pydantic"):
            raise Blocked(name + " is asked for")

if sys.argv.pop(1) == "blocked":
    sys.meta_path.insert(0, Blocker())
from netinspect.cli.run import main
main()
"""

PROJECT = {
    "net.py": """\
import importlib.util
import json
import os
from pathlib import Path

from torch import nn

import helper
import packed
import replaced
from pkg.sub import WIDTH

specification = importlib.util.spec_from_file_location("alone", "alone.py")
alone = importlib.util.module_from_spec(specification)
specification.loader.exec_module(alone)
HERE = Path(__file__).parent
EXAMPLE_INPUTS = ("x=2x8",)


class Net(nn.Module):
    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        config = json.loads((HERE / "config.json").read_text())
        with open(HERE / "linked.txt") as file:
            file.read()
        try:
            with open("optional.txt") as file:
                more = int(file.read())
        except OSError:
            more = 0
        layers = os.listdir(HERE / "layers")
        try:
            open("folder")
        except OSError:
            pass
        try:
            os.chdir("inside")
        except OSError:
            pass
        width = config["width"] + helper.MORE + WIDTH + more + int(os.environ.get("OWN_WIDTH", 0))
        width += replaced.MORE + packed.MORE + alone.MORE
        self.fc = nn.Linear(8, width)
        self.rest = nn.ModuleList(nn.Linear(width, width) for _ in layers)
        self.last = nn.Linear(width, classes)

    def forward(self, x):
        x = self.fc(x)
        for layer in self.rest:
            x = layer(x)
        return self.last(x)
""",
    "helper.py": "MORE = 1\n",
    "pkg/__init__.py": "",
    "pkg/sub.py": "from mylib import EXTRA\n\nWIDTH = 2 + EXTRA\n",
    "pkg/data.py": "",
    "config.json": '{"width": 10}\n',
    "layers/one.txt": "",
    "empty/readme.txt": "",
    "first.txt": "the same",
    "elsewhere/first.txt": "the same",
    "other/net.py": "from torch import nn\n\n\nclass Net(nn.Linear):\n    pass\n",
    "replaced.py": "import sys\n\n\nclass Values:\n    MORE = 0\n\n\nsys.modules[__name__] = Values()\n",
    "alone.py": "MORE = 0\n",
    "folder/readme.txt": "",
    "extra.txt": "",
    "site-packages/mylib/__init__.py": """\
import json
from pathlib import Path

plugins = sorted(each.name for each in (Path(__file__).parent / "plugins").iterdir())
EXTRA = 0 + json.loads((Path(__file__).parent / "data.json").read_text())
""",
    "site-packages/mylib/data.json": "0",
    "site-packages/mylib/plugins/one.txt": "",
    "site-packages/mylib-1.0.dist-info/METADATA": "Name: mylib\nVersion: 1.0\n",
}


@dataclass(frozen=True)
class Asker:
    """Runs commands in one folder, with one cache."""

    folder: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *words: str,
        blocked: bool = False,
        cwd: Path | None = None,
        flags: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> Outcome:
        completed = self.start(*words, blocked=blocked, cwd=cwd, flags=flags, env=env)
        out, err = completed.communicate(timeout=PATIENCE)
        return Outcome(code=completed.returncode, out=out, err=err)

    def start(
        self,
        *words: str,
        blocked: bool = False,
        cwd: Path | None = None,
        flags: Sequence[str] = (),
        env: dict[str, str] | None = None,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start a command without waiting for it."""
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
            "XDG_CACHE_HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),  # part of the key
            "NETINSPECT_CACHE": "1",
            "PYTHONDONTWRITEBYTECODE": "",
            **self.environment,
            **(env or {}),
        }
        return subprocess.Popen(
            [sys.executable, *flags, "-c", DRIVER, "blocked" if blocked else "free", *words],
            cwd=cwd or self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
        )

    def is_answered(self, *words: str, **options: object) -> bool:
        """Return whether the cache answers, in a process that cannot run models."""
        outcome = self(*words, blocked=True, **options)  # type: ignore[arg-type]
        assert "Traceback" not in outcome.err
        if "torch is asked for" in outcome.err:
            return False
        assert outcome.code in (0, 4), outcome.err
        return True

    @property
    def entries(self) -> list[Path]:
        """The files in the cache."""
        return sorted((self.home / "netinspect").glob("*.trace"))


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files, making their folders."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def make_project(folder: Path) -> Asker:
    """Write the project, and a folder with its installed packages."""
    project = folder / "project"
    write(project, PROJECT)
    (project / "linked.txt").symlink_to("first.txt")
    installed = project / "site-packages"
    with zipfile.ZipFile(installed / "packed.egg", "w") as archive:
        archive.writestr("packed.py", "MORE = 0\n")
    for name in ("replaced", "alone"):
        # As another program leaves it; the source is not read then.
        py_compile.compile(str(project / f"{name}.py"))
    searched = (installed, installed / "packed.egg")
    return Asker(project, folder / "home", {"PYTHONPATH": os.pathsep.join(map(str, searched))})
