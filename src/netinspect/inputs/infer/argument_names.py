"""Guesses from argument names, such as token ids for `input_ids` or a mask for `attention_mask`."""

from __future__ import annotations

import math
import re
from enum import Enum, auto

from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts


class Meaning(Enum):
    """Meaning of an argument."""

    IMAGE = auto()
    TOKENS = auto()
    ATTENTION_MASK = auto()
    PADDING_MASK = auto()
    PAIRWISE_MASK = auto()
    ZEROS = auto()
    POSITIONS = auto()
    LENGTHS = auto()
    TIME = auto()
    AUDIO = auto()
    SPECTRUM = auto()
    POINTS = auto()
    SEQUENCE = auto()
    NODES = auto()
    EDGES = auto()
    ADJACENCY = auto()
    GRID = auto()
    COUNTS = auto()
    IMAGE_MASK = auto()
    CLASS = auto()


_PATTERNS: dict[str, Meaning] = {
    r"(.*_)?pad(ding)?_mask": Meaning.PADDING_MASK,
    r"(attn|src|tgt|causal|memory|look_ahead)_mask": Meaning.PAIRWISE_MASK,
    r"((encoder|decoder|input|text)_)?(attention_)?mask|.*attention_mask": Meaning.ATTENTION_MASK,
    r"pixel(_attention)?_mask": Meaning.IMAGE_MASK,
    r".*_mask": Meaning.ATTENTION_MASK,
    r"spatial_shapes?|(tgt|target)_sizes": Meaning.GRID,
    r"merge_sizes?": Meaning.COUNTS,
    r"token_type_ids?|segment(_ids?|s)?": Meaning.ZEROS,
    r"pos(ition)?_ids|positions?": Meaning.POSITIONS,
    r"(.*_)?(len|lens|lengths?|seq_lens?)": Meaning.LENGTHS,
    r"t|ts|time|times|time_?steps?|sigmas?|noise_levels?|diffusion_steps?": Meaning.TIME,
    r"(class_?|domain_?|style_?|cond_?)?(labels?|classes|class|cls|y)(_ids?|_idx)?":
        Meaning.CLASS,
    r"(users?|items?|movies?|products?|speakers?|genres?|categor(y|ies)|entit(y|ies)|relations?|domains?|"
    r"artists?|books?|songs?|stores?|cit(y|ies)|countr(y|ies)|genders?)(_?ids?|_?idx|_index|_indices)?":
        Meaning.CLASS,
    r"(.*_)?(ids?|idx|token_ids|tokens?|indices|words?|texts?|captions?|sentences?|chars?)":
        Meaning.TOKENS,
    r"(.*_)?(images?|imgs?|pixel_values|pixels|photos?|rgb|pictures?|frames?|video|videos)(_?\d+)?":
        Meaning.IMAGE,
    r"(.*_)?(waveforms?|waves?|wavs?|audios?|speech|raw_speech|signals?|input_values|mix|mixtures?)":
        Meaning.AUDIO,
    r"(.*_)?(spectrograms?|mels?|mel_spec|log_mels?|fbanks?|input_features|specs?)": Meaning.SPECTRUM,
    r"(.*_)?(points?|xyz|point_clouds?|pcs?|pcd|coords?|point_sets?)": Meaning.POINTS,
    r"(.*_)?(seq|seqs|sequences?|series|time_series|history|past_values)": Meaning.SEQUENCE,
    r"edge_index": Meaning.EDGES,
    r"adj|adjacency|adj_matrix|adjacency_matrix": Meaning.ADJACENCY,
    r"nodes?|node_features|node_feats": Meaning.NODES,
}  # fmt: skip


_LONGEST = 200
"""Most characters of a name that is matched."""


def meaning_of(name: str) -> Meaning | None:
    """Return the meaning of a name, or None if unknown."""
    if len(name) > _LONGEST:
        return None
    for pattern, meaning in _PATTERNS.items():
        if re.fullmatch(pattern, name.lower()):
            return meaning
    return None


def guess_by_name(name: str, others: Candidate, facts: ModelFacts) -> Guess | None:
    """Guess an argument from its name.

    Args:
        name: Name of the argument.
        others: Guesses for the arguments before it, whose sizes it may share.
        facts: The model.

    Returns:
        The guess, or None if the name alone is not enough.
    """
    meaning = meaning_of(name)
    why = f"an argument called {name}"
    batch, length = _leading(others)
    rows = min(facts.embeddings.values(), default=0)
    match meaning:
        case Meaning.TOKENS if rows or facts.setting("vocab_size"):
            size = facts.setting("vocab_size") or max(facts.embeddings.values())
            return tensor(
                batch,
                TOKENS,
                dtype="int64",
                low=0,
                high=size - 1,
                reason=f"{why}; {size} tokens are known",
            )
        case Meaning.CLASS if rows and not _has_tokens(others):
            reason = f"{why}: one per example"
            high = _rows_for(name, facts) - 1
            return tensor(batch, dtype="int64", low=0, high=high, reason=reason)
        case Meaning.ATTENTION_MASK:
            return tensor(
                batch, length, dtype="int64", low=1, high=1, reason=f"{why}: no position is masked"
            )
        case Meaning.PADDING_MASK:
            return tensor(batch, length, dtype="bool", low=0, high=0, reason=f"{why}: no padding")
        case Meaning.PAIRWISE_MASK:
            return tensor(length, length, low=0, high=0, reason=f"{why}: no position is masked")
        case Meaning.ZEROS:
            return tensor(batch, length, dtype="int64", low=0, high=0, reason=why)
        case Meaning.POSITIONS:
            return tensor(batch, length, dtype="int64", low=0, high=length - 1, reason=why)
        case Meaning.LENGTHS:
            return tensor(
                batch, dtype="int64", low=length, high=length, reason=f"{why}: the full length"
            )
        case Meaning.TIME:
            return tensor(batch, dtype="int64", low=0, high=999, reason=f"{why}: one step per example")
        case Meaning.EDGES:
            return tensor(2, 2 * TOKENS, dtype="int64", low=0, high=TOKENS - 1, reason=why)
        case Meaning.GRID:
            side = math.isqrt(TOKENS)
            return tensor(
                batch, 2, dtype="int64", low=side, high=side, reason=f"{why}: {side}x{side} patches"
            )
        case Meaning.COUNTS:
            return tensor(batch, dtype="int64", low=1, high=1, reason=f"{why}: one of each")
        case Meaning.IMAGE_MASK:
            sides = next(
                (guess.spec.shape[-2:] for guess in others.values() if len(guess.spec.shape) > 3), ()
            )
            return tensor(
                batch, *sides, dtype="int64", low=1, high=1, reason=f"{why}: no position is masked"
            )
        case Meaning.ADJACENCY:
            return tensor(TOKENS, TOKENS, low=0, high=1, reason=why)
    return None


def _rows_for(name: str, facts: ModelFacts) -> int:
    """Return the rows of the embedding whose path has the word of a name; else those of the smallest."""
    word = name.lower().partition("_")[0]
    mine = [
        rows
        for path, rows in facts.embeddings.items()
        if word in path.lower() or word.startswith(path.lower().rpartition(".")[2] or "-")
    ]
    return min(mine or facts.embeddings.values())


def _has_tokens(others: Candidate) -> bool:
    """Return whether other arguments are rows of tokens, each of which may have a class."""
    return any(
        guess.firm and guess.spec.dtype == "int64" and len(guess.spec.shape) > 1
        for guess in others.values()
    )


def _leading(others: Candidate) -> tuple[int, int]:
    """Return the batch size and the length of the first argument."""
    for guess in others.values():
        shape = guess.spec.shape
        if len(shape) > 1:
            return shape[0], shape[1]
        return (shape[0] if shape else 1), TOKENS
    return 1, TOKENS
