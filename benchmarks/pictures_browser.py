"""Processes that make pictures, and the browser that opens them, for the scripts `pictures*.py`."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pictures_models import MODELS, ROOT, Model
from pictures_tools import TOOLS, Tool
from playwright.sync_api import Browser, Error, Page, Request, TimeoutError, sync_playwright


class Failed(Exception):
    """A tool did not show a model, for the reason in the message."""


class Picture(NamedTuple):
    """A picture that a browser can open."""

    url: str
    seconds: float


def command(tool: str, name: str, model: Model, folder: Path) -> tuple[list[str], str]:
    """Return a command that makes the picture, and the address of the file if the command writes one."""
    if TOOLS[tool].make is not None:
        script = Path(__file__).with_name("pictures_tools.py")
        return [sys.executable, str(script), tool, name, str(folder)], ""
    word = "graph" if tool == "graph" else "page"
    file = folder / f"{name}-{tool}.{'svg' if tool == 'graph' else 'html'}"
    arguments = [str(trace_file(name, folder))] if tool == "saved" else target(name, model)
    return [sys.executable, "-m", "netinspect", word, *arguments, "-o", str(file)], file.as_uri()


def target(name: str, model: Model) -> list[str]:
    """Return the target of a model and its inputs, for the command line."""
    path = ROOT / "benchmarks" / "pictures_models.py"
    return [f"{path}:{name}", *(part for spec in model.specs for part in ("--input", spec))]


def trace_file(name: str, folder: Path) -> Path:
    return folder / f"{name}.trace.json"


@contextmanager
def made(tool: str, name: str, folder: Path, timeout: float) -> Iterator[Picture]:
    """Make a picture in a process that ends with the context.

    Raises:
        Failed: the process failed, or takes longer than the timeout in seconds.
    """
    words, url = command(tool, name, MODELS[name], folder)
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONWARNINGS": "ignore"}
    shutil.rmtree(folder / "cache", ignore_errors=True)
    if url:
        Path(url.removeprefix("file://")).unlink(missing_ok=True)
    with tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=env
        )
        try:
            if url:
                # A failed forward has an exit code of its own; its picture is written all the same.
                process.wait(timeout)
                answer = "" if Path(url.removeprefix("file://")).exists() else None
            else:
                answer = _line(process, timeout)
            if answer is None:
                errors.seek(0)
                raise Failed(_reason(errors.read()))
            seconds = time.perf_counter() - begin
            yield Picture(url or json.loads(answer)["url"], seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"not made in {timeout:.0f} s") from None
        finally:
            process.kill()
            process.communicate()


def _line(process: subprocess.Popen[str], timeout: float) -> str | None:
    """Return the first line of the output, or None if the process ends without one."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(timeout):
            raise subprocess.TimeoutExpired(process.args, timeout)
    return process.stdout.readline() or None


def _reason(text: str) -> str:
    """Return the line of an error that names its cause."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line for line in lines if "Error" in line or line.startswith("error")]
    return (causes or lines or ["ended without a picture"])[-1][:160]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a Chromium that reaches this machine only."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"],
        )
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, url: str, *, dark: bool = False, phone: bool = False) -> Page:
    """Return an empty page without a cache, prepared for the tool at an address."""
    page = browser.new_page(
        viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
        color_scheme="dark" if dark else "light",
    )
    # Netron replaces eval, which Playwright needs.
    keep = "{get: () => own, set: () => {}}"
    page.add_init_script(f"{{const own = window.eval; Object.defineProperty(window, 'eval', {keep})}}")
    if url.startswith("http"):
        # Netron asks for consent once; the answer is not measured.
        page.context.add_cookies([{"name": "consent", "value": "1", "url": url}])
    return page


def show(page: Page, tool: Tool, url: str, timeout: float) -> tuple[float, int]:
    """Open a picture and return the seconds until its graph is visible, and the bytes that were loaded.

    Raises:
        Failed: the graph does not appear within the timeout in seconds.
    """
    requests: list[Request] = []

    def finished(request: Request) -> None:
        requests.append(request)

    page.on("requestfinished", finished)
    begin = time.perf_counter()
    try:
        page.goto(url, wait_until="commit", timeout=timeout * 1000)
        page.wait_for_selector(tool.visible, state="attached", timeout=timeout * 1000)
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    except TimeoutError:
        raise Failed(f"not shown in {timeout:.0f} s") from None
    except Error as error:
        raise Failed(str(error).splitlines()[0][:160]) from None
    seconds = time.perf_counter() - begin
    if url.startswith("file:"):
        return seconds, Path(url.removeprefix("file://")).stat().st_size
    page.remove_listener("requestfinished", finished)
    return seconds, sum(request.sizes()["responseBodySize"] for request in requests)


def save(name: str, folder: Path) -> None:
    """Save the trace of a model, without a limit of time."""
    file = trace_file(name, folder)
    if not file.exists():
        words = ["trace", *target(name, MODELS[name]), "--save", str(file), "-o", os.devnull]
        subprocess.run([sys.executable, "-m", "netinspect", *words], capture_output=True, check=False)
