"""Guesses for the text that models of diffusers take: hidden states of encoders, and masks."""

from __future__ import annotations

from collections.abc import Callable

from netinspect._utils.classes import plain_name
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.diffusers_latents import Latent, number
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.records.base import replace

_TEXT = (
    *("joint_attention_dim", "text_embed_dim", "text_dim", "caption_channels", "cap_feat_dim"),
    *("text_in_dim", "in_text_dim", "context_in_dim", "text_hidden_dim", "llm_features_dim"),
    *("cross_attention_input_dim", "cond_token_dim", "encoder_hid_dim", "dit_text_dim"),
    *("encoder_hidden_states_channels", "encoder_hidden_size", "condition_dim"),
    *("cross_attention_dim", "embedding_dim"),
)
"""Settings for the features of the text, the most specific first."""

_LENGTH = ("max_text_seq_length", "max_sequence_length", "text_len", "num_embeddings")

Make = Callable[[ModelFacts, Latent], Guess | Candidate | None]
OneGuess = Callable[[ModelFacts, Latent], Guess | None]


def text_tokens(facts: ModelFacts) -> int:
    """Return the number of text tokens."""
    return number(facts, *_LENGTH) or TOKENS


def text_features(facts: ModelFacts, latent: Latent) -> Guess | None:
    """Guess the hidden states of the text encoder; none without a size for them."""
    for name in _TEXT:
        if (size := number(facts, name)) is not None:
            layers = number(facts, "num_text_layers")
            sizes = (layers, size) if layers else (size,)
            tokens = text_tokens(facts)
            if name == "condition_dim":
                # It is concatenated with the latents.
                tokens = latent.guess.spec.shape[-1]
            # Models that add motion to pictures take the text once for each frame.
            batch = latent.frames if number(facts, "motion_max_seq_length") else 1
            return tensor(batch or 1, tokens, *sizes, reason=f"config.{name} = {size}")
    return None


def features(*names: str, length: int = 0) -> OneGuess:
    """Return a function that guesses features of a configured size; none without such a setting."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        for name in names:
            if (size := number(facts, name)) is not None:
                shape = (1, length, size) if length else (1, size)
                return tensor(*shape, reason=f"config.{name} = {size}")
        return None

    return make


def text_of(tokens: str, size: str) -> OneGuess:
    """Return a function that guesses text whose tokens and features are settings."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        width = number(facts, size)
        if width is None:
            return None
        length = number(facts, tokens) or TOKENS
        return tensor(1, length, width, reason=f"config.{size} = {width}")

    return make


def text_mask(facts: ModelFacts, latent: Latent) -> Guess | None:
    """Guess the mask of the text, where a mask is required."""
    names = facts.names
    is_required = any(name in names.required for name in names.names if "mask" in name)
    if not is_required and "UNet" not in plain_name(type(facts.model)):
        return None
    if "attention_mask" in names.names and not is_required:
        return None
    return tensor(1, text_tokens(facts), dtype="int64", values=(1,), reason="one entry per text token")


def text_layers(facts: ModelFacts, latent: Latent) -> Guess | None:
    """Guess the hidden states of the text encoder, one for each block."""
    size = number(facts, "text_encoder_dim")
    blocks = (number(facts, "num_layers") or 0) + (number(facts, "num_single_layers") or 0)
    if size is None or not blocks:
        return None
    guess = tensor(1, text_tokens(facts), size, reason=f"config.text_encoder_dim = {size}, per block")
    return replace(guess, spec=replace(guess.spec, listed=blocks))


def captions(index: int) -> OneGuess:
    """Return a function that guesses the text of one of several encoders."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        sizes = facts.setting("caption_channels")
        if not isinstance(sizes, (list, tuple)) or len(sizes) < 2:
            return None
        layers = facts.setting("llama_layers")
        leading = (max(layers) + 1,) if index and isinstance(layers, (list, tuple)) else ()
        reason = f"config.caption_channels = {list(sizes)}"
        return tensor(*leading, 1, text_tokens(facts), sizes[index], reason=reason)

    return make


def second_text(facts: ModelFacts, latent: Latent) -> Guess | None:
    """Guess the hidden states of a second text encoder."""
    return text_of("text_len_t5", "cross_attention_dim_t5")(facts, latent) or captions(0)(facts, latent)


def mask_of(name: str) -> OneGuess:
    """Return a function that guesses a mask whose length is a setting."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        length = number(facts, name)
        if length is None:
            return None
        return tensor(1, length, dtype="int64", values=(1,), reason=f"config.{name} = {length}")

    return make


def text_in_list(facts: ModelFacts, latent: Latent) -> Guess | None:
    """Guess the text as a list with one tensor per example."""
    guess = text_features(facts, latent)
    return None if guess is None else replace(guess, spec=guess.spec.as_list())
