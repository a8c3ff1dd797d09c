"""Clicks and keys from the first view of a picture to what its reader looks for, in several tools.

    python benchmarks/pictures_clicks.py [--out DIR]

Three ways: to the layer that costs most, and to a skip connection, both of ResNet-50; and to the layer
that fails. Each click is made in Chromium, and what it leads to is checked where the page has elements
for it; scrolling and zooming are not counted. `cannot` has the reason why a tool has no such way.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pictures_browser import Failed, chromium, made, new_page, show
from pictures_tools import TOOLS, installed
from playwright.sync_api import Error, Page


class Way(NamedTuple):
    """A way through a picture: clicks that each do something to the page, then a check."""

    clicks: tuple[Callable[[Page], None], ...] = ()
    check: Callable[[Page], bool] | None = None
    cannot: str = ""


def _click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.click(force=True)


def _at(x: float, y: float) -> Callable[[Page], None]:
    return lambda page: page.mouse.click(x, y)


def _in_window(selector: str) -> Callable[[Page], bool]:
    """Return a check that an element is in the window."""

    def check(page: Page) -> bool:
        box = page.locator(selector).first.bounding_box()
        size = page.viewport_size
        assert size is not None
        if box is None:
            return False
        return 0 <= box["x"] < size["width"] and 0 <= box["y"] < size["height"]

    return check


def _is_selected(start: str) -> Callable[[Page], bool]:
    """Return a check that the selected box of netinspect's page has a label with this start."""

    def check(page: Page) -> bool:
        label = page.locator("[role=treeitem][aria-selected=true]").first.get_attribute("aria-label")
        return (label or "").startswith(start)

    return check


_NO_COSTS = "shows no costs"
_NO_EXPORT = "torch.export fails, and so there is no file"

WAYS: dict[str, dict[str, Way]] = {
    "page": {
        # 118,013,952 of 4,089,184,256 MACs: as `netinspect cost` says.
        "costliest": Way((_click("text=largest"),), _is_selected("conv1, Conv2d, output 1")),
        "skip": Way((), _in_window("svg.graph >> text=downsample")),
        "failure": Way((), _in_window("svg.graph .box.failed >> text=fc1")),
    },
    "netron": {
        "costliest": Way(cannot=_NO_COSTS),
        "skip": Way((), _in_window("#node-name-max_pool2d, .node >> text=max_pool2d")),
        "failure": Way(cannot=_NO_EXPORT),
    },
    "model_explorer": {
        "costliest": Way(cannot="shows no costs, unless a file with them is loaded"),
        # The model, layer1 and its first block: the sign left of each name in a canvas at 1440x900.
        "skip": Way((_at(462, 474), _at(418, 413), _at(433, 374))),
        "failure": Way(cannot=_NO_EXPORT),
    },
    "torchvista": {
        "costliest": Way(cannot=_NO_COSTS),
        "skip": Way(
            (
                _click(
                    "svg g:has(> [class^=node-label_]:text-is('Bottleneck')) > [class^=collapse-button_]"
                ),
            )
        ),
        "failure": Way((), _in_window("svg [class^=node-label_] >> text=Linear")),
    },
    "torchview": {
        "costliest": Way(cannot=_NO_COSTS),
        "skip": Way((), _in_window("svg text:has-text('MaxPool2d')")),
        "failure": Way(cannot="raises, and draws nothing"),
    },
}
MODEL_OF = {"costliest": "resnet50", "skip": "resnet50", "failure": "failing"}


def count(tool: str, goal: str, folder: Path) -> str:
    """Go one way, and return the number of clicks, or why there is none."""
    way = WAYS[tool][goal]
    if way.cannot or installed(TOOLS[tool]) is None:
        return f"cannot: {way.cannot}" if way.cannot else "not installed"
    try:
        with made(tool, MODEL_OF[goal], folder, 60) as picture, chromium() as browser:
            page = new_page(browser, picture.url)
            show(page, TOOLS[tool], picture.url, 60)
            page.wait_for_timeout(2000)
            for number, click in enumerate(way.clicks):
                click(page)
                page.wait_for_timeout(2000)
                page.screenshot(path=folder / f"clicks-{goal}-{tool}-{number + 1}.png")
            page.screenshot(path=folder / f"clicks-{goal}-{tool}.png")
            if way.check is not None and not way.check(page):
                return f"not reached by {len(way.clicks)}"
    except (Failed, Error) as error:
        return f"failed: {str(error).splitlines()[0]}"
    return str(len(way.clicks))


def main() -> None:
    """Go all ways, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for pictures and screenshots")
    parser.add_argument("--tools", default=",".join(WAYS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.out or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(f"| tool | {' | '.join(MODEL_OF)} |\n|---|{'---|' * len(MODEL_OF)}", flush=True)
        for tool in options.tools.split(","):
            counts = [count(tool, goal, folder) for goal in MODEL_OF]
            print(f"| {TOOLS[tool].title} | {' | '.join(counts)} |", flush=True)


if __name__ == "__main__":
    main()
