"""Tests of the long description: the README with links that work elsewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hatch_build import absolute_links
from readme_renderer import markdown

from netinspect.version import __version__

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def home() -> str:
    url: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Homepage"]
    return url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md#b)", "[a](https://x/blob/v1/docs/a.md#b)"),
        ("[a](#b)", "[a](https://x/blob/v1/README.md#b)"),
        ("![a](docs/p.svg)", "![a](https://x/raw/v1/docs/p.svg)"),
        ('<img src="docs/p.svg">', '<img src="https://x/raw/v1/docs/p.svg">'),
        (
            "[![a](docs/p.svg)](docs/a.md)",
            "[![a](https://x/raw/v1/docs/p.svg)](https://x/blob/v1/docs/a.md)",
        ),
        ("[a](https://y/z) [b](mailto:c)", "[a](https://y/z) [b](mailto:c)"),
        ("`[a](b)` [c](d)", "`[a](b)` [c](https://x/blob/v1/d)"),
        ("```python\nlayers[0](x)\n```\n", "```python\nlayers[0](x)\n```\n"),
    ],
)
def test_absolute_links(text: str, expected: str) -> None:
    assert absolute_links(text, "https://x", "1") == expected


def test_rendered_links_are_absolute_and_exist() -> None:
    html = markdown.render(absolute_links(README, home(), __version__))
    assert html is not None
    # The renderer adds links from headings to themselves.
    targets = re.findall(r'(?:href|src)="(?!#user-content-)([^"]+)"', html)
    assert [each for each in targets if not each.startswith("https://")] == []
    ours = [each.removeprefix(home()) for each in targets if each.startswith(home())]
    assert len(ours) > 10
    for each in ours:
        view, tag, path = each.removeprefix("/").split("/", 2)
        assert (view, tag) == ("raw" if path.endswith((".svg", ".png")) else "blob", f"v{__version__}")
        assert (ROOT / path.partition("#")[0]).exists(), path
    pictures = re.findall(r"\]\(docs/(pictures/[^)]+)\)", README)
    assert len(pictures) > 3
    assert set(pictures) <= {each.rpartition("docs/")[2] for each in ours}


def test_home_is_only_in_pyproject() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    pages += [ROOT / "CITATION.cff", ROOT / "mkdocs.yml", *(ROOT / ".github").rglob("*.*")]
    assert [page for page in pages if page.exists() and home() in page.read_text(encoding="utf-8")] == []
