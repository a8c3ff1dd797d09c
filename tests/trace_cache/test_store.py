"""Tests of the cache folder: damaged and foreign entries, permissions, concurrent writers."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.trace_cache import store as stores
from netinspect.trace_cache.store import Store, find_store
from tests.support import PATIENCE, Outcome
from tests.trace_cache.queries import Asker

pytestmark = pytest.mark.slow

Cli = Callable[..., Outcome]
WORDS = ("tree", "mlp")


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A sample with one cached trace."""
    folder = tmp_path_factory.mktemp("store")
    ask = Asker(folder, folder / "home")
    assert ask(*WORDS).code == 0
    assert len(ask.entries) == 1
    return ask


class Bomb:
    """Object that creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.system, ("touch exploded",)


def sealed(file: Path, body: bytes) -> bytes:
    """Return an entry with a correct digest, as a forger would make it."""
    digest = hashlib.sha256(file.stem.encode() + body).hexdigest().encode()
    return b"netinspect-cached-trace 2 " + digest + b"\n" + body


def lines_of(file: Path) -> list[bytes]:
    return file.read_bytes().split(b"\n")


def with_dependencies(file: Path, **changes: object) -> bytes:
    _, head, trace = lines_of(file)[:3]
    recorded = json.loads(head)
    recorded["dependencies"] |= changes
    return sealed(file, b"\n".join([json.dumps(recorded).encode(), trace]))


DAMAGED: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda file: b"",
    "cut": lambda file: file.read_bytes()[:-100],
    "one bit": lambda file: file.read_bytes().replace(b'"share', b'"shaze').replace(b"1", b"0", 1),
    "longer": lambda file: file.read_bytes() + b"\n",
    "binary": lambda file: bytes(range(256)) * 50,
    "foreign": lambda file: b'{"schema": "something-else"}\n',
    "a pickle": lambda file: pickle.dumps(Bomb()),
    "a sealed pickle": lambda file: sealed(file, pickle.dumps(Bomb())),
    "of another trace": lambda file: sealed(Path("0" * 64), b"\n".join(lines_of(file)[1:])),
    "only a key": lambda file: sealed(file, file.stem.encode()),
    "deep": lambda file: sealed(file, b"[" * 100_000 + b"\n" + b"[" * 100_000 + b"\n{}"),
    "deep dependencies": lambda file: with_dependencies(file, files=json.loads("[" * 400 + "]" * 400)),
    "dependencies of other types": lambda file: with_dependencies(file, files=[5]),
    "no dependencies": lambda file: sealed(file, b"{}\n{}"),
    "a path with a zero": lambda file: with_dependencies(file, files=["/tmp/\0"]),
    "a huge number": lambda file: sealed(file, b"\n".join([b"9" * 100_000] * 2)),
    "an unreadable trace": lambda file: sealed(file, b"\n".join([lines_of(file)[1], b"{}"])),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_or_foreign_entry_is_ignored(ask: Asker, name: str) -> None:
    (file,) = ask.entries
    before = file.read_bytes()
    try:
        file.write_bytes(DAMAGED[name](file))
        assert not ask.is_answered(*WORDS)
        assert not (ask.folder / "exploded").exists()
    finally:
        file.write_bytes(before)
    assert ask.is_answered(*WORDS)


def replace_by_link(file: Path, original: Path) -> None:
    file.symlink_to(original)


def replace_by_pipe(file: Path, original: Path) -> None:
    os.mkfifo(file)


def replace_by_folder(file: Path, original: Path) -> None:
    file.mkdir()


def replace_by_huge_file(file: Path, original: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(2**40)


def replace_by_shared_file(file: Path, original: Path) -> None:
    file.write_bytes(original.read_bytes())
    file.chmod(0o666)


@pytest.mark.parametrize(
    "replace",
    [
        replace_by_link,
        replace_by_pipe,
        replace_by_folder,
        replace_by_huge_file,
        replace_by_shared_file,
    ],
)
def test_foreign_file_in_cache_is_ignored(ask: Asker, replace: Callable[[Path, Path], None]) -> None:
    (file,) = ask.entries
    original = ask.folder / "original"
    file.rename(original)
    try:
        replace(file, original)
        assert not ask.is_answered(*WORDS)
    finally:
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
        original.rename(file)
    assert ask.is_answered(*WORDS)


def test_folder_writable_by_others_is_not_trusted(ask: Asker) -> None:
    folder = ask.home / "netinspect"
    folder.chmod(0o777)
    assert not ask.is_answered(*WORDS)
    folder.chmod(0o700)
    assert ask.is_answered(*WORDS)


def test_store_is_rebuilt_after_damage(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")
    first = ask(*WORDS)
    (file,) = ask.entries
    file.write_bytes(b"nonsense")
    again = ask(*WORDS)
    assert (again.code, again.out, again.err) == (0, first.out, first.err)
    assert ask.is_answered(*WORDS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path for path in file.parent.iterdir() if path != file] == []


def test_no_cache_without_home(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    ask = Asker(tmp_path, blocked)
    outcome = ask(*WORDS, "-v")
    assert outcome.code == 0
    assert "the trace was not cached" in outcome.err
    assert ask("cache", "info", "--format", "json").code == 0
    assert ask("cache", "clear").code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link that is another's")
def test_symlink_by_another_user_is_not_followed(tmp_path: Path) -> None:
    """In a folder where anyone may write, a link could lead to any folder of the user."""
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    link = tmp_path / "netinspect"
    link.symlink_to(own)
    store = Store(link)
    assert store.write("a" * 64, "one")
    os.lchown(link, 65534, -1)
    assert store.read("a" * 64) is None
    assert not store.write("b" * 64, "two")
    assert len(list(own.iterdir())) == 1


def test_find_store_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    homes = {
        "": tmp_path / ".cache",
        "relative": tmp_path / ".cache",
        "/else/where": Path("/else/where"),
    }
    for given, expected in homes.items():
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        found = find_store()
        assert found is not None
        assert found.folder == expected / "netinspect"


def test_empty_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty path would mean the root of the file system."""
    monkeypatch.setenv("HOME", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert find_store() is None


def test_cache_info_and_clear(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = Store(tmp_path / "netinspect")
    assert store.write("a" * 64, "one")
    assert store.write("b" * 64, "two\nlines")
    (store.folder / f"{'c' * 64}.look").write_bytes(b"of an earlier version")
    foreign = store.folder / "notes.txt"
    foreign.write_text("mine", encoding="utf-8")
    shown = json.loads(cli("cache", "info", "--format", "json").out)
    size = sum(file.stat().st_size for file in store.folder.glob("?" * 64 + ".*"))
    assert shown["schema"] == "netinspect-cache"
    assert (shown["entries"], shown["bytes"], shown["removed"]) == (3, size, None)
    assert shown["folder"] == str(store.folder)
    assert json.loads(cli("cache", "clear", "--format", "json").out)["removed"] == 3
    assert json.loads(cli("cache", "--format", "json").out)["entries"] == 0
    assert [path.name for path in store.folder.iterdir()] == ["notes.txt"]
    assert cli("cache", "claer").code == 2


def test_oldest_entries_are_removed_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stores, "LIMIT", 3500)
    store = Store(tmp_path / "netinspect")
    keys = [f"{number:064x}" for number in range(6)]
    for number, key in enumerate(keys):
        assert store.write(key, "x" * 900)
        os.utime(store.folder / f"{key}.trace", (1000 + number, 1000 + number))
    assert [key for key in keys if store.read(key) is not None] == keys[3:]
    assert store.size()[1] <= 3500
    monkeypatch.setattr(stores, "LARGEST_ENTRY", 500)
    assert not store.write(keys[0], "x" * 900)


def test_store_compresses_large_entries(tmp_path: Path) -> None:
    store, key, text = Store(tmp_path / "netinspect"), f"{0:064x}", "a step\n" * 10_000_000
    assert len(text) > stores.LARGEST_ENTRY
    assert store.write(key, text)
    assert store.size()[1] < 1_000_000
    entry = store.read(key)
    assert entry is not None
    assert entry.text == text


WRITER = """
import sys
from pathlib import Path
from netinspect.trace_cache.store import Store

store = Store(Path(sys.argv[1]))
who = int(sys.argv[2])
seen = 0
for number in range(150):
    key = f"{number % 5:064x}"
    store.write(key, "\\n".join([f"{who} {number}" * 500] * 3))
    entry = store.read(key)
    if entry is not None:
        lines = entry.text.split("\\n")
        assert len(lines) == 3 and len(set(lines)) == 1, lines
        writer, _ = lines[0][: len(lines[0]) // 500].split()
        assert 0 <= int(writer) < 4
        seen += 1
    if number % 50 == 49 and who == 0:
        store.clear()
print(seen)
"""


def test_concurrent_writes(tmp_path: Path) -> None:
    folder = tmp_path / "netinspect"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(who)], stdout=subprocess.PIPE, text=True
        )
        for who in range(4)
    ]
    seen = [int(writer.communicate(timeout=PATIENCE)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert all(count > 100 for count in seen)
    assert not list(folder.glob(".*.part"))


def test_concurrent_reads(tmp_path: Path) -> None:
    ask = Asker(tmp_path, tmp_path / "home")
    started = [ask.start("summary", name) for name in ("mlp", "mlp", "lenet")]
    shown = [process.communicate(timeout=PATIENCE) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert shown[0] == shown[1]
    for name, (out, err) in zip(("mlp", "lenet"), shown[1:], strict=True):
        original = ask("summary", name, blocked=True)
        assert (original.out, original.err) == (out, err)


def test_partial_file_of_a_killed_process_is_removed_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = Store(tmp_path / "netinspect")
    keys = [f"{number:064x}" for number in range(2)]
    assert store.write(keys[0], "x" * 900)
    alone = store.size()[1]
    part = store.folder / f".{keys[1]}.abc.part"
    part.write_bytes(b"y" * 500)
    os.utime(part, (1000, 1000))
    assert store.size() == (1, alone + 500)
    monkeypatch.setattr(stores, "LIMIT", 2 * alone)
    assert store.write(keys[1], "x" * 900)
    assert not part.exists()
    assert store.size() == (2, 2 * alone)
    part.write_bytes(b"y" * 500)
    assert store.clear() == 3
    assert list(store.folder.iterdir()) == []
