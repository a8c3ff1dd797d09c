"""Tests of byte sources: opened and rejected paths, and files that change while they are read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save
from torch import zeros

from netinspect.checkpoints.folders.file_sets import open_file
from netinspect.checkpoints.hub.remote import DownloadBudget, RemoteSource
from netinspect.checkpoints.io.source import LocalSource
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError, LoadError
from tests.support import PATIENCE, calls_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"w": zeros(4)}))
    return path


class TestRefused:
    def test_local_source_does_not_open_fifo(self, tmp_path: Path) -> None:
        path = tmp_path / "fifo"
        os.mkfifo(path)
        opened = threading.Event()

        def write() -> None:
            # It gets on only when somebody opens the other end.
            with open(path, "wb", buffering=0) as there:
                opened.set()
                there.write(b"x")

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        with pytest.raises(LoadError, match="is not a regular file"):
            read_checkpoint(str(path))
        assert not opened.wait(0.1)
        with open(path, "rb") as there:
            assert there.read() == b"x"
        writer.join()

    @pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/dev/stdin"])
    def test_local_source_refuses_devices(self, path: str) -> None:
        with pytest.raises(LoadError):
            read_checkpoint(path)

    def test_local_source_refuses_shell_pipe(self) -> None:
        reader, writer = os.pipe()
        try:
            with pytest.raises(LoadError, match="is not a regular file"):
                read_checkpoint(f"/dev/fd/{reader}")
        finally:
            os.close(reader)
            os.close(writer)

    def test_local_source_refuses_socket(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)  # their names must be short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket")
            with pytest.raises(LoadError, match="is not a regular file"):
                read_checkpoint("socket")

    def test_local_source_refuses_folder(self, tmp_path: Path) -> None:
        with pytest.raises(LoadError, match="is not a regular file"):
            LocalSource(str(tmp_path))

    @pytest.mark.parametrize(
        ("name", "cause"),
        [
            ("missing", "No such file or directory"),
            ("missing/m.safetensors", "No such file or directory"),
            ("x" * 300, "File name too long"),
            ("a\0b", "embedded null byte"),
            ("\ud800", "surrogates not allowed"),
            ("", "No such file or directory"),
        ],
    )
    def test_local_source_reports_missing_file(self, name: str, cause: str) -> None:
        with pytest.raises(LoadError, match="cannot read") as caught:
            read_checkpoint(name)
        assert cause in (caught.value.cause or "")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_local_source_reports_unreadable_file(self, file: Path) -> None:
        file.chmod(0)
        with pytest.raises(LoadError, match="cannot read") as caught:
            read_checkpoint(str(file))
        assert caught.value.cause == "Permission denied"

    def test_local_source_reports_dangling_link(self, tmp_path: Path) -> None:
        (tmp_path / "dangling").symlink_to("gone")
        (tmp_path / "loop").symlink_to("loop")
        for name, cause in (("dangling", "No such file"), ("loop", "Too many levels")):
            with pytest.raises(LoadError) as caught:
                read_checkpoint(str(tmp_path / name))
            assert cause in (caught.value.cause or "")


class TestRead:
    def test_local_source_follows_links(self, file: Path) -> None:
        link = file.with_name("link")
        link.symlink_to(file.name)
        assert len(read_checkpoint(str(link)).tensors) == 1

    def test_read_checkpoint_refuses_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(str(tmp_path / "empty"))
        assert caught.value.cause == "it is empty"

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no proc file system")
    @pytest.mark.parametrize("name", ["status", "maps", "mem", "environ", "cmdline"])
    def test_read_checkpoint_refuses_proc_files(self, name: str) -> None:
        with pytest.raises(CheckpointError, match="is not a checkpoint"):
            read_checkpoint(f"/proc/self/{name}")

    def test_read_checkpoint_bounds_work_on_sparse_file(self, tmp_path: Path) -> None:
        path = tmp_path / "sparse"
        with path.open("wb") as made:
            made.truncate(1 << 43)

        def read() -> None:
            with pytest.raises(CheckpointError, match="is not a checkpoint"):
                read_checkpoint(str(path))

        # To go through it in pieces of a megabyte would take millions.
        calls = calls_of(read)
        assert calls < 20_000

    def test_local_source_reads_any_range(self, tmp_path: Path) -> None:
        data = bytes(range(256)) * 10
        path = tmp_path / "data"
        path.write_bytes(data)
        with LocalSource(str(path)) as source:
            for position, length in ((0, 0), (0, 2560), (1, 5), (2559, 1), (2560, 0)):
                assert source.read(position, length) == data[position : position + length]

    @pytest.mark.parametrize(
        ("position", "length", "cause"),
        [
            (0, 17, "expected 17 bytes at offset 0, but the file has only 16"),
            (16, 1, "expected 1 byte at offset 16, but the file has only 16"),
            (99, 5, "expected 5 bytes at offset 99, but the file has only 16"),
            (0, 1 << 62, "the file has only 16"),
            (1 << 70, 1, "the file has only 16"),
        ],
    )
    def test_local_source_refuses_range_out_of_bounds(
        self, tmp_path: Path, position: int, length: int, cause: str
    ) -> None:
        path = tmp_path / "data"
        path.write_bytes(bytes(16))
        with LocalSource(str(path)) as source, pytest.raises(CheckpointError) as caught:
            source.read(position, length)
        assert cause in (caught.value.cause or "")

    def test_read_checkpoint_closes_file(self, file: Path) -> None:
        before = len(os.listdir("/proc/self/fd"))
        read_checkpoint(str(file))
        with pytest.raises(CheckpointError):
            read_checkpoint(__file__)
        assert len(os.listdir("/proc/self/fd")) == before


class TestChanges:
    """Files that change while they are read."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: os.truncate(path, 9),
            lambda path: os.truncate(path, 1 << 20),
            lambda path: path.write_bytes(b"x" * 1000),
            lambda path: os.utime(path, ns=(1, 1)),
        ],
        ids=["cut", "grown", "rewritten", "touched"],
    )
    def test_open_file_reports_change(self, file: Path, change: Callable[[Path], None]) -> None:
        opened = open_file(str(file), "m")
        opened.__enter__()
        change(file)
        with pytest.raises(LoadError, match="changed while it was read"):
            opened.__exit__(None, None, None)

    def test_open_file_reports_change_instead_of_damage(self, file: Path) -> None:
        def read_while_it_is_cut() -> None:
            with open_file(str(file), "m") as source:
                os.truncate(file, 20)
                source.read(0, source.size)

        with pytest.raises(LoadError) as caught:
            read_while_it_is_cut()
        assert caught.value.message == "m changed while it was read"
        assert not isinstance(caught.value, CheckpointError)

    def test_open_file_reads_replaced_file_unchanged(self, file: Path) -> None:
        whole = file.read_bytes()
        with open_file(str(file), "m") as source:
            file.unlink()
            file.write_bytes(b"another")
            assert source.read(0, source.size) == whole


class TestNames:
    @pytest.mark.parametrize(
        "name", ["a\nerror: b", "a\x1b[31mred", "a\x9b31m", "a\u202eb", "[bold]", "a\rb"]
    )
    @pytest.mark.parametrize("exists", [True, False])
    def test_error_escapes_file_name_for_terminal(self, tmp_path: Path, name: str, exists: bool) -> None:
        if exists:
            (tmp_path / name).write_bytes(b"nothing of note")
        done = subprocess.run(
            [sys.executable, "-m", "netinspect", "params", name, "--color", "always"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "TERM": "xterm"},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stdout) == (3, b"")
        stderr = done.stderr.decode()
        assert all(mark not in stderr for mark in ("\x1b[31mred", "\x9b", "\u202e", "\r"))
        assert not any(line.startswith("error: b") for line in stderr.splitlines())


class TestRemote:
    """Number and positions of fetched blocks."""

    def make(self, size: int) -> tuple[RemoteSource, list[tuple[int, int]], bytes]:
        data = (bytes(range(251)) * (size // 251 + 1))[:size]
        fetched: list[tuple[int, int]] = []

        def fetch(begin: int, end: int) -> bytes:
            assert 0 <= begin < end <= size
            fetched.append((begin, end))
            return data[begin:end]

        return RemoteSource("far", "https://far", size, fetch), fetched, data

    def test_remote_source_start_takes_one_request(self) -> None:
        source, fetched, data = self.make(10_000_000)
        assert source.read(0, 512) == data[:512]
        assert source.read(0, 8) == data[:8]
        assert source.read(8, 100_000) == data[8:100_008]
        assert fetched == [(0, 1 << 17)]

    def test_remote_source_fetches_small_file_whole(self) -> None:
        source, fetched, data = self.make(1000)
        assert source.read(990, 10) == data[990:]
        assert source.read(0, 1000) == data
        assert fetched == [(0, 1000)]

    def test_remote_source_fetches_more_for_sequential_reads(self) -> None:
        source, fetched, data = self.make(8_000_000)
        read = b"".join(source.read(at, 1000) for at in range(0, 8_000_000, 1000))
        assert read == data
        assert len(fetched) < 10
        assert sum(end - begin for begin, end in fetched) == len(data)

    def test_remote_source_fetches_little_for_random_reads(self) -> None:
        source, fetched, _ = self.make(8_000_000)
        for at in range(7_900_000, 0, -1_000_000):
            source.read(at, 10)
        assert all(end - begin <= 1 << 17 for begin, end in fetched)

    def test_remote_source_does_not_cache_large_reads(self) -> None:
        source, fetched, data = self.make(6_000_000)
        assert source.read(3, 5_000_000) == data[3:5_000_003]
        assert fetched == [(3, 5_000_003)]

    def test_remote_source_bounds_its_cache(self) -> None:
        source, _, data = self.make(20_000_000)
        for at in range(0, 20_000_000, 100_000):
            assert source.read(at, 10) == data[at : at + 10]
        assert len(source._blocks) <= 128

    @pytest.mark.parametrize(("position", "length"), [(0, 1001), (1000, 1), (5000, 1), (999, 2)])
    def test_remote_source_refuses_range_out_of_bounds(self, position: int, length: int) -> None:
        source, fetched, _ = self.make(1000)
        with pytest.raises(CheckpointError, match="far ends too early"):
            source.read(position, length)
        assert fetched == []

    def test_download_budget_is_thread_safe(self) -> None:
        allowance = DownloadBudget("it", 1000)
        taken: list[int] = []

        def take() -> None:
            for _ in range(100):
                try:
                    allowance.take(7)
                except LoadError:
                    return
                taken.append(7)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(taken) == allowance.taken == 994
