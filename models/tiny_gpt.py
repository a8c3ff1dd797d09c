"""A tiny GPT: causal attention, identical blocks, tied weights.

A decoder-only transformer over bytes that predicts the next byte at every position. Note the
head, which has no weight of its own: it shares that of the embedding, so that a sum over layers
counts it twice. The causal attention is a function, not a module; only a trace shows it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MODEL = "TinyGPT"
EXAMPLE_INPUTS = ("tokens=2x32:int64:0..255",)


class CausalSelfAttention(nn.Module):
    """Attention of every position to itself and the positions before it.

    Args:
        width: Features of a position; a multiple of ``heads``.
        heads: Number of parallel attentions.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Mix each position with the positions before it."""
        batch, length, width = x.shape
        x = self.query_key_value(x)
        x = x.view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = x.permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x.transpose(1, 2).reshape(batch, length, width)
        x = self.projection(x)
        return x


class Block(nn.Module):
    """Attention, then a small perceptron, each added to its input.

    Args:
        width: Features of a position.
        heads: Heads of the attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads)
        self.perceptron_norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Mix between positions, then within each."""
        x = x + self.attention(self.attention_norm(x))
        x = x + self.perceptron(self.perceptron_norm(x))
        return x


class TinyGPT(nn.Module):
    """A language model small enough to read.

    Args:
        vocabulary: Number of different tokens.
        context: Maximum number of tokens in a sequence.
        width: Features of a position.
        heads: Heads of each attention.
        blocks: Number of identical blocks.
    """

    def __init__(
        self,
        vocabulary: int = 256,
        context: int = 64,
        width: int = 64,
        heads: int = 4,
        blocks: int = 3,
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.position_embedding = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.token_embedding.weight
        # An embedding starts with a deviation of 1, which is too large for the head.
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Score each token as the next one at each position."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token_embedding(tokens) + self.position_embedding(positions)
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.head(self.norm(x))
        return scores
