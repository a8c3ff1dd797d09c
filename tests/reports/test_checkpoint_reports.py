"""Tests of the reports on checkpoints, from records made by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netinspect.analysis.checkpoints.name_tree import DEEPEST, build_branches
from netinspect.analysis.checkpoints.totals import stored_totals
from netinspect.analysis.rows import Selection
from netinspect.errors import UsageError
from netinspect.records.checkpoint import Checkpoint, Entry, StoredModule
from netinspect.reports.params.compute import list_tensors
from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary
from netinspect.reports.summary.checkpoint_record import CheckpointSummary
from netinspect.reports.tree.compute import build_tree
from netinspect.reports.tree.record import TreeNode
from tests.reports.checkpoints import checkpoint, llama, state_dict, tensor
from tests.support import PATIENCE

PARTS = st.sampled_from(["a", "b", "0", "1", "2", "10", "layer", "", "weight"])
NAMES = st.lists(
    st.lists(PARTS, min_size=1, max_size=5).map(".".join), min_size=0, max_size=25, unique=True
)
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@st.composite
def checkpoints(draw: st.DrawFn) -> Checkpoint:
    """Generate checkpoints with any names and shapes, with some tensors in the same memory."""
    names = draw(NAMES)
    made = [
        tensor(
            name,
            *draw(SHAPES),
            dtype=draw(st.sampled_from(["float32", "float16"])),
            storage=draw(st.integers(0, max(1, len(names)))),
        )
        for name in names
    ]
    format = draw(st.sampled_from(["safetensors", "torch zip"]))
    return checkpoint(made, format=format)


@given(checkpoints())
@settings(max_examples=200, deadline=None)
def test_checkpoint_rows_dtypes_groups_and_tree_add_up_to_the_totals(found: Checkpoint) -> None:
    listed = list_tensors(found)
    counted = [row for row in listed.rows if row.counted]
    totals = stored_totals(found)
    assert listed.totals == totals
    assert sum(row.elements for row in counted) == totals.elements
    assert sum(row.bytes for row in counted) == totals.bytes
    assert len(listed.rows) == totals.tensors == len(found.tensors)
    assert totals.tied == len(listed.rows) - len(counted)
    for part in ("tensors", "elements", "bytes"):
        whole = len(counted) if part == "tensors" else getattr(totals, part)
        assert sum(getattr(share, part) for share in totals.dtypes) == whole
    contents = build_checkpoint_summary(found, depth=1)
    top = contents.groups[0]
    below = contents.groups[1:]
    direct = [each for each in found.tensors if "." not in each.name]
    assert top.elements == totals.elements
    assert top.tensors == len(found.tensors)
    assert sum(group.tensors for group in below) == top.tensors - len(direct)
    shown = [group for group in below if group.repeat_of is None]
    assert sum(group.repeats for group in shown) == len(below)
    assert sum(group.bytes * group.repeats for group in shown) == sum(group.bytes for group in below)
    if below:
        direct_amounts = (top.direct_tensors, top.direct_bytes)
        assert direct_amounts == (
            len(direct),
            top.bytes - sum(each.bytes for each in below),
        )
    tree = build_tree(found)
    assert tree.root.parameters == totals.elements


@given(checkpoints())
@settings(max_examples=100, deadline=None)
def test_build_tree_without_folding_has_every_tensor_once(found: Checkpoint) -> None:
    def held(node: TreeNode) -> int:
        inside = 0 if node.children and node.own == () else len(node.own)
        return inside + sum(held(child) for child in node.children)

    assert held(build_tree(found, fold=False).root) == len(found.tensors)


def test_list_tensors_counts_a_tied_tensor_once() -> None:
    made = checkpoint(
        [
            tensor("wte.weight", 10, 4, storage=0),
            tensor("lm_head.weight", 10, 4, storage=0),
            tensor("view.weight", 5, 4, storage=0),
        ]
    )
    listed = list_tensors(made)
    assert [row.counted for row in listed.rows] == [True, False, True]
    assert listed.rows[0].tied_to == ("lm_head.weight",)
    assert listed.rows[1].tied_to == ("wte.weight",)
    assert [row.stored and row.stored.sharing for row in listed.rows] == [3, 3, 3]
    totals = stored_totals(made)
    assert (totals.elements, totals.tied) == (60, 1)


def test_stored_totals_of_a_small_view_of_a_large_tensor() -> None:
    made = checkpoint([tensor("slice", 4, storage=0, storage_bytes=4000)])
    totals = stored_totals(made)
    assert (totals.bytes, totals.storage_bytes) == (16, 4000)


def test_list_tensors_limits_the_names_of_a_tied_tensor() -> None:
    made = checkpoint([tensor(f"n{number}", 4, storage=0) for number in range(3000)])
    listed = list_tensors(made)
    assert max(len(row.tied_to) for row in listed.rows) == 4
    assert all(row.name not in row.tied_to for row in listed.rows)
    assert stored_totals(made).elements == 4


def test_list_tensors_sorts_filters_and_limits_rows() -> None:
    made = state_dict({"b": (2,), "a": (9,), "c.d": (4,)})
    assert [row.name for row in list_tensors(made, Selection(sort="elements")).rows] == ["a", "c.d", "b"]
    assert [row.name for row in list_tensors(made, Selection(sort="name")).rows] == ["a", "b", "c.d"]
    assert [row.name for row in list_tensors(made, Selection(sort="offset", top=1)).rows] == ["b"]
    some = list_tensors(made, Selection(include=["c.*"]))
    assert ([row.name for row in some.rows], some.hidden) == (["c.d"], 2)
    with pytest.raises(UsageError, match="cannot sort by 'szie'"):
        list_tensors(made, Selection(sort="szie"))


def test_checkpoint_summary_folds_identical_blocks() -> None:
    shapes = llama(12)
    shuffled = dict(sorted(shapes.items(), key=lambda each: hash(each[0]) % 97))
    for made in (state_dict(shapes), state_dict(shuffled, format="safetensors")):
        contents = build_checkpoint_summary(made, depth=3)
        folded = next(group for group in contents.groups if group.repeats > 1)
        assert (folded.path, folded.name, folded.last_name) == ("model.layers.0", "0", "11")
        assert folded.repeats == 12
        assert folded.elements == 4 * 64 + 3 * 128 + 8
        later = [group for group in contents.groups if group.repeat_of == "model.layers.0"]
        assert [group.path for group in later] == [f"model.layers.{block}" for block in range(1, 12)]


def test_checkpoint_summary_does_not_fold_blocks_of_other_dtypes() -> None:
    made = checkpoint(
        tensor(f"h.{block}.weight", 8, dtype="float16" if block == 2 else "float32", storage=block)
        for block in range(5)
    )
    groups = [group for group in build_checkpoint_summary(made).groups if group.path.startswith("h.")]
    assert [(group.name, group.last_name) for group in groups if group.repeat_of is None] == [
        ("0", "1"),
        ("2", ""),
        ("3", "4"),
    ]


def test_build_tree_does_not_fold_siblings_with_other_names() -> None:
    made = state_dict({"q_proj.weight": (4, 4), "k_proj.weight": (4, 4), "fc1.w": (2,), "fc2.w": (2,)})
    children = build_tree(made).root.children
    names = [(child.name, child.last_name, child.repeat_of) for child in children]
    assert names == [
        ("q_proj", "q_proj", None),
        ("k_proj", "k_proj", None),
        ("fc1", "fc2", None),
        ("fc2", "fc2", "fc1"),
    ]


def test_build_branches_limits_the_depth_of_a_long_name() -> None:
    made = state_dict({".".join("a" * 100_000): (1,), "b": (1,)})
    branch, depth = build_branches(made), 0
    while branch.children:
        branch, depth = branch.children["a"], depth + 1
    assert depth == DEEPEST
    assert build_tree(made).root.parameters == 2


def test_build_tree_of_a_checkpoint_with_a_right_and_a_wrong_path() -> None:
    made = state_dict(llama(2))
    assert build_tree(made, path="model.layers.1").root.path == "model.layers.1"
    with pytest.raises(UsageError, match=r"starts with 'model.layer'") as caught:
        build_tree(made, path="model.layer")
    assert "model.layers" in str(caught.value.hint)


def test_build_tree_shows_the_classes_of_a_pickled_model() -> None:
    modules = (
        StoredModule(path="", class_path="net.Net"),
        StoredModule(path="fc", class_path="torch.nn.modules.linear.Linear"),
    )
    made = state_dict({"fc.weight": (2, 2), "fc.bias": (2,)}, modules=modules)
    root = build_tree(made).root
    assert (root.class_name, root.children[0].class_name) == ("Net", "Linear")
    assert build_checkpoint_summary(made).what == "pickled model, net.Net"


def facts(contents: CheckpointSummary) -> dict[str, tuple[str, bool]]:
    return {fact.label: (fact.text, fact.certain) for fact in contents.facts}


def test_find_facts_marks_suggestions_as_not_certain() -> None:
    found = facts(build_checkpoint_summary(state_dict(llama(12))))
    assert found["names like those of"] == ("a decoder such as Llama", False)
    assert found["numbered blocks"] == ("12", False)
    assert found["vocabulary and width"] == ("100 x 8, from model.embed_tokens.weight", False)


def test_find_facts_of_a_training_checkpoint() -> None:
    made = checkpoint(
        [
            tensor("model.fc.weight", 4, storage=0, section="model"),
            tensor("optimizer.state.0.exp_avg", 4, storage=1, section="optimizer.state.0"),
            tensor("optimizer.state.0.exp_avg_sq", 4, storage=2, section="optimizer.state.0"),
        ],
        metadata=(
            Entry(name="epoch", type="int", text="7"),
            Entry(name="note", type="str", text="epoch"),
            Entry(name="_extra_state.step", type="int", text="5"),
            Entry(name="optimizer.param_groups.0.lr", type="float", text="0.001"),
            Entry(name="optimizer.param_groups.0.amsgrad", type="bool", text="False"),
            Entry(name="optimizer.param_groups.1.lr", type="float", text="0.1"),
        ),
    )
    contents = build_checkpoint_summary(made)
    assert contents.what == "training checkpoint"
    found = facts(contents)
    assert found["epoch"] == ("7", True)
    assert "step" not in found
    assert found["optimizer"] == ("Adam or AdamW", False)
    assert found["optimizer state"] == ("2 tensors, 32 bytes", True)
    assert found["learning rates"] == ("0.001, 0.1", True)


@pytest.mark.parametrize("path", ["", "net_g_trainer"])
def test_optimizer_paths_recognises_parameter_groups(path: str) -> None:
    start = f"{path}." if path else ""
    made = checkpoint(
        (
            tensor(f"{start}state.{number}.step", storage=number, section=f"{start}state.{number}")
            for number in range(30)
        ),
        metadata=(Entry(name=f"{start}param_groups.0.lr", type="float", text="0.1"),),
    )
    contents = build_checkpoint_summary(made, depth=3)
    assert contents.what == ("training checkpoint" if path else "state of an optimizer")
    assert [group.path for group in contents.groups] == (["", path] if path else [""])
    assert facts(contents)["optimizer state"] == ("30 tensors, 120 bytes", True)
    children = build_tree(made, path=f"{start}state").root.children
    assert [child.repeat_of for child in children] == [None, *[f"{start}state.0"] * 29]


def test_optimizer_paths_ignores_a_module_named_opt() -> None:
    made = state_dict({"opt.decoder.weight": (4,), "opt.head.weight": (4,)})
    contents = build_checkpoint_summary(made, depth=3)
    assert contents.what == "state dict"
    assert [group.path for group in contents.groups] == ["", "opt", "opt.decoder", "opt.head"]


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (state_dict({"w": (1,)}), "state dict"),
        (state_dict({}), "no tensors"),
        (state_dict({"a.lora_A.weight": (1,), "a.lora_B.weight": (1,)}), "adapter (LoRA)"),
        (
            state_dict(
                {"w": (1,)},
                metadata=(Entry(name="pytorch-lightning_version", type="str", text="'2.4'"),),
            ),
            "Lightning checkpoint",
        ),
        (state_dict({"w": (1,)}, format="npz"), "arrays"),
    ],
)
def test_describe_kind_of_checkpoints(made: Checkpoint, what: str) -> None:
    assert build_checkpoint_summary(made).what == what


def test_optimizer_state_has_one_row_by_default() -> None:
    names = ("model.fc.weight", *(f"optimizer.state.{number}.exp_avg" for number in range(30)))
    made = checkpoint(
        tensor(name, number + 1, storage=number, section=name.rpartition(".")[0])
        for number, name in enumerate(names)
    )
    paths = [group.path for group in build_checkpoint_summary(made, depth=3).groups]
    assert paths == ["", "model", "model.fc", "optimizer"]
    assert len(build_checkpoint_summary(made, fold=False).groups) > 30
    tree = build_tree(made).root
    assert (tree.children[1].own, tree.children[1].children) == (("30 tensors",), ())
    assert len(build_tree(made, fold=False).root.children[1].children[0].children) == 30
    assert len(build_tree(made, path="optimizer").root.children[0].children) == 30


HELD_UP = r"""
from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary
from tests.reports.checkpoints import state_dict
names = {"layers." * 10_000 + f"{number}": (1,) for number in range(30)}
names |= {"h." + "1" * 60_000 + f".{number}": (1,) for number in range(30)}
print(*build_checkpoint_summary(state_dict(names)).facts)
"""


def test_suggest_architecture_is_fast_on_hostile_names() -> None:
    """A pattern that is tried at every start of such long names would take hours."""
    done = subprocess.run(
        [sys.executable, "-c", HELD_UP],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert "names like" not in done.stdout


def test_stored_totals_count_a_transposed_view_once() -> None:
    made = checkpoint(
        [
            tensor("wte.weight", 10, 4, storage=0),
            tensor("head.weight", 4, 10, storage=0, stride=(1, 4)),
            tensor("flat", 40, storage=0),
            tensor("first_rows", 2, 4, storage=0),
            tensor("empty", 0, storage=1),
            tensor("other_empty", 0, storage=1),
        ]
    )
    assert [row.counted for row in list_tensors(made).rows] == [True, False, False, True, True, True]
    assert stored_totals(made).elements == 48
