"""Networks that take text, audio, points, graphs, tables, or several inputs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Lm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(1000, 32)
        self.r = nn.LSTM(32, 64, batch_first=True)
        self.o = nn.Linear(64, 1000)

    def forward(self, idx: Tensor) -> Tensor:
        x, _ = self.r(self.e(idx))
        return self.o(x)


class Gpt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tok = nn.Embedding(500, 64)
        self.pos = nn.Parameter(torch.zeros(1, 128, 64))
        self.qkv = nn.Linear(64, 192)
        self.head = nn.Linear(64, 500)

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        B, T = x.shape
        h = self.tok(x) + self.pos[:, :T]
        q, k, v = self.qkv(h).view(B, T, 3, 4, 16).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, 64)
        return self.head(h)


class Bert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Embedding(300, 32)
        self.t = nn.Embedding(2, 32)
        self.p = nn.Embedding(64, 32)
        self.l = nn.TransformerEncoderLayer(32, 4, batch_first=True)
        self.o = nn.Linear(32, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        p = torch.arange(input_ids.shape[1], device=input_ids.device)
        h = self.w(input_ids) + self.t(token_type_ids) + self.p(p)
        h = self.l(h, src_key_padding_mask=attention_mask == 0)
        return self.o(h[:, 0])


class Wave(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv1d(1, 16, 80, 16)
        self.c2 = nn.Conv1d(16, 32, 3)
        self.o = nn.Linear(32, 35)

    def forward(self, waveform: Tensor) -> Tensor:
        return self.o(F.relu(self.c2(self.c(waveform))).mean(-1))


class WaveFlat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv1d(1, 4, 80, 16)
        self.o = nn.Linear(4 * 496, 35)

    def forward(self, x: Tensor) -> Tensor:
        return self.o(self.c(x).flatten(1))


class Spec(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(1, 8, 3)
        self.r = nn.GRU(8 * 38, 16, batch_first=True)
        self.o = nn.Linear(16, 4)

    def forward(self, spectrogram: Tensor) -> Tensor:
        x = self.c(spectrogram)
        b, c, f, t = x.shape
        x = x.permute(0, 3, 1, 2).reshape(b, t, c * f)
        x, _ = self.r(x)
        return self.o(x[:, -1])


class Forecast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.r = nn.LSTM(7, 32, 2)
        self.o = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.r(x)
        return self.o(y[-1])


class Clip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Conv2d(3, 32, 16, 16)
        self.tok = nn.Embedding(400, 32)
        self.pos = nn.Parameter(torch.zeros(77, 32))

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        i = self.visual(image).flatten(2).mean(-1)
        t = (self.tok(text) + self.pos).mean(1)
        return i @ t.T


class Seq2Seq(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(100, 32)
        self.d = nn.Embedding(120, 32)
        self.t = nn.Transformer(32, 4, 1, 1, 64, batch_first=True)
        self.o = nn.Linear(32, 120)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        return self.o(self.t(self.e(src), self.d(tgt)))


class RawT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.t = nn.Transformer(32, 4, 1, 1, 64)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        return self.t(src, tgt)


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv1d(3, 64, 1)
        self.o = nn.Linear(64, 40)

    def forward(self, points: Tensor) -> Tensor:
        return self.o(self.c(points).max(-1)[0])


class PointMlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Linear(3, 64)
        self.o = nn.Linear(64, 40)

    def forward(self, xyz: Tensor) -> Tensor:
        xyz.unsqueeze(3)
        return self.o(self.c(xyz).max(1)[0])


class Gcn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(1433, 16)
        self.o = nn.Linear(16, 7)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        h = self.l(x)
        out = torch.zeros_like(h).index_add(0, edge_index[1], h[edge_index[0]])
        return self.o(out)


class GcnAdj(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(32, 16))

    def forward(self, x: Tensor, adj: Tensor) -> Tensor:
        return adj @ (x @ self.w)


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(50, 8)
        self.r = nn.GRU(8, 8, batch_first=True)
        self.o = nn.Linear(8, 2)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        p = nn.utils.rnn.pack_padded_sequence(
            self.e(tokens), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, h = self.r(p)
        return self.o(h[-1])


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(20, 30))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.n = nn.LayerNorm(48)
        self.a = nn.MultiheadAttention(48, 4, batch_first=True)
        self.o = nn.Linear(48, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.n(x)
        y, _ = self.a(y, y, y)
        return self.o(y)


class Tabular(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.ModuleList([nn.Embedding(n, 4) for n in (10, 20, 30)])
        self.l = nn.Linear(12 + 5, 1)

    def forward(self, x_cat: Tensor, x_num: Tensor) -> Tensor:
        return self.l(torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.e)] + [x_num], 1))


class Decide(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return self.l(x)
        return self.l(self.l(x))


class DictIn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(6, 6)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.l(batch["features"])


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3)
        self.l = nn.Linear(8 + 10, 2)

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        return self.l(torch.cat([self.c(image).mean((2, 3)), metadata], 1))


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.r = nn.GRUCell(10, 20)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.r(x, h)


class MaskedMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(12, 8)
        self.o = nn.Linear(8, 3)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        h = self.l(x)
        m = mask.unsqueeze(-1).float()
        return self.o((h * m).sum(1) / m.sum(1))


class ConvText(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(99, 16)
        self.c = nn.ModuleList([nn.Conv1d(16, 8, k) for k in (3, 4, 30)])
        self.o = nn.Linear(24, 2)

    def forward(self, text: Tensor) -> Tensor:
        x = self.e(text).transpose(1, 2)
        return self.o(torch.cat([c(x).max(-1)[0] for c in self.c], 1))


class Big(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(50000, 1024)
        self.l = nn.ModuleList([nn.Linear(1024, 4096), nn.Linear(4096, 1024)])
        self.h = nn.Linear(1024, 50000)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.e(idx)
        x = self.l[1](F.gelu(self.l[0](x)))
        return self.h(x)


class Opt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(6, 6)

    def forward(self, x: Tensor, flag: bool, n: int) -> Tensor:
        for _ in range(n):
            x = self.l(x)
        return x if flag else -x
