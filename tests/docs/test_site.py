"""Tests of the documentation as a site: built once by MkDocs, then read as files and in a browser."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import netinspect
from netinspect.api.command_names import COMMANDS
from netinspect.records.base import fields, is_record
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.trace import Trace
from netinspect.reports.report_types import report_types
from netinspect.reports.schemas import all_schemas
from tests.browser import Page
from tests.docs.built_site import Site
from tests.support import PATIENCE

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Build the site. A file of tests runs in one process, so that it is built once."""
    folder = tmp_path_factory.mktemp("site")
    completed = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    lines = completed.stdout.splitlines()
    assert [line for line in lines if not line.startswith("INFO ")] == []
    assert completed.returncode == 0
    return Site.read(folder)


def page_address(page: Path) -> Path:
    """Return the file of a page of `docs` in the built site."""
    address = page.relative_to(DOCS).with_suffix("")
    return address.with_name("index.html") if page.stem == "index" else address / "index.html"


def test_site_links_resolve(site: Site) -> None:
    assert len(site.pages) > 30
    assert sum(len(page.links) for page in site.pages.values()) > 1000
    assert list(site.broken_links()) == []


def test_site_requests_no_other_host(site: Site) -> None:
    assert list(site.foreign_requests()) == []


def test_site_navigation_has_every_page(site: Site) -> None:
    home = site.pages[site.folder / "index.html"]
    listed = {site.resolve(home, link) for link in home.navigation}
    missing = [
        page.name
        for page in DOCS.rglob("*.md")
        if (site.folder / page_address(page), "") not in listed and page != DOCS / "index.md"
    ]
    assert missing == []


def test_site_has_page_of_every_command(site: Site) -> None:
    for name in (*COMMANDS, "help"):
        page = site.pages[site.folder / "reference" / "commands" / name / "index.html"]
        assert {"examples", "options", "exit-codes"} <= page.ids


def test_site_has_every_public_name(site: Site) -> None:
    page = site.pages[site.folder / "reference" / "api" / "index.html"]
    names = {f"netinspect.{name}" for name in netinspect.__all__}  # type: ignore[attr-defined]
    assert sorted(names - page.ids) == []
    listed = {each for each in page.ids if each.startswith("netinspect.") and each.count(".") == 1}
    assert sorted(listed - names) == []


def test_site_has_every_record(site: Site) -> None:
    page = site.pages[site.folder / "reference" / "records" / "index.html"]
    found: set[type] = set()

    def collect(hint: typing.Any) -> None:
        if is_record(hint):
            if hint not in found:
                found.add(hint)
                for each in fields(hint):
                    collect(each.type)
        else:
            for each in typing.get_args(hint):
                collect(each)

    for record in (*report_types(), Trace, Checkpoint):
        collect(record)
    assert len(found) > 100
    names = {f"{record.__module__}.{record.__qualname__}" for record in found}
    assert sorted(names - page.ids) == []


def test_site_has_every_schema(site: Site) -> None:
    page = site.pages[site.folder / "reference" / "schemas" / "index.html"]
    linked = {file for link in page.links if (found := site.resolve(page, link)) for file in found[:1]}
    for name, schema in all_schemas().items():
        file = site.folder / "schemas" / f"{name}.json"
        assert file in linked
        assert json.loads(file.read_text(encoding="utf-8")) == schema


def test_site_has_no_unformatted_lists(site: Site) -> None:
    """Markdown needs a blank line before a list or table that GitHub does not need."""
    lost = [
        f"{page.file.relative_to(site.folder)}: {text}"
        for page in site.pages.values()
        for text in page.paragraphs
        if "\n- " in text or "\n* " in text or "\n1. " in text or "|--" in text or "```" in text
    ]
    assert lost == []


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """Serve the site on this machine."""
    handler = functools.partial(_QuietHandler, directory=str(site.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(
    "path", ["", "reference/commands/summary/", "reference/api/", "reference/cost/"]
)
@pytest.mark.parametrize("width", [390, 1440])
def test_page_fits_screen(page: Page, address: str, path: str, width: int) -> None:
    page.open(address + path, width=width)
    assert page.run("document.documentElement.scrollWidth") <= width
    code = "[...document.querySelectorAll('pre > code')].map(e => getComputedStyle(e).whiteSpace)"
    assert {*page.run(code)} <= {"pre"}
    assert page.requests
    assert [each for each in page.requests if not each.startswith(address)] == []


@pytest.mark.parametrize("dark", [False, True])
def test_page_follows_colour_preference(page: Page, address: str, dark: bool) -> None:
    page.open(address, dark=dark)
    scheme = "document.body.getAttribute('data-md-color-scheme')"
    assert page.run(scheme) == ("slate" if dark else "default")
    colour = "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number)"
    assert (max(page.run(colour)) < 128) is dark


def test_search_finds_option(page: Page, address: str) -> None:
    page.open(address)
    page.raw.locator("[data-md-component=search-query]").fill("device-memory")
    results = "[...document.querySelectorAll('.md-search-result__link')].map(e => e.pathname)"
    page.raw.wait_for_function(f"{results}.length > 0")
    assert "/reference/commands/memory/" in page.run(results)


def test_copy_button_omits_prompt_and_output(page: Page, address: str) -> None:
    page.open(address)
    # What is copied is in a text field that is selected for that moment.
    page.run("addEventListener('copy', () => { window.copied = document.activeElement.value })")
    page.raw.locator(".language-console button").first.click()
    page.raw.wait_for_function("window.copied !== undefined")
    assert page.run("window.copied") == "netinspect summary lenet"
