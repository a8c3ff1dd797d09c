"""Tests of packed weights, with the names and shapes of the libraries that pack them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save_file

from netinspect.checkpoints.read import read_checkpoint
from netinspect.records.checkpoint_header import PackedWeights
from netinspect.reports.render import render
from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary
from netinspect.reports.summary.checkpoint_record import CheckpointSummary

State = dict[str, numpy.ndarray[Any, Any]]


def zeros(dtype: str, *shape: int) -> numpy.ndarray[Any, Any]:
    return numpy.zeros(shape, dtype)


def layer(**tensors: tuple[Any, ...]) -> State:
    """Return zeros for the tensors of a layer `l`, each given by dtype and sizes."""
    return {f"l.{name}": zeros(*each) for name, each in tensors.items()}


def text(value: object) -> numpy.ndarray[Any, Any]:
    return numpy.frombuffer(json.dumps(value).encode(), numpy.uint8)


def contents(folder: Path, state: State, metadata: dict[str, str] | None = None) -> CheckpointSummary:
    save_file(state, folder / "model.safetensors", metadata)
    return build_checkpoint_summary(read_checkpoint(str(folder)))


# What each library writes for a layer with 64 inputs and 48 outputs.
NF4 = {"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [48, 64]}
ALL = 64 * 48
GPTQ = layer(qweight=("i4", 8, 48), qzeros=("i4", 2, 6), scales=("f2", 2, 48), g_idx=("i4", 64))
THREE = layer(qweight=("i4", 6, 64), qzeros=("i4", 1, 6), scales=("f2", 1, 64), g_idx=("i4", 64))
WIDE = layer(qweight=("i4", 16, 48), qzeros=("i4", 1, 12), scales=("f2", 1, 48))
AWQ = layer(qweight=("i4", 64, 6), qzeros=("i4", 1, 6), scales=("f2", 1, 48))
MLX = layer(weight=("u4", 48, 8), scales=("f2", 48, 1), biases=("f2", 48, 1))
MLX_8 = layer(weight=("u4", 48, 16), scales=("f2", 48, 1), biases=("f2", 48, 1))
BNB = {
    **layer(weight=("u1", 1536, 1)),
    "l.weight.absmax": zeros("f4", 48),
    "l.weight.quant_map": zeros("f4", 16),
    "l.weight.quant_state.bitsandbytes__nf4": text(NF4),
}
ODD = {
    **layer(weight=("u1", 11, 1)),
    "l.weight.quant_state.bitsandbytes__fp4": text({**NF4, "shape": [3, 7]}),
}
WIDE_STORAGE = {
    **layer(weight=("f2", 768, 1)),
    "l.weight.quant_state.bitsandbytes__nf4": text(NF4),
}
EIGHT = layer(weight=("i1", 48, 64), SCB=("f4", 48))
PACKED = {
    **layer(weight_packed=("i4", 48, 9), weight_scale=("f2", 48, 1)),
    "l.weight_shape": numpy.array([48, 66], "i8"),
}
GROUPS = layer(weight_packed=("i4", 48, 32), weight_scale=("f2", 48, 2))
HQQ = {
    **layer(W_q=("u1", 24, 64), scale=("f2", 96, 1), zero=("f2", 96, 1)),
    "l.nbits": numpy.array(4, "i4"),
    "l.shape": numpy.array([48, 64], "i8"),
}
MXFP4 = layer(up_proj_blocks=("u1", 3, 48, 2, 16), up_proj_scales=("u1", 3, 48, 2))
CASES: dict[str, tuple[State, str, int, int]] = {
    "GPTQ": (GPTQ, "GPTQ", 4, ALL),
    "GPTQ of 3 bits": (THREE, "GPTQ", 3, 64 * 64),
    "GPTQ of 8 bits without an order": (WIDE, "GPTQ", 8, ALL),
    "AWQ": (AWQ, "AWQ", 4, ALL),
    "MLX": (MLX, "MLX", 4, ALL),
    "MLX of 8 bits": (MLX_8, "MLX", 8, ALL),
    "bitsandbytes": (BNB, "bitsandbytes nf4", 4, ALL),
    "bitsandbytes with half a byte over": (ODD, "bitsandbytes fp4", 4, 21),
    "bitsandbytes stored in another type": (WIDE_STORAGE, "bitsandbytes nf4", 4, ALL),
    "bitsandbytes of 8 bits": (EIGHT, "bitsandbytes int8", 8, ALL),
    "compressed-tensors": (PACKED, "compressed-tensors", 4, 66 * 48),
    "compressed-tensors in groups": (GROUPS, "compressed-tensors", 4, 256 * 48),
    "HQQ": (HQQ, "HQQ", 4, ALL),
    "MXFP4": (MXFP4, "MXFP4", 4, 3 * ALL),
}


@pytest.mark.parametrize("case", CASES)
def test_find_packed_counts_the_weights_of_each_method(tmp_path: Path, case: str) -> None:
    state, method, bits, weights = CASES[case]
    found = contents(tmp_path, state)
    assert found.packed == (PackedWeights(method=method, bits=bits, weights=weights, tensors=1),)
    assert found.totals.elements == sum(each.size for each in state.values())
    note = f"packed: about {weights:,} weights of {bits} bits in 1 tensor, by their names ({method})"
    assert note in render(found)


def test_find_packed_reads_torchao_classes_from_metadata(tmp_path: Path) -> None:
    state = layer(_weight_qdata=("i1", 48, 32), _weight_scale=("f4", 2, 48))
    found = contents(tmp_path, state, {"l.weight": json.dumps({"_type": "Int4Tensor", "_data": {}})})
    assert [(each.method, each.weights) for each in found.packed] == [("torchao", ALL)]


def test_find_packed_adds_up_layers_of_one_method(tmp_path: Path) -> None:
    state = {f"{n}.{key}": each for n in range(3) for key, each in AWQ.items()}
    state |= {f"other.{key}": each for key, each in EIGHT.items()}
    found = contents(tmp_path, state)
    assert [(each.method, each.weights, each.tensors) for each in found.packed] == [
        ("AWQ", 3 * ALL, 3),
        ("bitsandbytes int8", ALL, 1),
    ]


def test_find_packed_takes_bits_from_the_configuration(tmp_path: Path) -> None:
    """Four bits in groups of 32 have the same shapes as two in groups of 64."""
    state = layer(weight=("u4", 48, 4), scales=("f2", 48, 1), biases=("f2", 48, 1))
    (tmp_path / "config.json").write_text(json.dumps({"quantization": {"group_size": 32, "bits": 4}}))
    assert [(each.bits, each.weights) for each in contents(tmp_path, state).packed] == [(4, 32 * 48)]
    (tmp_path / "config.json").unlink()
    assert [(each.bits, each.weights) for each in contents(tmp_path, state).packed] == [(2, ALL)]


@pytest.mark.parametrize(
    "state",
    [
        layer(weight=("u1", 8, 8)),
        layer(weight=("u4", 8, 8), scales=("f2", 8, 0)),
        layer(qweight=("i4", 8, 8)),
        layer(qweight=("i4", 8, 8), scales=("f2", 0, 9)),
        layer(qweight=("i4", 8, 7), scales=("f2", 1, 9)),
        layer(W_q=("u1", 8, 8)),
        layer(tokens_blocks=("u1", 8, 8), tokens_scales=("u1", 3)),
        layer(attention_blocks=("u1", 4, 8), attention_scales=("u1", 4)),
        layer(other_blocks=("u1", 4, 16), other_scales=("f4", 4)),
        layer(qweight=("i1", 64, 48), scales=("f2", 1, 48)),
        layer(weight=("u4", 8, 8), scales=("f2", 3, 1), biases=("f2", 3, 1)),
        layer(W_q=("i8", 8, 8), scale=("f2", 1, 1)),
    ],
    ids=lambda state: "+".join(state),
)
def test_find_packed_ignores_other_integers(tmp_path: Path, state: State) -> None:
    assert contents(tmp_path, state).packed == ()


@pytest.mark.parametrize(
    "description", [b"", b"{", b"[]", b'{"shape": [-1, 3]}', b'{"shape": "x"}', b"[" * 4000]
)
def test_find_packed_with_a_damaged_description(tmp_path: Path, description: bytes) -> None:
    raw = numpy.frombuffer(description, numpy.uint8)
    state = {**layer(weight=("u1", 8, 1)), "l.weight.quant_state.bitsandbytes__nf4": raw}
    assert [each.weights for each in contents(tmp_path, state).packed] == [16]


@pytest.mark.parametrize("shape", [[10**6, 10**6], [2**61, 1]])
def test_find_packed_limits_a_declared_shape_to_the_tensor(tmp_path: Path, shape: list[int]) -> None:
    state = {
        **layer(weight=("u1", 8, 1)),
        "l.weight.quant_state.bitsandbytes__nf4": text({**NF4, "shape": shape}),
        **{f"m.{name}": each for name, each in layer(weight_packed=("i4", 8, 4)).items()},
        "n.W_q": zeros("u1", 8, 8),
        "n.scale": zeros("f4", 1),
        "n.nbits": numpy.array(4, "i4"),
        **{f"{name}hape": numpy.array(shape, "i8") for name in ("m.l.weight_s", "n.s")},
    }
    found = contents(tmp_path, state).packed
    assert {each.method: each.weights for each in found} == {
        "bitsandbytes nf4": 8 * 2,
        "compressed-tensors": 8 * 4 * 8,
        "HQQ": 8 * 8 * 2,
    }


def test_find_facts_describes_a_peft_adapter(tmp_path: Path) -> None:
    state = {"base_model.model.l.lora_A.weight": zeros("f4", 2, 4)}
    save_file(state, tmp_path / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA",
        "base_model_name_or_path": "org/base",
        "r": 2,
        "lora_alpha": 16,
        "target_modules": ["q_proj", "v_proj"],
    }
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    found = build_checkpoint_summary(read_checkpoint(str(tmp_path)))
    assert found.what == "adapter (LORA)"
    assert sorted((each.label, each.text) for each in found.facts if each.certain) == [
        ("alpha", "16"),
        ("base model", "org/base"),
        ("modules", "q_proj, v_proj"),
        ("rank", "2"),
    ]


def test_find_facts_describes_a_kohya_adapter(tmp_path: Path) -> None:
    state = {"lora_unet_x.lora_down.weight": zeros("f4", 2, 4), "lora_unet_x.alpha": zeros("f4", 1)}
    metadata = {"ss_network_dim": "2", "ss_network_alpha": "1.0", "ss_base_model_version": "sdxl"}
    found = contents(tmp_path, state, metadata)
    assert found.what == "adapter (LoRA)"
    assert {(each.label, each.text) for each in found.facts} >= {
        ("rank", "2"),
        ("alpha", "1.0"),
        ("base model", "sdxl"),
    }
