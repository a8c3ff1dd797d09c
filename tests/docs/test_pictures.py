"""Pictures of the README and docs; `UPDATE_GOLDEN=1 pytest` writes them again."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from tests.browser import Page
from tests.docs.test_examples import PAGES, README, ROOT, text_of
from tests.support import Outcome

PICTURES = ROOT / "docs" / "pictures"
COMMANDS = {
    "source": "source lenet",
    "graph": "graph tiny_gpt",
    "summary": "summary benchmarks/nets/vit.py --columns path,class,output,params,share,macs",
    "failure": "trace lenet --input 10x1x32x32 --columns name,input,output,called_at",
    "memory": "memory benchmarks/nets/vit.py --batch 32 --train",
}
PAGE_PICTURE = PICTURES / "page.png"
PAGE_SIZE = (1200, 720)
_SHOWN = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<file>[^)]*)\)")


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each == "memory")) for each in COMMANDS]
)
def test_picture_is_what_its_command_writes(
    name: str, cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    written = tmp_path / f"{name}.svg"
    outcome = cli(*shlex.split(COMMANDS[name]), "--width", "107", "-o", str(written))
    assert f"written to {written}" in outcome.err
    picture = PICTURES / f"{name}.svg"
    if os.environ.get("UPDATE_GOLDEN"):
        picture.write_bytes(written.read_bytes())
    assert written.read_bytes() == picture.read_bytes()


def test_picture_of_a_page_is_small(page: Page, tmp_path: Path) -> None:
    """Browsers draw texts differently on each machine, so the pictures are not compared."""
    from models.unet import UNet
    from PIL import Image

    file = tmp_path / "page.html"
    netinspect.page(UNet(), memory=True).save(file)
    page.open(file, width=PAGE_SIZE[0], height=PAGE_SIZE[1])
    page.raw.get_by_role("treeitem", name="down1").first.click()
    page.press("ArrowLeft")
    page.raw.get_by_role("treeitem", name="bottleneck").click()
    page.press("0")
    assert page.raw.locator("#detail h2").inner_text() == "bottleneck"
    if os.environ.get("UPDATE_GOLDEN"):
        page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        page.screenshot(PAGE_PICTURE)
    with Image.open(PAGE_PICTURE) as picture:
        assert picture.size == PAGE_SIZE
    assert PAGE_PICTURE.stat().st_size < 150_000


def test_every_picture_has_a_command_and_a_description() -> None:
    shown = {
        (page.parent / match["file"]).resolve(): match["alt"]
        for page in PAGES
        for match in _SHOWN.finditer(text_of(page))
    }
    drawn = {PICTURES / f"{each}.svg" for each in COMMANDS}
    assert set(shown) == drawn | {PAGE_PICTURE} == set(PICTURES.iterdir())
    assert all(shown.values())


def test_readme_shows_the_command_of_each_picture() -> None:
    text = text_of(README)
    for match in _SHOWN.finditer(text):
        name = Path(match["file"]).stem
        command = "page net.py:Net -o net.html" if name == PAGE_PICTURE.stem else COMMANDS[name]
        command = command.partition(" --columns")[0]
        assert f"`netinspect {command}`" in text


@pytest.mark.slow
def test_pictures_in_a_page_follow_its_reader(page: Page, tmp_path: Path) -> None:
    """As on GitHub: in an `img` element, which runs no scripts and loads nothing."""
    from PIL import Image

    file = tmp_path / "page.html"
    images = "".join(f'<p><img src="{(PICTURES / each).as_uri()}.svg">' for each in COMMANDS)
    file.write_text(f"<!DOCTYPE html><body style='margin: 0'>{images}", encoding="utf-8")
    for dark, background in ((False, (255, 255, 255)), (True, (13, 17, 23))):
        page.open(file, width=1100, height=2000, dark=dark)
        corners = page.run(
            "[...document.images].map(each => [each.getBoundingClientRect(), each.naturalWidth])"
            ".map(([box, width]) => [box.x, box.y, width])"
        )
        page.screenshot(tmp_path / "page.png")
        shot = Image.open(tmp_path / "page.png").convert("RGB")
        for x, y, width in corners:
            assert width > 500
            corner = shot.getpixel((int(x) + 8, int(y) + 8))
            assert corner == pytest.approx(background, abs=1)  # graphs have a ground of their own
