"""Tests of the helper that opens pages in Chromium."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import browser, support
from tests.browser import Page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def write(folder: Path, body: str, head: str = "") -> Path:
    file = folder / "page.html"
    file.write_text(f"<!DOCTYPE html><title>t</title>{head}<body>{body}", encoding="utf-8")
    return file


def test_page_without_defects_has_neither_errors_nor_requests(page: Page, tmp_path: Path) -> None:
    page.open(write(tmp_path, "<p>text<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"))
    page.raw.goto(page.raw.url + "#p")
    assert (page.errors, page.requests) == ([], [])
    assert page.raw.locator("p").inner_text() == "text"


def test_page_records_requests(page: Page, tmp_path: Path) -> None:
    """Of the page itself, of its frames and of its scripts, whether or not they succeed."""
    frame = "<iframe srcdoc='<img src=http://frame.invalid/>'></iframe>"
    (tmp_path / "a.css").touch()
    script = "<script>fetch('http://script.invalid/').catch(() => {})</script>"
    page.open(write(tmp_path, f"<link rel=stylesheet href=a.css>{frame}{script}"))
    assert sorted(page.requests) == [
        (tmp_path / "a.css").as_uri(),
        "http://frame.invalid/",
        "http://script.invalid/",
    ]
    page.open(write(tmp_path, ""))
    assert (page.errors, page.requests) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        "<script>throw Error('bad')</script>",
        "<script>console.error('bad')</script>",
        "<script>Promise.reject(Error('bad'))</script>",
        "<iframe sandbox=allow-scripts srcdoc=\"<script>throw Error('bad')</script>\"></iframe>",
    ],
)
def test_page_records_errors(page: Page, tmp_path: Path, body: str) -> None:
    page.open(write(tmp_path, body))
    page.run("new Promise(requestAnimationFrame)")
    (error,) = page.errors
    assert "bad" in error


def test_page_records_refusals_of_the_content_security_policy(page: Page, tmp_path: Path) -> None:
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    page.open(write(tmp_path, "<p>text<script>document.body.innerHTML = ''</script>", policy))
    assert page.run("document.querySelector('p').innerText") == "text"  # scripts of tests do run
    (error,) = page.errors
    assert "Content Security Policy" in error


def test_page_has_size_and_preference(page: Page, tmp_path: Path) -> None:
    file = write(tmp_path, "<p style='height: 2000px'>")
    for width, dark in ((390, False), (1440, True)):
        page.open(file, width=width, dark=dark)
        assert page.run("innerWidth") == width
        assert page.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    page.screenshot(tmp_path / "page.png")
    from PIL import Image

    with Image.open(tmp_path / "page.png") as picture:
        assert picture.width == 1440
        assert picture.height > 2000


def test_page_gets_keys_and_clicks(page: Page, tmp_path: Path) -> None:
    page.open(write(tmp_path, "<input><button onclick='this.innerText = 1'>b</button>"))
    page.press("Tab")
    page.press("a")
    page.press(" ")
    assert page.raw.locator("input").input_value() == "a "
    page.press("Tab")
    page.press("Enter")
    assert page.raw.locator("button").inner_text() == "1"
    page.click(20, 20)
    assert page.run("document.activeElement.tagName") == "INPUT"


def test_browser_leaves_event_loops_to_others(chromium: Browser) -> None:
    async def answer() -> int:
        return 2

    for _ in range(2):
        with browser.new_page(chromium) as outer, browser.new_page(chromium) as inner:
            for page in (inner, outer):
                assert page.run("new Promise(done => setTimeout(() => done(1), 5))") == 1
        assert asyncio.run(answer()) == 2


@pytest.mark.parametrize(("is_ci", "outcome"), [(False, "Skipped"), (True, "Failed")])
def test_missing_tool_is_a_failure_only_under_ci(
    monkeypatch: pytest.MonkeyPatch, is_ci: bool, outcome: str
) -> None:
    monkeypatch.setattr(support, "IS_CI", is_ci)
    with pytest.raises(BaseException, match="Chromium") as caught:
        support.fail_or_skip("Chromium")
    assert type(caught.value).__name__ == outcome
