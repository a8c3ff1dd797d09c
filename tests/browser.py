"""Pages in Debian's Chromium, which Playwright controls: fixtures `chromium` and `page`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.support import PATIENCE, fail_or_skip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request
    from playwright.sync_api import Page as RawPage

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

_ARGUMENTS = (
    "--no-sandbox",  # root needs it
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

_WAIT = 120_000
"""Milliseconds until an element should be there, and a page loaded."""


class Page:
    """A page that records errors and requests.

    Attributes:
        raw: The page of Playwright, for locators and everything else that it offers.
        errors: Uncaught exceptions and errors in the console since `open`, such as refusals of the
            content security policy.
        requests: Addresses requested since `open`, without the opened one and `data:` addresses.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.raw: RawPage = context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._address = ""
        self.raw.on("pageerror", lambda error: self.errors.append(str(error)))
        self.raw.on("crash", lambda _: self.errors.append("the page crashed"))
        self.raw.on("console", self._record_message)
        context.on("request", self._record_request)

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _record_request(self, request: Request) -> None:
        if request.url.partition("#")[0] != self._address and not request.url.startswith("data:"):
            self.requests.append(request.url)

    def open(
        self, place: Path | str, *, width: int = 1000, height: int = 800, dark: bool = False
    ) -> None:
        """Open a file or an address in a window of that size, and wait until it is loaded."""
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        self.raw.set_viewport_size({"width": width, "height": height})
        self.raw.emulate_media(color_scheme=scheme)
        address = place if isinstance(place, str) else place.absolute().as_uri()
        self._address = address.partition("#")[0]
        self.errors.clear()
        self.requests.clear()
        self.raw.goto(address)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.raw.evaluate(script)

    def press(self, key: str) -> None:
        """Press a key, such as `Tab`, `Enter`, `a` or `Control+f`."""
        self.raw.keyboard.press(key)

    def click(self, x: float, y: float) -> None:
        """Click at a position."""
        self.raw.mouse.click(x, y)

    def screenshot(self, file: Path) -> None:
        """Write a PNG picture of the whole page."""
        self.raw.screenshot(path=file, full_page=True)


@contextmanager
def _running_loop(loop: asyncio.AbstractEventLoop | None) -> Iterator[None]:
    """Mark an event loop as the one that runs in this thread.

    Playwright leaves the mark between its calls, and needs it. Other tests on the same thread call
    `asyncio.run`, which refuses to run in a running loop.
    """
    previous = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(previous)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start one browser for all tests of a process, since a start takes a second."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        fail_or_skip("Chromium")
    from playwright.sync_api import sync_playwright

    home = str(tmp_path_factory.mktemp("chromium"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=_ARGUMENTS,
            env={**os.environ, "HOME": home},
            timeout=PATIENCE * 1000,
        )
        with _running_loop(None):
            yield browser
        browser.close()


@contextmanager
def new_page(chromium: Browser) -> Iterator[Page]:
    """Open an empty page in a profile of its own."""
    with _running_loop(chromium._loop), chromium.new_context() as context:
        context.set_default_timeout(_WAIT)
        yield Page(context)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return an empty page."""
    with new_page(chromium) as found:
        yield found
