"""Tests of the hook that lists the pages of folders in the navigation of the site."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HOOK = Path(__file__).parents[2] / "docs" / "hooks" / "navigation.py"


def expand(nav: list[Any], pages: list[str]) -> list[Any]:
    spec = importlib.util.spec_from_file_location("navigation_hook", HOOK)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    files = SimpleNamespace(
        documentation_pages=lambda: [SimpleNamespace(src_uri=page) for page in pages]
    )
    config = SimpleNamespace(nav=nav)
    hook.on_files(files, config)
    expanded: list[Any] = config.nav
    return expanded


def test_pattern_lists_pages_of_its_folder() -> None:
    nav = ["index.md", {"Guides": ["guides/b.md", "guides/*"]}, {"Records": ["adr/*"]}]
    pages = ["index.md", "adr/0001.md", "adr/index.md", "guides/a.md", "guides/b.md", "guides/in/c.md"]
    assert expand(nav, pages) == [
        "index.md",
        {"Guides": ["guides/b.md", "guides/a.md"]},
        {"Records": ["adr/index.md", "adr/0001.md"]},
    ]


def test_titled_page_is_not_listed_again() -> None:
    nav = [{"A": [{"Short": "a/long.md"}, "a/*"]}]
    assert expand(nav, ["a/long.md", "a/other.md"]) == [{"A": [{"Short": "a/long.md"}, "a/other.md"]}]


def test_folder_without_pages_is_omitted() -> None:
    assert expand(["index.md", {"Empty": ["empty/*"]}], ["index.md"]) == ["index.md"]
