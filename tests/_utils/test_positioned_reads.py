"""Tests of reads at a position, with the functions of each system."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from netinspect._utils.positioned_reads import open_flags, read_at, read_into_at


@pytest.mark.parametrize(
    "missing", [(), ("preadv",), ("pread", "preadv")], ids=["linux", "macos", "windows"]
)
def test_reads_from_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    for name in missing:
        monkeypatch.delattr(os, name)
    content = os.urandom(1 << 16)
    (tmp_path / "file").write_bytes(content)
    descriptor = os.open(tmp_path / "file", open_flags())

    def matches(position: int) -> bool:
        buffer = bytearray(100)
        filled = read_into_at(descriptor, memoryview(buffer), position)
        expected = content[position : position + 100]
        return bytes(buffer[:filled]) == expected == read_at(descriptor, 100, position)

    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(matches, [*range(0, 1 << 16, 97), 1 << 16]))
    finally:
        os.close(descriptor)


def test_open_flags_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    assert open_flags() == os.O_RDONLY | 0x8000
