"""Tests that the cache does not answer after any change that may affect a trace."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import PATIENCE
from tests.trace_cache.queries import Asker, make_project, write

pytestmark = pytest.mark.slow

WORDS = ("summary", "net.py:Net")
ORDERED = """\
from torch import nn


def make(**sizes):
    return nn.Sequential(*(nn.Linear(size, size) for size in sizes.values()))
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A project with one cached trace."""
    ask = make_project(tmp_path_factory.mktemp("stale"))
    outcome = ask(*WORDS, "-v")
    assert outcome.code == 0, outcome.err
    assert "the trace was cached\n" in outcome.err
    return ask


@contextmanager
def replaced(file: Path, text: str) -> Iterator[None]:
    """Replace the content of a file, with the same size and times."""
    before, times = file.read_text(encoding="utf-8"), file.stat()
    assert len(text) == len(before)
    assert text != before
    file.write_text(text, encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    yield
    file.write_text(before, encoding="utf-8")


def edited(name: str, old: str, new: str) -> Callable[[Path], object]:
    def edit(folder: Path) -> object:
        file = folder / name
        return replaced(file, file.read_text(encoding="utf-8").replace(old, new))

    return edit


def made(name: str, text: str = "") -> Callable[[Path], object]:
    @contextmanager
    def make(folder: Path) -> Iterator[None]:
        file = folder / name
        is_new_folder = not file.parent.exists()
        write(folder, {name: text})
        yield
        if is_new_folder:
            shutil.rmtree(file.parent)
        else:
            file.unlink()

    return make


def moved(name: str, to: str) -> Callable[[Path], object]:
    @contextmanager
    def move(folder: Path) -> Iterator[None]:
        (folder / name).rename(folder / to)
        yield
        (folder / to).rename(folder / name)

    return move


def grown(name: str) -> Callable[[Path], object]:
    @contextmanager
    def grow(folder: Path) -> Iterator[None]:
        file = folder / name
        before = file.read_bytes()
        file.write_bytes(before + b"more")
        yield
        file.write_bytes(before)

    return grow


def moved_over(name: str, to: str) -> Callable[[Path], object]:
    @contextmanager
    def move(folder: Path) -> Iterator[None]:
        (folder / to).rename(folder / "aside")
        (folder / name).rename(folder / to)
        yield
        (folder / to).rename(folder / name)
        (folder / "aside").rename(folder / to)

    return move


@contextmanager
def linked_elsewhere(folder: Path) -> Iterator[None]:
    link = folder / "linked.txt"
    link.unlink()
    link.symlink_to("elsewhere/first.txt")
    yield
    link.unlink()
    link.symlink_to("first.txt")


@contextmanager
def with_a_fifo(folder: Path) -> Iterator[None]:
    file = folder / "config.json"
    file.rename(folder / "moved.json")
    os.mkfifo(file)
    yield
    file.unlink()
    (folder / "moved.json").rename(file)


CHANGES = {
    "the model's file": edited("net.py", "classes: int = 3", "classes: int = 4"),
    "a module next to it": edited("helper.py", "1", "9"),
    "a module of a package": edited("pkg/sub.py", "2", "3"),
    "a configuration that it reads": edited("config.json", "10", "20"),
    "a configuration that is gone": moved("config.json", "gone.json"),
    "a module that is gone": moved("helper.py", "gone.txt"),
    "a file that was not there": made("optional.txt", "5"),
    "a folder that it lists": made("layers/two.txt"),
    "a link to the same content elsewhere": linked_elsewhere,
    "a pipe in the place of a file": with_a_fifo,
    "a module that would hide one": made("torch.py"),
    "a package that would hide a module": made("helper/__init__.py"),
    "a package of a folder that was none": made("empty/__init__.py"),
    "a compiled module that would hide one": made("helper.so"),
    "a package that would hide a module of a package": made("pkg/sub/__init__.py"),
    "a file in the place of a folder": moved_over("extra.txt", "folder"),
    "a folder that it would have gone to": made("inside/readme.txt"),
    "a module that took its own place": edited("replaced.py", "MORE = 0", "MORE = 9"),
    "a module that is registered nowhere": edited("alone.py", "0", "9"),
    "an installed package edited in place": edited("site-packages/mylib/__init__.py", "0", "7"),
    "an installed package of another version": moved(
        "site-packages/mylib-1.0.dist-info", "site-packages/mylib-2.0.dist-info"
    ),
    "the version in its metadata": edited("site-packages/mylib-1.0.dist-info/METADATA", "1.0", "1.1"),
    "a package that is installed": made("site-packages/new-1.0.dist-info/METADATA"),
    "a path file": made("site-packages/new.pth"),
    "a file that an installed package reads": edited("site-packages/mylib/data.json", "0", "7"),
    "a file in a folder that an installed package lists": made("site-packages/mylib/plugins/two.txt"),
    "an archive of installed modules": grown("site-packages/packed.egg"),
}

UNDONE_BY_CONTENT = {
    name
    for name in CHANGES
    if "installed" not in name and "version" not in name and name != "a path file"
}
"""Changes that are undone: only the content matters, not the times."""


@pytest.fixture
def ask_again(ask: Asker) -> Asker:
    """The same project, after changes to installed packages."""
    if not ask.is_answered(*WORDS):
        assert "the trace was cached\n" in ask(*WORDS, "-v").err
    return ask


@pytest.mark.parametrize("name", CHANGES)
def test_change_invalidates_cached_trace(ask_again: Asker, name: str) -> None:
    with CHANGES[name](ask_again.folder):  # type: ignore[attr-defined]
        assert not ask_again.is_answered(*WORDS)
    if name in UNDONE_BY_CONTENT:
        assert ask_again.is_answered(*WORDS)


def test_cache_key_covers_argument_order(tmp_path: Path) -> None:
    """A function with `**kwargs` may build its layers in their order."""
    write(tmp_path, {"net.py": ORDERED})
    ask = Asker(tmp_path, tmp_path / "home")
    assert ask("params", "net.py:make", "--arg", "a=2", "--arg", "b=5").code == 0
    assert ask.is_answered("params", "net.py:make", "--arg", "a=2", "--arg", "b=5")
    assert not ask.is_answered("params", "net.py:make", "--arg", "b=5", "--arg", "a=2")


def test_input_file_is_a_dependency_after_chdir(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    write(tmp_path, {"net.py": f"import os\n\nos.chdir('/')\n{ORDERED}"})
    ask = Asker(tmp_path, tmp_path / "home")
    words = ("summary", "net.py:make", "--arg", "a=8", "--input-file", "x.safetensors")
    save_file({"x": torch.zeros(4, 8)}, tmp_path / "x.safetensors")
    first = ask(*words)
    assert first.code == 0, first.err
    assert ask.is_answered(*words)
    save_file({"x": torch.zeros(5, 8)}, tmp_path / "x.safetensors")
    assert not ask.is_answered(*words)


@pytest.mark.parametrize(
    "variables",
    [
        {"OWN_WIDTH": "4"},
        {"TIMM_FUSED_ATTN": "0"},
        {"PYTHONHASHSEED": "1"},
        {"CUDA_VISIBLE_DEVICES": ""},
        {"LANG": "C"},
        {"NETINSPECT_SEED": "5"},
        {"NETINSPECT_INPUT": "4x8"},
        {"NETINSPECT_TENSORS": "meta"},
        {"PYTHONPATH": ""},
        {"PYTHONWARNINGS": "error"},
    ],
    ids=str,
)
def test_cache_key_covers_environment(ask_again: Asker, variables: dict[str, str]) -> None:
    assert not ask_again.is_answered(*WORDS, env=variables)


def test_cache_key_ignores_terminal(ask_again: Asker) -> None:
    env = {"TERM": "dumb", "COLUMNS": "40", "NO_COLOR": "1", "NETINSPECT_WIDTH": "60", "SHLVL": "7"}
    assert ask_again.is_answered(*WORDS, env=env)


@pytest.mark.parametrize(
    "further",
    [
        ["--arg", "classes=4"],
        ["--input", "3x8"],
        ["--batch", "3"],
        ["--seed", "1"],
        ["--train"],
        ["--tensors", "meta"],
        ["--no-cache"],
    ],
    ids=" ".join,
)
def test_cache_key_covers_options(ask_again: Asker, further: list[str]) -> None:
    assert not ask_again.is_answered(*WORDS, *further)


def test_cache_key_covers_settings(ask_again: Asker) -> None:
    for text in ("seed = 3\n", 'input = "3x8"\n', "batch = 5\n"):
        with made("netinspect.toml", text)(ask_again.folder):  # type: ignore[attr-defined]
            assert not ask_again.is_answered(*WORDS)
    with made("netinspect.toml", 'color = "never"\n')(ask_again.folder):  # type: ignore[attr-defined]
        assert ask_again.is_answered(*WORDS)


def test_cache_key_covers_python_flags(ask_again: Asker) -> None:
    assert not ask_again.is_answered(*WORDS, flags=["-O"])
    assert not ask_again.is_answered(*WORDS, flags=["-W", "error"])
    assert not ask_again.is_answered(*WORDS, flags=["-X", "dev"])


def test_cache_key_covers_current_folder(ask_again: Asker) -> None:
    assert not ask_again.is_answered(*WORDS, cwd=ask_again.folder / "other")
    assert not ask_again.is_answered("summary", str(ask_again.folder / "net.py:Net"), cwd=Path("/"))


def test_touched_file_keeps_cached_trace(ask_again: Asker) -> None:
    files = [ask_again.folder / name for name in ("net.py", "config.json")]
    before = [file.stat() for file in files]
    for seconds in (0, 2_000_000_000, 4_000_000_000):
        for file in files:
            os.utime(file, (seconds, seconds))
        assert ask_again.is_answered(*WORDS)
    # With a file time in the future nothing is cached, and the next test may need an entry.
    for file, status in zip(files, before, strict=True):
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_unrelated_file_keeps_cached_trace(ask_again: Asker) -> None:
    for name in ("out.txt", "report.md", "saved.json", "with-dash/x.txt", "outputs/x.txt"):
        with made(name)(ask_again.folder):  # type: ignore[attr-defined]
            assert ask_again.is_answered(*WORDS)


def test_changed_target_gives_new_trace(tmp_path: Path) -> None:
    """The change keeps size and time: bytecode is not trusted."""
    ask = make_project(tmp_path)
    show = ("params", "net.py:Net", "--format", "plain", "--columns", "name,shape")
    first = ask(*show)
    assert "last.weight\t3,13" in first.out.replace("(", "").replace(")", "").replace(", ", ",")
    with (
        replaced(ask.folder / "config.json", '{"width": 20}\n'),
        edited("net.py", "classes: int = 3", "classes: int = 4")(ask.folder),  # type: ignore[attr-defined]
    ):
        second = ask(*show)
        assert "last.weight\t4,23" in second.out.replace("(", "").replace(")", "").replace(", ", ",")
    assert "4" in second.out


def test_input_files_are_dependencies(tmp_path: Path) -> None:
    """Compiled code reads some of them without audit events."""
    import torch
    from safetensors.torch import save_file

    ask = Asker(tmp_path, tmp_path / "home")
    file = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(4, 1, 28, 28)}, file)
    words = ("summary", "mlp", "--input-file", "x.safetensors")
    first = ask(*words)
    assert first.code == 0, first.err
    assert ask.is_answered(*words)
    save_file({"x": torch.ones(4, 1, 28, 28)}, file)
    assert not ask.is_answered(*words)


def test_user_package_is_a_dependency(tmp_path: Path) -> None:
    """The package is found in the current folder, and makes its inputs too."""
    net = (
        "from torch import nn\n\nfrom own.widths import WIDTH\n\n\ndef make():\n"
        "    return nn.Linear(8, WIDTH)\n"
    )
    files = {
        "own/__init__.py": "",
        "own/widths.py": "WIDTH = 3\n",
        "own/net.py": net,
        "data.py": "import torch\n\n\ndef inputs():\n    return torch.zeros(2, 8)\n",
    }
    write(tmp_path, files)
    ask = Asker(tmp_path, tmp_path / "home")
    words = ("summary", "own.net:make", "--inputs-from", "data.py:inputs")
    first = ask(*words)
    assert first.code == 0, first.err
    for name in files:
        assert ask.is_answered(*words)
        write(tmp_path, {name: files[name] + "# changed\n"})
        assert not ask.is_answered(*words), name
        write(tmp_path, files)


def test_own_code_is_a_dependency_in_a_checkout(tmp_path: Path) -> None:
    """In a checkout, files of netinspect are checked like user files."""
    root = Path(__file__).parents[2]
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "src", tmp_path / "src", ignore=ignore)
    shutil.copytree(root / "models", tmp_path / "models", ignore=ignore)
    (tmp_path / "work").mkdir()
    ask = Asker(tmp_path / "work", tmp_path / "home", {"PYTHONPATH": str(tmp_path / "src")})
    assert ask("summary", "mlp").code == 0
    for name in (
        "models/mlp.py",
        "src/netinspect/tracing/model/static_walk.py",
        "src/netinspect/version.py",
    ):
        assert ask.is_answered("tree", "mlp")
        file = tmp_path / name
        before = file.read_text(encoding="utf-8")
        file.write_text(before + "# changed\n", encoding="utf-8")
        assert not ask.is_answered("tree", "mlp"), name
        file.write_text(before, encoding="utf-8")


def test_cache_key_covers_python_executable(ask_again: Asker, tmp_path: Path) -> None:
    """A link with another name acts as another Python with the same packages."""
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    import subprocess

    from tests.trace_cache.queries import DRIVER

    completed = subprocess.run(
        [str(other), "-c", DRIVER, "blocked", *WORDS],
        cwd=ask_again.folder,
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(ask_again.home),
            "NETINSPECT_CACHE": "1",
            "PYTHONPATH": os.pathsep.join(
                [str(ask_again.folder / "site-packages"), *filter(None, sys.path)]
            ),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert completed.returncode != 0
    assert "torch is asked for" in completed.stderr
