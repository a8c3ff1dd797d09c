"""Tests of views in a browser: executed notebooks, hosts that look like other notebooks, and pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netinspect
from netinspect.rendering.document import Document, line
from netinspect.rendering.html import format_html_fragment, format_html_page
from netinspect.rendering.styles import style_names
from tests.accessibility import axe_violations
from tests.browser import Page
from tests.rendering.test_html import document, outline
from tests.support import PATIENCE, Outcome

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
MEASURE = Path(__file__).with_name("measure.js").read_text(encoding="utf-8")
CONTRAST = 4.5
"""WCAG 2.1, success criterion 1.4.3."""

SCREEN = 700
"""Pixels of a cell on a usual screen."""

EXECUTE = """
import json, sys
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
folder, *cells = sys.argv[1:]
new = nbformat.v4
notebook = new.new_notebook(cells=[new.new_code_cell(each) for each in cells])
NotebookClient(notebook, timeout=600).execute()
nbformat.write(notebook, f"{folder}/executed.ipynb")
for theme in ("light", "dark"):
    # Without its libraries from the network.
    exporter = HTMLExporter(template_name="lab", theme=theme, require_js_url="", mathjax_url="")
    page, _ = exporter.from_notebook_node(notebook)
    with open(f"{folder}/{theme}.html", "w", encoding="utf-8") as file:
        file.write(page)
"""


def execute(folder: Path, *cells: str) -> list[dict[str, Any]]:
    """Execute a notebook, write it as `light.html` and `dark.html`, and return its outputs."""
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(folder), *cells],
        env={**os.environ, "HOME": str(folder), "IPYTHONDIR": str(folder / "ipython")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    notebook = json.loads((folder / "executed.ipynb").read_text(encoding="utf-8"))
    return [output for cell in notebook["cells"] for output in cell["outputs"]]


CELLS = (
    "import netinspect\nnetinspect.summary('lenet')",
    "netinspect.tree('resnet18')",
    "netinspect.source('lenet')",
    "netinspect.params('lenet', values=True, include=['*bias'])",
    "netinspect.trace('tiny_gpt')",
    "netinspect.cost('resnet18')",
    "netinspect.diff('lenet', 'resnet18')",
    "netinspect.internals('lenet', 'conv1')",
    "import torch\nfile = CHECKPOINT\ntorch.save(torch.nn.Linear(3, 4).state_dict(), file)\n"
    "netinspect.summary(file)",
    "netinspect.summary(netinspect.load('lenet', inputs=['10x1x32x32']))",
    "from tests.nets.hostile import Hostile\nnetinspect.summary(Hostile(), torch.ones(2, 4))",
    "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.head = torch.nn.Linear(4, 3)\n    def forward(self, x):\n        return self.head(x)\n"
    "netinspect.source(Net(), torch.ones(2, 4))",
)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("notebook")
    checkpoint = repr(str(folder / "a.pt"))
    return folder, execute(folder, *(each.replace("CHECKPOINT", checkpoint) for each in CELLS))


def check(view: dict[str, Any]) -> None:
    """Check that a view is legible: rows of one line, no cell over another, no text cut."""
    assert view["contrast"] >= CONTRAST
    assert all(cut <= 0 for cut in view["notes"])
    for row in view["rows"]:
        assert row["height"] <= 1.2 * view["line"] + 2, row
        ends = 0.0
        for cell in row["cells"]:
            assert cell["left"] >= ends - 1, row
            ends = cell["right"]
            if cell["to"] > cell["from"]:
                assert cell["left"] <= cell["from"], row
                assert cell["to"] <= cell["right"], row
    for box in view["scrolled"]:
        assert box["width"] <= view["width"]
        assert not box["lines"] or box["below"] <= box["lines"] * 1.2 * view["line"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_notebook_views_are_legible(
    page: Page, executed: tuple[Path, list[dict[str, Any]]], tmp_path: Path, theme: str
) -> None:
    folder, outputs = executed
    # A browser whose own preference is the other one.
    page.open(folder / f"{theme}.html", dark=theme == "light")
    views = page.run(MEASURE)
    page.screenshot(tmp_path / f"{theme}.png")
    assert len(views) == len(CELLS) == len(outputs)
    for view in views:
        check(view)
        assert len(view["scrolled"]) > 1 or view["height"] <= SCREEN
    assert views[0]["rows"][1]["name"] == "LeNet"
    assert views[2]["colors"] > 2  # code is highlighted
    assert axe_violations(page, ".netinspect") == []
    found = page.run("[...document.querySelectorAll('.netinspect *')].map(each => each.tagName)")
    assert not {"SCRIPT", "IMG"} & {*found}
    # At this width nothing of a summary has to be scrolled to.
    for box in views[0]["scrolled"] + views[1]["scrolled"]:
        assert box["inside"] <= box["width"]


def test_notebook_shows_each_view_once(executed: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, outputs = executed
    for output in outputs:
        assert output["output_type"] == "execute_result"
        assert set(output["data"]) == {"text/plain", "text/html"}
    assert "".join(outputs[0]["data"]["text/plain"]) == str(netinspect.summary("lenet"))
    shown = (folder / "light.html").read_text(encoding="utf-8")
    assert shown.count('<div class="netinspect"') == len(CELLS)
    assert "├─ conv1" not in shown


def test_notebook_source_of_class_in_cell(executed: tuple[Path, list[dict[str, Any]]]) -> None:
    text = "".join(executed[1][-1]["data"]["text/plain"])
    assert "class Net(torch.nn.Module):" in text
    assert "return self.head(x)" in text
    assert "(2,4) -> (2,3)" in text


VSCODE = """<html style="--vscode-editor-background: {ground}; --vscode-editor-foreground: {text};
--vscode-font-family: system-ui; --vscode-editor-font-family: monospace"><style>
body {{ background: {ground}; color: {text}; font: 13px system-ui; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: 5px 10px; border: 1px solid; white-space: normal; }}
thead th {{ border-bottom: 2px solid red; }}
</style><body class="{kind}">"""
COLAB = """<html theme="{kind}"><style>
html {{ background: {ground}; color: {text}; --colab-primary-surface-color: {ground};
  --colab-primary-text-color: {text}; }}
pre {{ white-space: pre-wrap; word-break: break-all; }}
td, th {{ max-width: 5em; overflow: hidden; text-overflow: ellipsis; }}
</style><body>"""
UNKNOWN = """<html><style>
body {{ background: {ground}; color: {text}; }}
.u0 {{ outline: none }} table * {{ font-size: 20px; }}
pre, code {{ white-space: pre-wrap; word-break: break-all; width: 5em }}
details {{ border: 3px solid; padding: 1em }} summary {{ display: list-item; margin: 1em }}
p {{ font-size: 30px; white-space: nowrap }} tr:nth-child(odd) {{ background: #808080 }}
</style><body>"""
HOSTS = {
    "vscode light": (VSCODE, "#ffffff", "#3b3b3b", "vscode-light"),
    "vscode dark": (VSCODE, "#1f1f1f", "#cccccc", "vscode-dark"),
    "vscode high contrast": (VSCODE, "#000000", "#ffffff", "vscode-high-contrast"),
    "colab light": (COLAB, "#ffffff", "#212121", "light"),
    "colab dark": (COLAB, "#383838", "#e3e3e3", "dark"),
    "unknown light": (UNKNOWN, "#fafafa", "#303030", ""),
    "unknown dark": (UNKNOWN, "#15202b", "#dddddd", ""),
}


EVERY_STYLE = Document(
    title=line("title"), blocks=(), notes=tuple(line((style, style)) for style in style_names())
)


def write_host(file: Path, host: str, *fragments: str) -> None:
    template, ground, text, kind = HOSTS[host]
    start = template.format(ground=ground, text=text, kind=kind)
    file.write_text("<!DOCTYPE html>" + start + "\n".join(fragments), encoding="utf-8")


@pytest.mark.parametrize("host", HOSTS)
def test_view_is_legible_in_host(page: Page, tmp_path: Path, host: str) -> None:
    fragment = format_html_fragment(document((0, "top"), (1, "conv1"), (2, "self.weight"), (1, "b")))
    write_host(tmp_path / "host.html", host, fragment, format_html_fragment(EVERY_STYLE))
    page.open(tmp_path / "host.html", dark="light" in host)
    views = page.run(MEASURE)
    page.screenshot(tmp_path / "host.png")
    found, styled = views
    check(found)
    check(styled)
    assert found["height"] < 570
    assert [cell["align"] for cell in found["rows"][1]["cells"]] == ["left", "right"]
    # Plain and dim text, red, yellow and blue.
    assert styled["colors"] == 5


def test_view_leaves_rest_of_page_alone(page: Page, tmp_path: Path) -> None:
    others = (
        "<table class='ni-scroll'><tr class='u0'><th>a<td class='ni-right'>b</table><p class='ni-red'>p"
        "<details class='f0'><summary>s</summary><pre>x</pre></details><span class='ni-dim'>x</span>"
    )
    styles = """[...document.querySelectorAll('#others *')].map(each => {
        const style = getComputedStyle(each);
        return [...style].map(name => name + style.getPropertyValue(name)).join();
    })"""
    found = []
    for index, fragment in enumerate(("", format_html_fragment(outline(0, 1, 2)))):
        file = tmp_path / f"{index}.html"
        write_host(file, "unknown light", f"<div id='others'>{others}</div>", fragment)
        page.open(file)
        found.append(page.run(styles))
    assert found[0] == found[1]
    assert len(found[0]) > 8


ROWS = """[...document.querySelectorAll('tbody tr')].filter(each => each.getClientRects().length)
    .map(each => each.cells[0].innerText.trim())"""
SUMMARY = "[...document.querySelectorAll('summary')].find(each => each.innerText.trim() === {!r})"


@pytest.fixture
def tree(page: Page, tmp_path: Path) -> Page:
    """Open a page with a tree whose second level is closed, because there are more than 24 rows."""
    found = format_html_page(outline(0, 1, 2, 3, 1, 2, *[1] * 22))
    (tmp_path / "tree.html").write_text(found, encoding="utf-8")
    page.open(tmp_path / "tree.html")
    assert page.run(ROWS)[:4] == ["row0", "row1", "row4", "row6"]
    return page


def test_table_without_style_sheet_has_every_row(tree: Page) -> None:
    """As on GitHub, or in a notebook that is not trusted; old browsers skip the rules alone."""
    tree.run("document.querySelector('.netinspect > style').remove()")
    assert len(tree.run(ROWS)) == 28
    assert tree.run(ROWS)[:4] == ["row0", "row1", "row2", "row3"]
    (view,) = tree.run(MEASURE)
    assert [cell["align"] for cell in view["rows"][2]["cells"]] == [
        "-webkit-left",
        "-webkit-right",
    ]


def test_branch_opens_and_closes_by_click(tree: Page) -> None:
    def click(name: str) -> None:
        box = tree.run(f"JSON.stringify({SUMMARY.format(name)}.getBoundingClientRect())")
        left, top, height = (json.loads(box)[key] for key in ("left", "top", "height"))
        tree.click(left + 25, top + height / 2)

    click("row1")
    assert tree.run(ROWS)[:5] == ["row0", "row1", "row2", "row4", "row6"]
    click("row2")
    assert tree.run(ROWS)[:5] == ["row0", "row1", "row2", "row3", "row4"]
    # A branch that was open inside a closed one is open again with it.
    click("row1")
    assert tree.run(ROWS)[:4] == ["row0", "row1", "row4", "row6"]
    click("row0")
    assert tree.run(ROWS) == ["row0"]
    click("row0")
    click("row1")
    assert tree.run(ROWS)[:5] == ["row0", "row1", "row2", "row3", "row4"]


def test_branch_opens_and_closes_by_keyboard(tree: Page) -> None:
    focused = "document.activeElement.innerText.trim()"
    tree.press("Tab")  # the table, which scrolls by arrow keys
    assert tree.run("document.activeElement.className") == "ni-scroll"
    tree.press("Tab")
    assert tree.run(focused) == "row0"
    tree.press("Tab")
    assert tree.run(focused) == "row1"
    tree.press("Enter")
    assert tree.run(ROWS)[:4] == ["row0", "row1", "row2", "row4"]
    tree.press("Tab")
    assert tree.run(focused) == "row2"
    tree.press(" ")
    assert tree.run(ROWS)[:4] == ["row0", "row1", "row2", "row3"]
    tree.press(" ")
    assert tree.run(ROWS)[:4] == ["row0", "row1", "row2", "row4"]


def test_branch_is_announced_by_screen_readers(tree: Page) -> None:
    nodes = tree.raw.context.new_cdp_session(tree.raw).send("Accessibility.getFullAXTree")["nodes"]
    states = {}
    for node in nodes:
        expanded = [each for each in node.get("properties", ()) if each["name"] == "expanded"]
        if expanded:
            states[node["name"]["value"].strip()] = expanded[0]["value"]["value"]
    assert states == {"row0": True, "row1": False, "row4": False}
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("table") == 1
    assert roles.count("columnheader") == 2
    assert roles.count("rowheader") == len(tree.run(ROWS)) + 1


def test_page_follows_preference(page: Page, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(format_html_page(outline(0, 1)), encoding="utf-8")
    for dark in (False, True):
        page.open(tmp_path / "page.html", dark=dark)
        (view,) = page.run(MEASURE)
        check(view)
        text = page.run("getComputedStyle(document.querySelector('.netinspect')).color")
        assert text == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")


@pytest.mark.libraries
@pytest.mark.parametrize(
    "target", ["torchvision:resnet18", "timm:vit_base_patch16_224", "transformers:bert"]
)
def test_views_of_library_model_take_a_screen(page: Page, tmp_path: Path, target: str) -> None:
    trace = netinspect.load(target)
    views = [command(trace) for command in (netinspect.summary, netinspect.tree, netinspect.cost)]
    write_host(tmp_path / "host.html", "vscode dark", *(view._repr_html_() for view in views))
    page.open(tmp_path / "host.html")
    measured = page.run(MEASURE)
    page.screenshot(tmp_path / "host.png")
    for view in measured:
        check(view)
        assert view["height"] <= SCREEN
        for box in view["scrolled"]:
            assert box["inside"] <= box["width"]


def test_cli_writes_page(page: Page, tmp_path: Path, installed: Callable[..., Outcome]) -> None:
    outcome = installed("summary", "resnet18", "-o", "page.html", cwd=tmp_path)
    assert outcome.code == 0
    page.open(tmp_path / "page.html", dark=True)
    (view,) = page.run(MEASURE)
    check(view)
    assert page.run("document.title") == "ResNet18 resnet18"
    assert page.run(ROWS)[:2] == ["ResNet18", "conv1"]
