"""Tests of identical subtrees and of runs of identical siblings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netinspect.analysis.repeats import Group, Repeats, find_groups, fold_paths
from tests.support import calls_of


@dataclass(eq=False)
class Tree:
    """A small labelled tree whose nodes are compared by identity."""

    fact: str
    children: dict[str, Tree] = field(default_factory=dict)

    def nodes(self) -> list[Tree]:
        return [self, *(node for child in self.children.values() for node in child.nodes())]

    def copy(self) -> Tree:
        return Tree(self.fact, {label: child.copy() for label, child in self.children.items()})


def repeats_of(root: Tree, *, ordered: bool = True) -> Repeats[Tree]:
    return Repeats(root, lambda node: node.children, lambda node: node.fact, ordered=ordered)


def identical(one: Tree, other: Tree, *, ordered: bool) -> bool:
    """Compare two subtrees recursively, by definition."""
    labels = [*one.children], [*other.children]
    same_labels = labels[0] == labels[1] if ordered else set(labels[0]) == set(labels[1])
    return (
        one.fact == other.fact
        and same_labels
        and all(
            identical(one.children[label], other.children[label], ordered=ordered) for label in labels[0]
        )
    )


def _extend(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    labelled = st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    repeated = st.builds(
        lambda child, count: {str(index): child.copy() for index in range(count)},
        inner,
        st.integers(0, 5),
    )
    return st.builds(Tree, st.sampled_from("xy"), labelled | repeated)


TREES = st.recursive(st.builds(Tree, st.sampled_from("xy")), _extend, max_leaves=15)


@given(TREES, st.booleans())
def test_repeats_signature_is_equal_for_identical_subtrees_only(root: Tree, ordered: bool) -> None:
    repeats = repeats_of(root, ordered=ordered)
    for one in root.nodes():
        for other in root.nodes():
            same = repeats.signature(one) == repeats.signature(other)
            assert same == identical(one, other, ordered=ordered)


@given(TREES, st.booleans())
def test_repeats_runs_expand_to_the_children(root: Tree, fold: bool) -> None:
    repeats = repeats_of(root)
    for node in root.nodes():
        runs = repeats.runs(node, fold=fold)
        assert [child for run in runs for child in run] == [*node.children.values()]
        assert all(fold or len(run) == 1 for run in runs)


@given(TREES)
def test_repeats_runs_are_identical_inside_and_maximal(root: Tree) -> None:
    repeats = repeats_of(root)
    for node in root.nodes():
        signatures = [{repeats.signature(child) for child in run} for run in repeats.runs(node)]
        assert all(len(each) == 1 for each in signatures)
        assert all(one != other for one, other in itertools.pairwise(signatures))


@pytest.mark.parametrize("ordered", [True, False])
def test_repeats_ordered_compares_the_order_of_children(ordered: bool) -> None:
    one = Tree("block", {"a": Tree("x"), "b": Tree("y")})
    other = Tree("block", {"b": Tree("y"), "a": Tree("x")})
    root = Tree("list", {"0": one, "1": other})
    expected = [(one,), (other,)] if ordered else [(one, other)]
    assert repeats_of(root, ordered=ordered).runs(root) == expected


def test_repeats_label_key_separates_siblings_with_other_names() -> None:
    root = Tree("root", {"q": Tree("x"), "fc1": Tree("x"), "fc2": Tree("x")})
    found = Repeats(
        root,
        lambda node: node.children,
        lambda node: node.fact,
        label_key=lambda label: label.rstrip("0123456789"),
    )
    q, fc1, fc2 = root.children.values()
    assert found.runs(root) == [(q,), (fc1, fc2)]
    assert repeats_of(root).runs(root) == [(q, fc1, fc2)]


def test_repeats_of_a_deep_tree() -> None:
    root = node = Tree("x")
    for _ in range(50_000):
        node.children["a"] = node = Tree("x")
    assert repeats_of(root).signature(root) == 50_000


def test_repeats_evaluates_the_facts_of_each_node_once() -> None:
    block = Tree("block", {str(index): Tree("x") for index in range(99)})
    root = Tree("list", {str(index): block.copy() for index in range(100)})
    seen: list[Tree] = []

    def facts(node: Tree) -> str:
        seen.append(node)
        return node.fact

    found = Repeats(root, lambda node: node.children, facts)
    assert len(seen) == 10_001
    assert [len(run) for run in found.runs(root)] == [100]


# --- repeated groups of siblings -----------------------------------------------------------------

SEQUENCES = st.lists(st.sampled_from("abc"), max_size=24)


def expand(siblings: list[str], groups: list[Group]) -> list[str]:
    return [
        each
        for group in groups
        for each in siblings[group.start : group.start + group.length] * group.times
    ]


def count_rows(rows: list[int], groups: list[Group]) -> int:
    return sum(
        sum(rows[group.start : group.start + group.length]) + (2 if group.length > 1 else 0)
        for group in groups
    )


@given(SEQUENCES, st.integers(1, 6))
def test_find_groups_keeps_every_sibling(siblings: list[str], longest: int) -> None:
    groups = find_groups(siblings, longest=longest)
    assert expand(siblings, groups) == siblings
    starts = [group.start for group in groups]
    ends = [group.start + group.length * group.times for group in groups]
    assert starts == [0, *ends[:-1]][: len(starts)]
    assert all(group.length <= longest for group in groups)
    assert all(group.length == 1 for group in groups if group.times == 1)


def fewest_rows(siblings: str, rows: dict[str, int], start: int = 0) -> int:
    """Try every way to split siblings into groups."""
    if start == len(siblings):
        return 0
    best = rows[siblings[start]] + fewest_rows(siblings, rows, start + 1)
    for length in range(1, (len(siblings) - start) // 2 + 1):
        group = siblings[start : start + length]
        end = start + length
        while siblings[end : end + length] == group:
            end += length
            heading = 2 if length > 1 else 0
            best = min(
                best, sum(rows[each] for each in group) + heading + fewest_rows(siblings, rows, end)
            )
    return best


@given(st.text("ab", max_size=11), st.integers(1, 5))
def test_find_groups_leaves_few_rows(siblings: str, rows_of_a: int) -> None:
    rows = {"a": rows_of_a, "b": 1}
    sizes = [rows[each] for each in siblings]
    assert count_rows(sizes, find_groups(siblings, sizes)) == fewest_rows(siblings, rows)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8, unique=True), st.integers(3, 40))
def test_find_groups_finds_a_repeated_group(group: list[int], times: int) -> None:
    assert find_groups(["x", *group * times, "y"]) == [
        Group(0, 1, 1),
        Group(1, len(group), times),
        Group(1 + len(group) * times, 1, 1),
    ]


def test_find_groups_begins_with_the_block() -> None:
    # As in `x = x + position` and then, 12 times, `x = x + block(x)`.
    siblings = ["add", *["block", "add"] * 12, "norm"]
    rows = [10 if each == "block" else 1 for each in siblings]
    assert find_groups(siblings, rows) == [Group(0, 1, 1), Group(1, 2, 12), Group(25, 1, 1)]


def test_find_groups_leaves_two_pairs_of_single_rows() -> None:
    assert {group.times for group in find_groups("abab")} == {1}
    assert find_groups("ababab") == [Group(0, 2, 3)]


def test_find_groups_takes_linear_time() -> None:
    def calls(count: int) -> int:
        siblings = [index * index % 7 for index in range(count)]
        return calls_of(lambda: find_groups(siblings))

    assert calls(4000) < 2.2 * calls(2000)


@pytest.mark.parametrize(
    ("paths", "folded"),
    [
        ([], ()),
        (["head.drop"], ("head.drop",)),
        (["blocks.0.drop", "head", "blocks.11.drop"], ("blocks.*.drop (2)", "head")),
        (["a.0.b.1", "a.0.b.2"], ("a.0.b.* (2)",)),
        (["drop1", "drop2", "drop"], ("drop* (2)", "drop")),
        (["0", "1", "1.drop"], ("* (2)", "1.drop")),
    ],
)
def test_fold_paths(paths: list[str], folded: tuple[str, ...]) -> None:
    assert fold_paths(paths) == folded
