"""Tests of special kinds of tensors in files that torch writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from netinspect.checkpoints.read import read_checkpoint
from tests.checkpoints.expected import bytes_of, stored_bytes
from tests.checkpoints.formats.test_torch_files import Save, save, seeded

__all__ = ["save", "seeded"]  # fixtures


# torch warns when most of these are created.
@pytest.mark.filterwarnings("ignore")
def test_read_torch_tensors_with_special_layouts(tmp_path: Path) -> None:
    file = tmp_path / "odd.pt"
    item = {
        "q": torch.quantize_per_tensor(torch.randn(4, 2), 0.5, 3, torch.qint8),
        "channels": torch.quantize_per_channel(
            torch.randn(4, 2), torch.ones(4), torch.zeros(4, dtype=torch.int64), 0, torch.quint8
        ),
        "coo": torch.eye(3).to_sparse(),
        "csr": torch.eye(3).to_sparse_csr(),
        "csc": torch.eye(3).to_sparse_csc(),
        "bsr": torch.eye(4).to_sparse_bsr((2, 2)),
        "meta": torch.empty(3, 2, device="meta"),
        "conjugate": torch.randn(2, dtype=torch.complex64).conj(),
        "negative": torch.randn(2, dtype=torch.complex64).conj().imag,
        "parameter": nn.Parameter(torch.ones(2)),
        "frozen": nn.Parameter(torch.ones(2), requires_grad=False),
        "buffer": nn.Buffer(torch.ones(2)),
        "wanted": torch.ones(2, requires_grad=True),
        "nested": torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)]),
    }
    torch.save(item, file)
    loaded = torch.load(file, weights_only=False)
    found = {tensor.name: tensor for tensor in read_checkpoint(str(file)).tensors}
    assert list(found) == list(item)
    for name, tensor in loaded.items():
        stored = found[name]
        assert f"torch.{stored.dtype}" == str(tensor.dtype)
        if name != "nested":
            assert stored.shape == tuple(tensor.shape)
    assert [found[name].layout for name in ("q", "coo", "csr", "csc", "bsr", "nested")] == [
        "quantized",
        "sparse_coo",
        "sparse_csr",
        "sparse_csc",
        "sparse_bsr",
        "nested",
    ]
    assert stored_bytes(file, found["q"]) == loaded["q"].int_repr().numpy().tobytes()
    channels = loaded["channels"]
    assert found["channels"].bytes == (
        channels.int_repr().nbytes
        + channels.q_per_channel_scales().nbytes
        + channels.q_per_channel_zero_points().nbytes
    )
    coo = loaded["coo"]
    assert found["coo"].bytes == coo._values().nbytes + coo._indices().nbytes
    csr = loaded["csr"]
    assert found["csr"].bytes == sum(
        each.nbytes for each in (csr.values(), csr.crow_indices(), csr.col_indices())
    )
    assert (found["coo"].position, found["coo"].file) == (None, 0)
    assert (found["meta"].position, found["meta"].file, found["meta"].bytes) == (None, None, 0)
    assert stored_bytes(file, found["conjugate"]) == bytes_of(item["conjugate"].conj())
    assert [
        (found[name].kind, found[name].trainable) for name in ("parameter", "frozen", "buffer", "wanted")
    ] == [
        ("parameter", True),
        ("parameter", False),
        ("buffer", None),
        ("tensor", True),
    ]
    notes = {(entry.name, entry.type): entry.text for entry in read_checkpoint(str(file)).metadata}
    assert notes["q", "quantizer"] == "per_tensor_affine, scale 0.5, zero point 3"
    assert notes["channels", "quantizer"] == "per_channel_affine, axis 0"
    assert ("conjugate", "conjugate") in notes
    assert ("negative", "negative") in notes


class Marked(Tensor):
    """Subclass of Tensor."""


def test_read_torch_tensors_with_attributes(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "attributes.pt"
    parameter = nn.Parameter(torch.ones(2))
    parameter.rank = 3  # type: ignore[attr-defined]
    parameter.scale = torch.full((2,), 0.5)  # type: ignore[attr-defined]
    marked = torch.arange(3.0).as_subclass(Marked)
    save({"p": parameter, "m": marked}, file)
    found = read_checkpoint(str(file))
    assert [(tensor.name, tensor.kind) for tensor in found.tensors] == [
        ("p", "parameter"),
        ("p.scale", "tensor"),
        ("m", "tensor"),
    ]
    stored = {(entry.name, entry.type): entry.text for entry in found.metadata}
    assert stored["p.rank", "int"] == "3"
    assert stored["m", "class"] == "tests.checkpoints.formats.test_torch_tensors.Marked"
    assert stored_bytes(file, found.tensors[2]) == bytes_of(torch.arange(3.0))


@pytest.mark.filterwarnings("ignore")
def test_read_torch_nested_tensor_with_offsets(tmp_path: Path) -> None:
    file = tmp_path / "nested.pt"
    parts = [torch.ones(2, 3), torch.ones(1, 3)]
    nested = torch.nested.nested_tensor(parts, layout=torch.jagged, requires_grad=True)
    torch.save({"nested": nested, "plain": torch.ones(2)}, file)
    found = read_checkpoint(str(file))
    stored = {each.name: each for each in found.tensors}
    assert (stored["nested"].shape, stored["nested"].layout) == ((3, 3), "nested")
    assert stored["nested"].trainable
    assert stored["plain"].shape == (2,)
    assert all(each.verdict == "needed" for each in found.globals)


def test_read_torch_tensor_subclass_of_tensors(tmp_path: Path) -> None:
    """A wrapper subclass has its tensors in attributes, like DTensor."""
    from torch.testing._internal.two_tensor import TwoTensor

    file = tmp_path / "wrapper.pt"
    torch.save({"two": TwoTensor(torch.ones(3, 4), torch.zeros(3, 4)), "after": torch.ones(1)}, file)
    found = read_checkpoint(str(file))
    two, after = found.tensors
    assert (two.name, two.dtype, two.shape, two.bytes) == ("two", "float32", (3, 4), 96)
    assert (two.position, two.file) == (None, 0)
    assert after.name == "after"
    assert ("two", "made of", "a float32 (3, 4)") in [
        (entry.name, entry.type, entry.text) for entry in found.metadata
    ]


@pytest.mark.filterwarnings("ignore")
def test_read_torch_distributed_tensor(tmp_path: Path) -> None:
    from torch import distributed
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.tensor import Shard, distribute_tensor

    file = tmp_path / "distributed.pt"
    local = torch.randn(8, 4)
    distributed.init_process_group(
        "gloo", store=torch._C._distributed_c10d.HashStore(), rank=0, world_size=1
    )
    try:
        tensor = distribute_tensor(local, DeviceMesh("cpu", [0]), [Shard(0)])
        torch.save({"w": tensor, "p": nn.Parameter(tensor)}, file)
    finally:
        distributed.destroy_process_group()
    found = read_checkpoint(str(file))
    w, p = found.tensors
    assert (w.dtype, w.shape, w.bytes, w.storage) == ("float32", (8, 4), 128, p.storage)
    assert stored_bytes(file, w) == bytes_of(local)
    stored = [(entry.type, entry.text) for entry in found.metadata if entry.name == "w"]
    assert stored == [
        ("class", "torch.distributed.tensor.DTensor"),
        ("made of", "_local_tensor float32 (8, 4)"),
    ]
    assert (p.kind, p.trainable) == ("parameter", True)
