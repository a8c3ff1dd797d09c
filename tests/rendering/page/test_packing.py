"""Tests of the packed data of a page."""

from __future__ import annotations

import json
from typing import Any

import netinspect
from netinspect.rendering.page.packing import pack
from netinspect.rendering.page.page import encode_data
from netinspect.rendering.page.picture_data import picture_data
from netinspect.reports.page.data import page_data
from tests.browser import Page
from tests.rendering.page.graph_pages import evaluate


def data_of(target: str, **options: Any) -> dict[str, Any]:
    """Return the data of a page, as it would be in JSON."""
    record = netinspect.page(target, **options).record
    assert record.picture is not None
    data = {**page_data(record), "picture": picture_data(record.picture)}
    found: dict[str, Any] = json.loads(json.dumps(data))
    return found


def test_unpack_reverses_pack(page: Page) -> None:
    for target, options in (("resnet18", {}), ("lenet", {"symbolic": "batch"})):
        data = data_of(target, **options)
        data["warnings"] = ["@0", "@@", "", "@twice", "@twice"]
        found = evaluate(page, json.loads(json.dumps(pack(data))), "unpack(data)")
        found.pop("texts")
        for added in ("keys", "cost_keys"):
            found["picture"].pop(added)
        assert found == data


def test_pack_makes_data_a_third_smaller() -> None:
    data = data_of("resnet18")
    assert len(encode_data(pack(data))) < 0.67 * len(encode_data(data))


def test_page_is_small() -> None:
    """The limit of ResNet-50 is 250,000 bytes, of which its data are 85,000 for 320 tensors."""
    assert len(encode_data(pack(data_of("resnet18")))) < 55_000
