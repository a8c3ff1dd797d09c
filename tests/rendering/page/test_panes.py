"""Tests of the panes of a page: files without a forward, failed runs, and pages in other formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import netinspect
from netinspect.errors import UsageError
from tests.browser import Page
from tests.rendering.page.pages import open_tab, table_rows, write_page
from tests.support import Outcome

Cli = Callable[..., Outcome]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint with a NaN, and a tensor that is in no group."""
    weight = torch.arange(6.0).reshape(2, 3)
    weight[0, 0] = float("nan")
    file = tmp_path / "model.safetensors"
    save_file({"fc.weight": weight, "scale": torch.ones(4)}, file)
    return file


def panel(page: Page, tab: str) -> str:
    """Return the text of a tab."""
    open_tab(page, tab)
    return str(page.raw.locator(f"#panel-{tab.lower()}").inner_text())


def test_stats_of_checkpoint_are_read_on_request(cli: Cli, page: Page, checkpoint: Path) -> None:
    file = checkpoint.with_suffix(".html")
    assert cli("page", str(checkpoint), "-o", str(file)).code == 0
    page.open(file)
    assert "netinspect page TARGET --stats reads them" in panel(page, "Parameters")
    assert cli("page", str(checkpoint), "--stats", "-o", str(file)).code == 0
    page.open(file)
    text = panel(page, "Parameters")
    assert "not finite: 1 tensor (fc.weight)" in text
    assert "--stats" not in text
    rows = {cells[0]: cells for cells in table_rows(page, "Parameters and buffers")}
    heads = page.raw.locator("#panel-parameters thead th").all_inner_texts()
    assert rows["fc.weight"][heads.index("NaN")] == "1"
    assert rows["fc.weight"][heads.index("mean")] == "3"
    assert page.errors == []


def test_tensors_outside_of_groups_have_a_row(page: Page, checkpoint: Path) -> None:
    page.open(write_page(str(checkpoint)))
    open_tab(page, "Table")
    rows = {cells[0]: cells[2:5] for cells in table_rows(page, "Groups of tensors")}
    assert rows["(not in a group)"] == ["1", "4", "16 B"]
    assert rows["fc"] == ["1", "6", "24 B"]


def test_pane_without_content_has_one_reason(page: Page, checkpoint: Path) -> None:
    page.open(write_page(str(checkpoint)))
    for tab in ("Memory", "Cost"):
        assert panel(page, tab).splitlines()[-1] == "a checkpoint has no forward to run"
        assert page.raw.locator(f"#panel-{tab.lower()} p").count() == 1
    page.open(write_page("lenet"))
    assert "netinspect.page(TARGET, memory=True) tracks it" in panel(page, "Memory")
    assert page.raw.locator("#panel-memory p").count() == 1


def test_exported_program_was_not_run(page: Page, tmp_path: Path) -> None:
    program = torch.export.export(nn.Sequential(nn.Linear(2, 3)), (torch.zeros(1, 2),))
    file = tmp_path / "net.pt2"
    torch.export.save(program, file)
    page.open(write_page(str(file)))
    assert "the graph of the file was not run" in panel(page, "Memory")
    assert "the file contains no costs, and nothing was run" in panel(page, "Cost")


def test_macs_of_failed_run_end_at_the_failure(page: Page) -> None:
    page.open(write_page("lenet", inputs="10x1x32x32"))
    facts = page.raw.locator("#facts dt").all_inner_texts()
    assert "MACs until the failure" in facts
    assert "MACs" not in facts


def test_source_line_has_the_macs_of_the_module_that_it_calls(page: Page) -> None:
    page.open(write_page("resnet18"))
    open_tab(page, "Source")
    line = page.raw.locator("#panel-source li", has_text="self.layer1(").first
    layer = next(row for row in _rows("resnet18") if row.path == "layer1")
    total = next(row for row in _rows("resnet18") if row.path == "")
    share = f"{100 * layer.cost.macs / total.cost.macs:.1f} %"
    assert share in (line.locator(".gutter").get_attribute("title") or "")
    headings = page.raw.locator("#panel-source summary").all_inner_texts()
    assert any("100.0 % of the MACs" in each for each in headings)


def test_boxes_of_a_line_are_marked_in_the_graph(page: Page) -> None:
    page.open(write_page("lenet"), width=1440, height=900)
    open_tab(page, "Source")
    page.raw.get_by_role("button", name="Line 30: show its boxes").click()
    open_tab(page, "Graph")
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.raw.locator("#graph .outline.marked").count() == 2  # conv2, and relu with max_pool2d
    assert page.errors == []


def test_command_has_the_chosen_theme_and_heat(cli: Cli, tmp_path: Path, page: Page) -> None:
    file = tmp_path / "page.html"
    assert cli("page", "lenet", "--theme", "dark", "--heat", "params", "-o", str(file)).code == 0
    page.open(file)
    assert page.run("document.documentElement.dataset.theme") == "dark"
    assert "parameters" in page.raw.locator("#legend").inner_text()


@pytest.mark.parametrize("name", ["p.txt", "p.csv", "p.svg", "p.pdf"])
def test_page_has_the_same_formats_everywhere(cli: Cli, tmp_path: Path, name: str) -> None:
    outcome = cli("page", "lenet", "-o", str(tmp_path / name))
    assert outcome.code == 2
    assert "it writes html, or json" in outcome.err
    with pytest.raises(UsageError, match="it writes html, or json"):
        netinspect.page("lenet").save(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_help_has_the_formats_of_a_page(cli: Cli) -> None:
    text = " ".join(cli("page", "--help").out.split())
    assert "html, json. Default: html." in text
    assert ".csv" not in text


def test_printed_page_names_python_arguments() -> None:
    text = str(netinspect.page("lenet"))
    assert "netinspect.page(TARGET, memory=True) tracks it" in text
    assert "--" not in text
    assert "templates" not in text


def _rows(target: str) -> Any:
    record: Any = netinspect.summary(target).record
    return record.rows
