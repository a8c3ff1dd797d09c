"""Repeated groups in pictures: several boxes that repeat together are one item."""

from __future__ import annotations

from torch import nn

from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.places import Place, all_places
from netinspect.records.picture import Picture
from tests.analysis.picture.invariants import check_picture
from tests.nets import groups
from tests.nets.case import capture_trace, rows


def picture_of(model: nn.Module) -> Picture:
    trace = capture_trace(model, rows(2, 4))
    check_picture(trace)
    return picture_of_trace(trace)


def groups_of(picture: Picture) -> list[Place]:
    return [each for each in all_places(picture) if each.template.kind == "group"]


def paths_in(picture: Picture, group: Place) -> list[str]:
    """Return the paths of the outermost modules in a group."""
    depth = len(group.numbers)
    inside = [each for each in all_places(picture) if each.numbers[:depth] == group.numbers]
    modules = [each for each in inside if each.template.kind == "module"]
    numbers = [each.numbers for each in modules]
    return [
        each.path
        for each in modules
        if not any(other == each.numbers[: len(other)] != each.numbers for other in numbers)
    ]


def test_block_with_addition_is_one_item() -> None:
    picture = picture_of(groups.Residuals())
    found = groups_of(picture)
    assert [each.item and each.item.count for each in found] == [3, 3, 3]
    assert [each.template.label for each in found[:1]] == ["Block + add"]
    assert [paths_in(picture, each) for each in found] == [["blocks.0"], ["blocks.1"], ["blocks.2"]]
    assert found[0].item is not None
    assert found[0].item.inner_names == ((".blocks.0",), (".blocks.1",), (".blocks.2",))
    assert "blocks.2.linear" in [each.path for each in all_places(picture)]


def test_pair_of_two_lists_is_one_item() -> None:
    picture = picture_of(groups.Pairs())
    found = groups_of(picture)
    assert [each.item and each.item.count for each in found] == [2, 2]
    assert [paths_in(picture, each) for each in found] == [
        ["resnets.0", "attentions.0"],
        ["resnets.1", "attentions.1"],
    ]


def test_group_with_chain_is_one_item() -> None:
    picture = picture_of(groups.Chained())
    found = groups_of(picture)
    assert [each.item and each.item.count for each in found] == [3, 3, 3]
    kinds = [picture.templates[item.template].kind for item in found[0].template.items]
    assert "chain" in kinds
    assert paths_in(picture, found[2]) == ["blocks.2", "dropouts.2"]


def test_group_of_one_module_has_numbers_of_its_calls() -> None:
    picture = picture_of(groups.Shared())
    found = groups_of(picture)
    assert [each.item and each.item.count for each in found] == [3, 3, 3]
    assert found[0].item is not None
    assert found[0].item.inner_calls == ((1,), (2,), (3,))


def test_groups_of_two_places_share_a_template() -> None:
    picture = picture_of(groups.Stages())
    found = groups_of(picture)
    assert [each.item and each.item.count for each in found] == [3] * 6
    assert [paths_in(picture, each) for each in found] == [[f"blocks.{index}"] for index in range(6)]


def test_block_that_is_called_again_is_one_item() -> None:
    picture = picture_of(groups.Again())
    found = groups_of(picture)
    assert [each.item and each.item.count for each in found] == [3, 3, 3]
    assert [paths_in(picture, each) for each in found] == [["block"]] * 3
    assert found[0].item is not None
    assert found[0].item.inner_calls == ((1,), (2,), (3,))
