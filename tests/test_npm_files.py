"""Tests of files from npm: fetched once, compared with their pinned hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import npm_files, support
from tests.npm_files import FILES, npm_file


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(npm_files, "FOLDER", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.slow
def test_npm_file_is_downloaded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = npm_file.__wrapped__("axe-core")
    assert text.startswith("/*! axe v" + FILES["axe-core"].version)
    assert [each.name for each in folder.iterdir()] == ["axe-core-4.14.1-axe.min.js"]
    monkeypatch.setenv("PATH", "")
    assert npm_file.__wrapped__("axe-core") == text


def test_npm_file_with_other_hash_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "axe-core-4.14.1-axe.min.js").write_text("axe = 1", encoding="utf-8")
    with pytest.raises(ValueError, match="expected SHA-256 2934"):
        npm_file.__wrapped__("axe-core")


@pytest.mark.parametrize(("is_ci", "outcome"), [(False, "Skipped"), (True, "Failed")])
def test_missing_npm_is_a_failure_only_under_ci(
    monkeypatch: pytest.MonkeyPatch, is_ci: bool, outcome: str
) -> None:
    monkeypatch.setattr(support, "IS_CI", is_ci)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BaseException, match="npm") as caught:
        npm_file.__wrapped__("axe-core")
    assert type(caught.value).__name__ == outcome


@pytest.mark.slow
def test_unreachable_registry_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(support, "IS_CI", True)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "1")
    with pytest.raises(BaseException, match=r"axe-core@4\.14\.1 from npm [\s\S]*ECONNREFUSED"):
        npm_file.__wrapped__("axe-core")
