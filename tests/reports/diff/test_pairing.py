"""Pairing of tensor names: properties on generated names, and single kinds of renames."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from netinspect.api._view import View
from netinspect.reports.diff.compute import report
from netinspect.reports.diff.pairing import Pairing
from tests.reports.diff.state_dicts import entries, pair_shapes, renames, state_dict
from tests.support import calls_of

Shapes = dict[str, tuple[int, ...]]

WORDS = st.sampled_from(
    ["layers", "blocks", "attn", "mlp", "norm", "conv1", "0", "1", "2", "11", "head"]
)
NAMES = st.tuples(st.lists(WORDS, max_size=4), st.sampled_from(["weight", "bias", "running_mean"])).map(
    lambda each: ".".join([*each[0], each[1]])
)
SIDES = st.dictionaries(
    NAMES, st.sampled_from([(4,), (4, 4), (8, 4), (4, 8), (), (3, 4, 4)]), max_size=24
)


def pair_and_check(a: Shapes, b: Shapes) -> Pairing:
    """Pair names, and check properties that hold for every pairing."""
    found = pair_shapes(a, b)
    old, new = [pair.old for pair in found.pairs], [pair.new for pair in found.pairs]
    assert sorted([*old, *found.removed]) == sorted(a)
    assert sorted([*new, *found.added]) == sorted(b)
    for pair in found.pairs:
        assert (pair.old == pair.new) == (pair.renames == ())
    for number, each in enumerate(found.renames):
        assert each.names == sum(number in pair.renames for pair in found.pairs)
        assert each.names > 0
    assert set(found.guessed) <= set(found.removed)
    assert set(found.guessed.values()) <= set(found.added)
    assert sum(each.names for each in found.guesses) == len(found.guessed)
    return found


@given(SIDES)
def test_pair_names_of_equal_state_dicts_has_no_renames(side: Shapes) -> None:
    found = pair_and_check(side, side)
    assert [(pair.old, pair.new) for pair in found.pairs] == [(name, name) for name in side]
    assert (found.renames, found.added, found.removed, found.guessed) == ((), (), (), {})


@given(SIDES, SIDES)
def test_pair_names_of_any_state_dicts_keeps_every_name(a: Shapes, b: Shapes) -> None:
    found = pair_and_check(a, b)
    for name in set(a) & set(b):
        if a[name] == b[name] and not found.rules:
            assert any(pair.old == pair.new == name for pair in found.pairs)


@given(SIDES, SIDES)
def test_pair_names_with_swapped_sides_is_symmetric(a: Shapes, b: Shapes) -> None:
    forth, back = pair_and_check(a, b), pair_and_check(b, a)
    assert {(pair.old, pair.new) for pair in forth.pairs} == {
        (pair.new, pair.old) for pair in back.pairs
    }
    assert set(forth.removed) == set(back.added)
    assert set(forth.added) == set(back.removed)


@given(SIDES, st.sampled_from(["module", "module._orig_mod", "model", "encoder.1", "x.y.z"]))
def test_find_rules_reports_a_prefix_once(side: Shapes, prefix: str) -> None:
    named = {f"{prefix}.{name}": shape for name, shape in side.items()}
    if len(side) < 2 or set(named) & set(side):
        return
    found = pair_and_check(side, named)
    assert renames(found) == [("", f"{prefix}.", len(side))]
    assert found.renames[0].kind == "prefix"
    assert {pair.old: pair.new for pair in found.pairs} == {name: f"{prefix}.{name}" for name in side}
    assert renames(pair_and_check(named, side)) == [(f"{prefix}.", "", len(side))]


def blocks(layers: int = 4, *, stack: str = "layers", attention: str = "attn", **sizes: int) -> Shapes:
    """Return the names and shapes of a transformer."""
    width, vocabulary = sizes.get("width", 8), sizes.get("vocabulary", 20)
    named: Shapes = {"embed.weight": (vocabulary, width)}
    for layer in range(layers):
        start = f"{stack}.{layer}"
        named |= {
            f"{start}.norm1.weight": (width,),
            f"{start}.norm1.bias": (width,),
            f"{start}.{attention}.qkv.weight": (3 * width, width),
            f"{start}.{attention}.proj.weight": (width, width),
            f"{start}.norm2.weight": (width,),
            f"{start}.norm2.bias": (width,),
            f"{start}.mlp.0.weight": (4 * width, width),
            f"{start}.mlp.2.weight": (width, 4 * width),
        }
    return named | {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (vocabulary, width)}


def test_find_rules_reports_each_renamed_component_once() -> None:
    found = pair_and_check(blocks(), blocks(stack="h", attention="self_attention"))
    assert set(renames(found)) == {("layers.", "h.", 32), ("attn.", "self_attention.", 8)}
    assert {each.kind for each in found.renames} == {"path", "component"}
    assert not found.added
    assert not found.removed


def test_rules_applied_in_order_give_the_new_names() -> None:
    a, b = blocks(), {f"module.{name}": shape for name, shape in blocks(stack="h").items()}
    found = pair_and_check(a, b)
    for pair in found.pairs:
        name = pair.old
        for number in pair.renames:
            name = found.rules[number].substitution(name) or name
        assert name == pair.new
    assert len(found.pairs) == len(a)


def test_find_rules_with_partly_renamed_layers() -> None:
    a = blocks()
    b = {name.replace("layers.1.attn", "layers.1.attention"): shape for name, shape in a.items()}
    b = {name.replace("layers.3.attn", "layers.3.attention"): shape for name, shape in b.items()}
    found = pair_and_check(a, b)
    assert renames(found) == [("attn.", "attention.", 4)]
    assert sum(pair.old == pair.new for pair in found.pairs) == len(a) - 4


def test_find_rules_names_the_wrapper_of_an_inserted_component() -> None:
    a = blocks()
    b = {name.replace(".qkv.", ".qkv.base_layer."): shape for name, shape in a.items()}
    for layer in range(4):
        b[f"layers.{layer}.attn.qkv.lora_A.default.weight"] = (2, 8)
    found = pair_and_check(a, b)
    assert renames(found) == [("", "base_layer.", 4)]
    assert found.renames[0].written_by == "PEFT"
    assert len(found.added) == 4
    assert renames(pair_and_check(b, a)) == [("base_layer.", "", 4)]


def test_prefix_rule_also_pairs_tensors_of_other_sizes() -> None:
    a = blocks()
    b = {f"model.{name}": shape for name, shape in blocks(vocabulary=30).items()}
    found = pair_and_check(a, b)
    assert renames(found) == [("", "model.", len(a))]


def test_equally_good_prefixes_are_left_open() -> None:
    a = blocks()
    b = {f"{name}.{each}": shape for name in ("student", "teacher") for each, shape in a.items()}
    found = pair_and_check(a, b)
    assert not found.pairs
    ((one, other, names),) = found.open_choices
    assert {one.new, other.new} == {"student", "teacher"}
    assert names == len(a)


def test_modules_of_equal_sizes_are_only_guessed() -> None:
    a: Shapes = {"first.weight": (4, 4), "second.weight": (4, 4)}
    b: Shapes = {"left.weight": (4, 4), "right.weight": (4, 4)}
    found = pair_and_check(a, b)
    assert not found.pairs
    assert found.guessed == {"first.weight": "left.weight", "second.weight": "right.weight"}
    assert {each.evidence for each in found.guesses} == {"guess"}


def test_guess_prefers_shared_words_over_order() -> None:
    a: Shapes = {f"self_attn.{name}_proj.weight": (4, 4) for name in ("k", "o", "q", "v")}
    b: Shapes = {f"attn_{name}.weight": (4, 4) for name in ("q", "k", "v", "output")}
    assert pair_and_check(a, b).guessed == {
        f"self_attn.{name}_proj.weight": f"attn_{name}.weight" for name in ("q", "k", "v")
    } | {"self_attn.o_proj.weight": "attn_output.weight"}


def test_guess_ignores_order_if_one_side_is_sorted() -> None:
    a: Shapes = {"first.weight": (4, 4), "second.weight": (4, 4)}
    b: Shapes = {"up.weight": (4, 4), "down.weight": (4, 4)}
    assert pair_and_check(a, b).guessed == {}


def test_modules_of_equal_sizes_are_paired_by_number() -> None:
    a: Shapes = {f"stage{n}.{leaf}": (4, 4) for n in (1, 2, 3) for leaf in ("weight", "other")}
    b: Shapes = {f"part_{n}.{leaf}": (4, 4) for n in (1, 2, 3) for leaf in ("weight", "other")}
    assert {pair.old: pair.new for pair in pair_and_check(a, b).pairs} == dict(zip(a, b, strict=True))


def test_single_vector_is_not_paired_by_size() -> None:
    found = pair_and_check({"old_head.bias": (10,)}, {"new_head.bias": (10,)})
    assert not found.pairs
    assert (
        pair_and_check({"old.weight": (10, 3)}, {"new.weight": (10, 3)}).renames[0].evidence == "shape"
    )
    assert not pair_and_check({"old.weight": (10, 3)}, {"new.other": (10, 3)}).pairs


def test_replaced_head_is_added_and_removed() -> None:
    a = blocks() | {"fc.weight": (1000, 8), "fc.bias": (1000,)}
    b = blocks() | {"classifier.weight": (10, 8), "classifier.bias": (10,)}
    found = pair_and_check(a, b)
    assert found.removed == ("fc.weight", "fc.bias")
    assert found.added == ("classifier.weight", "classifier.bias")


def test_transposed_weights_of_renamed_modules_are_paired() -> None:
    a = blocks()
    b = {
        name.replace("layers.", "h.").replace(".qkv.", ".c_attn."): shape[::-1]
        if "qkv" in name
        else shape
        for name, shape in a.items()
    }
    found = {pair.old: pair.new for pair in pair_and_check(a, b).pairs}
    assert found["layers.2.attn.qkv.weight"] == "h.2.attn.c_attn.weight"
    assert len(found) == len(a)


def test_removed_layers_leave_other_pairs_unchanged() -> None:
    found = pair_and_check(blocks(6), blocks(4))
    assert not found.renames
    assert {name.split(".")[1] for name in found.removed} == {"4", "5"}


def pairing_calls(a: Shapes, b: Shapes) -> int:
    from netinspect.reports.diff.pairing import pair_names

    one, other = entries(a), entries(b)
    return calls_of(lambda: pair_names(one, other))


def test_pair_names_calls_grow_linearly() -> None:
    """Eight times the names take about eight times the calls."""
    cases: dict[str, Callable[[str], str]] = {
        "prefix": lambda name: f"module.{name}",
        "renamed": lambda name: name.replace("layers", "h").replace("attn", "attention"),
        "unlike": lambda name: "x." + name[::-1].replace(".", "_"),
    }
    for case, change in cases.items():
        calls = []
        for count in (100, 800):
            shapes = blocks(count)
            changed = {change(name): shape for name, shape in shapes.items()}
            calls.append(pairing_calls(shapes, changed))
        assert calls[1] < 12 * calls[0], case


def test_fold_with_huge_or_sparse_numbers() -> None:
    """Numbers in names are arbitrary and must not be used as sizes of lists."""
    for numbers in (["1", "999999999999999", "5"], ["9" * 60, "8" * 60, "7" * 60], ["01", "1", "001"]):
        a: Shapes = {f"layer{number}.weight": (4, 4) for number in numbers}
        text = str(View(report(state_dict(a), state_dict({}), pair_shapes(a, {}))))
        assert "x3" in text or all(number in text for number in numbers)
