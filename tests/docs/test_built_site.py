"""Tests of the reader of built pages, on pages with known faults."""

from __future__ import annotations

from pathlib import Path

from tests.docs.built_site import Site


def write_site(folder: Path, **pages: str) -> Site:
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return Site.read(folder)


def test_broken_links(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "index.html").write_text('<h2 id="top">Top</h2>', encoding="utf-8")
    site = write_site(
        tmp_path,
        index="""<a href="guide/#top">a</a> <a href="guide/#bottom">b</a> <a href="missing/">c</a>
            <a href="#here">d</a> <p id="here"> <img src="missing.png">
            <img src="data:image/png;base64,AA"> <a href="/guide/">e</a> <a href="https://example.org/missing">f</a>""",
    )
    assert list(site.broken_links()) == [
        "index.html: guide/#bottom",
        "index.html: missing/",
        "index.html: missing.png",
    ]


def test_foreign_requests(tmp_path: Path) -> None:
    (tmp_path / "site.css").write_text("@import 'https://example.org/a.css'; b { c: url(d.png) }")
    site = write_site(
        tmp_path,
        index="""<link rel="canonical" href="https://example.org/"> <a href="https://example.org/">a</a>
            <script src="https://example.org/b.js"></script> <img src="data:image/png;base64,AA">
            <link rel="stylesheet" href="//example.org/c.css"> <link rel="icon" href="icon.png">
            <style>b { c: url("http://example.org/d.png") }</style>
            <img srcset="e.png, https://example.org/e.png 2x">
            <p style="f: url(//example.org/f.png)">""",
    )
    assert [each.partition(": ")[2] for each in site.foreign_requests()] == [
        "https://example.org/b.js",
        "//example.org/c.css",
        "http://example.org/d.png",
        "https://example.org/e.png",
        "//example.org/f.png",
        "https://example.org/a.css",
    ]


def test_paragraphs_and_navigation(tmp_path: Path) -> None:
    site = write_site(
        tmp_path,
        index="""<nav><a class="md-nav__link other" href="a/">a</a></nav><p>one <b>two</b>
- three</p><pre>- four</pre>""",
    )
    page = site.pages[tmp_path / "index.html"]
    assert page.navigation == ["a/"]
    assert page.paragraphs == ["one two\n- three"]
