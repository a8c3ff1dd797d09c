"""Nets on sound, text and series."""

from __future__ import annotations

import torch
from torch import nn


class WaveformEncoder(nn.Module):
    """Encoder of a waveform at 16 kHz, by strides of 320 in total."""

    def __init__(self) -> None:
        super().__init__()
        widths, strides = (1, 8, 16, 16, 32), (5, 4, 4, 4)
        self.layers = nn.ModuleList(
            nn.Conv1d(a, b, 2 * stride, stride=stride)
            for a, b, stride in zip(widths[:-1], widths[1:], strides, strict=True)
        )

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            waveform = layer(waveform).relu()
        return waveform


class SpectrogramEncoder(nn.Module):
    """Transformer on 80 bands of a spectrogram, and the number of frames of each example."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(80, 32, 3, padding=1)
        self.block = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)

    def forward(self, mel: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.first(mel).transpose(1, 2)
        hidden = torch.arange(x.shape[1])[None] >= lengths[:, None]
        return self.block(x, src_key_padding_mask=hidden)


class WordModel(nn.Module):
    """Recurrent language model whose caller passes the state that `init_hidden` makes."""

    def __init__(self, words: int = 200, width: int = 24, layers: int = 2) -> None:
        super().__init__()
        self.layers, self.width = layers, width
        self.embedding = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, width, layers)
        self.head = nn.Linear(width, words)

    def init_hidden(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        zeros = torch.zeros(self.layers, batch, self.width)
        return zeros, zeros

    def forward(
        self, input: torch.Tensor, hidden: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        x, hidden = self.rnn(self.embedding(input), hidden)
        return self.head(x), hidden


class Translator(nn.Module):
    """Encoder and decoder with one vocabulary for each language."""

    def __init__(self, source_words: int = 120, target_words: int = 90, width: int = 32) -> None:
        super().__init__()
        self.source = nn.Embedding(source_words, width)
        self.target = nn.Embedding(target_words, width)
        self.transformer = nn.Transformer(width, 4, 1, 1, 64, batch_first=True)
        self.head = nn.Linear(width, target_words)

    def forward(self, src: torch.Tensor, tgt: torch.Tensor) -> torch.Tensor:
        return self.head(self.transformer(self.source(src), self.target(tgt)))


class Forecaster(nn.Module):
    """Forecasts a series of fixed length from its past."""

    def __init__(self, seq_len: int = 96, pred_len: int = 24, channels: int = 7) -> None:
        super().__init__()
        self.seq_len, self.channels = seq_len, channels
        self.linear = nn.Linear(seq_len, pred_len)
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(self.linear(x.transpose(1, 2)).transpose(1, 2))


class DictionaryBatch(nn.Module):
    """Classifier that takes one dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        x = self.embedding(batch["input_ids"])
        weights = batch["attention_mask"].unsqueeze(-1).float()
        return self.head((x * weights).sum(1) / weights.sum(1))


class ByKind(nn.Module):
    """Net whose head is chosen by a word."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(12, 16)
        self.heads = nn.ModuleDict({"age": nn.Linear(16, 1), "colour": nn.Linear(16, 5)})

    def forward(self, x: torch.Tensor, kind: str) -> torch.Tensor:
        return self.heads[kind](self.body(x).relu())
