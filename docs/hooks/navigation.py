"""Hook of MkDocs: the navigation of whole folders, and the address of the site."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the address of the site from the metadata of the project."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    config.site_url = project["urls"]["Homepage"]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace each pattern in the navigation by the pages of its folder that are not listed."""
    pages = sorted((file.src_uri for file in files.documentation_pages()), key=_index_first)
    nav: list[Any] = config.nav  # type: ignore[assignment]
    listed = {*_listed(nav)}
    config.nav = _expand(nav, [page for page in pages if page not in listed])
    return files


def _index_first(page: str) -> tuple[str, bool, str]:
    path = PurePosixPath(page)
    return str(path.parent), path.name != "index.md", path.name


def _listed(items: Any) -> list[str]:
    if isinstance(items, str):
        return [items]
    if isinstance(items, dict):
        items = items.values()
    return [page for item in items for page in _listed(item)]


def _expand(items: list[Any], pages: list[str]) -> list[Any]:
    expanded: list[Any] = []
    for item in items:
        if isinstance(item, str):
            expanded += [page for page in pages if _matches(page, item)] if "*" in item else [item]
            continue
        ((title, value),) = item.items()
        content = _expand(value, pages) if isinstance(value, list) else value
        if content:
            expanded.append({title: content})
    return expanded


def _matches(page: str, pattern: str) -> bool:
    """Return whether a page is in the folder itself: `*` does not match a slash."""
    return PurePosixPath(page).parent == PurePosixPath(pattern).parent and fnmatch(page, pattern)
