"""Tests of actions that are refused while a project is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.errors import LoadError
from netinspect.records.trace import Trace
from tests.targets.isolation.project_files import HEAD, NET, has_run


def test_refused_statement_is_left_out(load: Callable[..., Trace], tmp_path: Path) -> None:
    """The syntax of the statement does not show that it does work."""
    (tmp_path / "tools.py").write_text(
        "import os\n\ndef prepare():\n    os.mkdir('ran')\n    return 1\n"
    )
    reader = "class Reader:\n    def size(self):\n        return n\n"
    trace = load(net=HEAD + "from tools import prepare\nn = prepare()\n" + reader + NET.format(width=3))
    assert not has_run(tmp_path)
    assert any("net.py does work" in each and "line 6" in each for each in trace.warnings)


def test_refused_statement_needed_by_the_model(load: Callable[..., Trace], tmp_path: Path) -> None:
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
def test_import_refuses_actions(load: Callable[..., Trace], tmp_path: Path, text: str) -> None:
    """The statement runs because the model needs it, but its action is refused."""
    first, _, call = text.rpartition("; ")
    early = f"def early():\n    {first or 'pass'}\n    {call}\n    return 3\nwidth = early()\n"
    with pytest.raises(LoadError) as caught:
        load(net=HEAD + early + NET.format(width="width"))
    assert not has_run(tmp_path)
    assert (tmp_path / "net.py").stat().st_mode & 0o777 != 0o600
    assert "is refused" in (caught.value.cause or "")
    assert (caught.value.place or "").endswith("net.py:7")


def test_refusal_that_the_project_handles_is_noted(load: Callable[..., Trace], tmp_path: Path) -> None:
    text = "def early():\n    try:\n        os.mkdir('ran')\n    except OSError:\n        return 3\n"
    trace = load(net=HEAD + text + "width = early()\n" + NET.format(width="width"))
    assert not has_run(tmp_path)
    assert any("net.py:7: writing ran was refused" in each for each in trace.warnings)


def test_import_allows_temporary_files(load: Callable[..., Trace], tmp_path: Path) -> None:
    text = (
        "import tempfile\ndef early():\n    folder = tempfile.mkdtemp()\n"
        "    (Path(folder) / 'x').write_text('x')\n    with tempfile.TemporaryFile() as f:\n"
        "        return f.write(b'xyz')\nwidth = early()\n"
    )
    assert load(net=HEAD + text + NET.format(width="width")).failure is None


def test_import_of_installed_package_is_not_guarded(load: Callable[..., Trace], tmp_path: Path) -> None:
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
    with pytest.raises(LoadError):  # refused when a line of the project calls it
        load(net=head + HEAD + line + NET.format(width="width"))
    assert not has_run(tmp_path)
    del sys.modules["installs_things"]
