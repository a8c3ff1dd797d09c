"""Script that saves with torch.distributed.checkpoint as one of two processes: RANK FOLDER."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict import get_state_dict
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor


def main(rank: int, folder: Path) -> None:
    """Save a model, its optimizer and tensors that are split in every way, and the true values."""
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(4, 6)).sum().backward()
    optimizer.step()
    weights, state = get_state_dict(model, optimizer)
    base = torch.arange(7 * 4 * 3, dtype=torch.float32).reshape(7, 4, 3)
    split = {
        "rows": distribute_tensor(base, mesh, [Shard(0)]),
        "columns": distribute_tensor(base, mesh, [Shard(1)]),
        "last": distribute_tensor(base.half(), mesh, [Shard(2)]),
        "copies": distribute_tensor(base[:2], mesh, [Replicate()]),
    }
    plain = {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "turned": base[0].t()}
    saved = {"model": weights, "optim": state, "step": 3, "split": split, "plain": plain}
    save(saved, checkpoint_id=str(folder / "sharded"))
    save(
        split,
        storage_writer=HuggingFaceStorageWriter(path=str(folder / "safe"), save_distributed=True),
    )
    truth = {
        f"{part}.{name}": tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        for part, tensors in (("model", weights), ("split", split), ("plain", plain))
        for name, tensor in tensors.items()
    }
    if rank == 0:
        torch.save(truth, folder / "truth.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
