"""Pictures of models in a browser, compared with other tools that draw models.

    python benchmarks/pictures.py [--models lenet,...] [--tools page,...] [--out DIR] [--rounds N]

For each model and tool: seconds to make the picture, from the start of a process to the file, or to
the server that answers; bytes that the browser loads; seconds from the navigation to the frame that
shows the graph, in a new Chromium, the median of the rounds. `pictures_tools.py` has the selector of
each tool's graph. Ratios are to `netinspect page`. A tool that fails, or needs more than the timeout,
is reported with the reason, and one that is not installed as such. `pictures_clicks.py` counts clicks.

The other tools are not in an extra, because they are large:

    pip install playwright netron ai-edge-model-explorer torchview torchvista diffusers transformers
    apt-get install chromium graphviz
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from pictures_browser import Failed, chromium, made, new_page, save, show
from pictures_models import MODELS
from pictures_tools import TOOLS, installed


class Row(NamedTuple):
    """One tool on one model."""

    made: float | None = None
    loaded: int | None = None
    shown: float | None = None
    reason: str = ""


def measure(tool: str, name: str, folder: Path, options: argparse.Namespace) -> Row:
    """Make and open one picture."""
    missing = [each for each in MODELS[name].packages if importlib.util.find_spec(each) is None]
    if missing:
        return Row(reason=f"needs {', '.join(missing)}")
    if installed(TOOLS[tool]) is None:
        return Row(reason="not installed")
    seconds = None
    try:
        if tool == "saved":
            save(name, folder)
        with made(tool, name, folder, options.timeout) as picture:
            seconds = picture.seconds
            times = []
            for round_ in range(options.rounds):
                with chromium() as browser:
                    page = new_page(browser, picture.url)
                    shown, loaded = show(page, TOOLS[tool], picture.url, options.timeout)
                    times.append(shown)
                    if not round_:
                        page.screenshot(path=folder / f"{name}-{tool}.png")
            return Row(seconds, loaded, statistics.median(times))
    except Failed as error:
        return Row(made=seconds, reason=str(error))


def line(name: str, tool: str, row: Row, ours: Row | None) -> str:
    """Format one row of the table."""
    cells = [MODELS[name].title, TOOLS[tool].title]
    for key, unit in (("made", 1.0), ("loaded", 1000.0), ("shown", 1.0)):
        value, base = getattr(row, key), getattr(ours, key, None)
        ratio = f" ({value / base:.1f})" if value and base and row is not ours else ""
        text = f"{value / unit:,.0f}" if unit > 1 and value else f"{value or 0:.2f}"
        cells.append(text + ratio if value else "-")
    return f"| {' | '.join(cells)} | {row.reason} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--out", type=Path, help="folder for pictures and screenshots")
    parser.add_argument("--rounds", type=int, default=3, help="openings of each picture")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds, to make and to show each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.out or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for tool in TOOLS.values():
            print(f"{tool.title}: {installed(tool) or 'not installed'}")
        print(
            "\n| model | tool | made, s | loaded, kB | shown, s | |\n|---|---|---|---|---|---|",
            flush=True,
        )
        for name in options.models.split(","):
            ours = None
            for tool in options.tools.split(","):
                row = measure(tool, name, folder, options)
                ours = ours or (row if tool == "page" else None)
                print(line(name, tool, row, ours), flush=True)


if __name__ == "__main__":
    main()
