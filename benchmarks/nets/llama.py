"""Llama 3 8B as published: 8,030,261,248 parameters, too many to initialise."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MODEL = "Llama"
EXAMPLE_INPUTS = ("ids=1x128:int64:0..128255",)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Apply rotary position embeddings."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return x * angles.cos() + turned * angles.sin()


class Attention(nn.Module):
    """Causal self-attention with grouped queries."""

    def __init__(self, width: int, heads: int, groups: int) -> None:
        super().__init__()
        self.size = width // heads
        self.q_proj = nn.Linear(width, heads * self.size, bias=False)
        self.k_proj = nn.Linear(width, groups * self.size, bias=False)
        self.v_proj = nn.Linear(width, groups * self.size, bias=False)
        self.o_proj = nn.Linear(heads * self.size, width, bias=False)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        """Attend from each token to itself and the tokens before it."""
        q, k, v = (
            projection(x).unflatten(2, (-1, self.size)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, angles), rotate(k, angles)
        repeats = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then a gated perceptron."""

    def __init__(self, width: int, heads: int, groups: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(width, eps=1e-5)
        self.attention = Attention(width, heads, groups)
        self.mlp_norm = nn.RMSNorm(width, eps=1e-5)
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        """Add the outputs of attention and perceptron to the tokens."""
        x = x + self.attention(self.attention_norm(x), angles)
        y = self.mlp_norm(x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


class Llama(nn.Module):
    """32 blocks between an embedding and a head."""

    def __init__(
        self, width: int = 4096, depth: int = 32, heads: int = 32, groups: int = 8, hidden: int = 14336
    ) -> None:
        super().__init__()
        self.size = width // heads
        self.embedding = nn.Embedding(128256, width)
        self.blocks = nn.ModuleList(Block(width, heads, groups, hidden) for _ in range(depth))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.head = nn.Linear(width, 128256, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Score each token of the vocabulary as the next one."""
        x = self.embedding(ids)
        steps = torch.arange(0, self.size, 2, device=ids.device) / self.size
        turns = torch.outer(torch.arange(ids.shape[1], device=ids.device), 500000.0**-steps)
        angles = torch.cat([turns, turns], dim=-1)
        for block in self.blocks:
            x = block(x, angles)
        return self.head(self.norm(x))
