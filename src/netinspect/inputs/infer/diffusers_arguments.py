"""Guesses for the models of diffusers from their configuration, by the names of their arguments."""

from __future__ import annotations

from typing import Any

from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.diffusers_latents import TOKENS_OF_CLIP, Latent, number
from netinspect.inputs.infer.diffusers_text import (
    Make,
    OneGuess,
    captions,
    features,
    mask_of,
    second_text,
    text_features,
    text_in_list,
    text_layers,
    text_mask,
    text_of,
    text_tokens,
)
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.spec import plain_value
from netinspect.records.base import replace
from netinspect.tracing.safe_access import attribute

_AXES = ("axes_dims_rope", "axes_dim_rope", "axes_dims", "rope_axes_dim")


def _timestep(facts: ModelFacts, latent: Latent) -> Guess:
    steps = number(facts, "num_train_timesteps") or 1000
    return tensor(1, dtype="int64", low=0, high=steps - 1, reason="one timestep per example")


def _another_timestep(facts: ModelFacts, latent: Latent) -> Guess | None:
    is_needed = {"timestep_r", "r_timestep"} & {*facts.names.required} or facts.setting("use_meanflow")
    return _timestep(facts, latent) if is_needed else None


def _frame_rate(facts: ModelFacts, latent: Latent) -> Guess | None:
    if "fps" not in facts.names.required:
        return None
    return tensor(1, dtype="int64", low=1, high=30, reason="frames per second of each example")


def _padding(facts: ModelFacts, latent: Latent) -> Guess | None:
    if facts.setting("concat_padding_mask") is False:
        return None
    reason = f"one entry per pixel of {latent.name}"
    return tensor(1, 1, latent.side, latent.side, low=0, high=0, reason=reason)


def _ids_of_picture(facts: ModelFacts, latent: Latent) -> Guess | None:
    rows, size = number(facts, "vocab_size"), number(facts, "sample_size")
    if rows is None or size is None:
        return None
    reason = f"config.vocab_size = {rows}, a picture of {size} x {size} tokens"
    return tensor(1, size, size, dtype="int64", low=0, high=rows - 1, reason=reason)


def _positions(facts: ModelFacts, latent: Latent) -> Guess | None:
    if not latent.tokens or facts.setting(*_AXES) is None:
        return None
    return _ids(facts, latent.tokens + text_tokens(facts))


def _chunks(facts: ModelFacts, latent: Latent) -> Guess | None:
    if not latent.frames:
        return None
    return Guess(spec=plain_value([latent.frames]), reason=f"one chunk of {latent.frames} frames")


def _style(facts: ModelFacts, latent: Latent) -> Guess | None:
    if not facts.setting("use_style_cond_and_image_meta_size"):
        return None
    return tensor(1, dtype="int64", low=0, high=0, reason="one style per example")


def _meta_size(facts: ModelFacts, latent: Latent) -> Guess | None:
    if not facts.setting("use_style_cond_and_image_meta_size"):
        return None
    return tensor(1, 6, low=0, high=1024, reason="six sizes and crops of the picture")


def _control_types(facts: ModelFacts, latent: Latent) -> Guess | None:
    kinds = number(facts, "num_control_type")
    reason = f"config.num_control_type = {kinds}"
    return None if kinds is None else tensor(1, kinds, low=0, high=1, reason=reason)


def _scale(facts: ModelFacts, latent: Latent) -> Guess | None:
    scale = number(facts, "scales")
    return None if scale is None else Guess(spec=plain_value(scale), reason="the first of config.scales")


def _pose(facts: ModelFacts, latent: Latent) -> Guess | None:
    guess = _with_channels("latent_channels")(facts, latent)
    if guess is None or latent.frames < 2:
        return None
    spec = guess.spec.with_size(2, latent.frames - 1)
    return Guess(spec=spec, reason=f"{guess.reason}, without the first frame")


def _faces(facts: ModelFacts, latent: Latent) -> Guess | None:
    side = number(facts, "motion_encoder_size")
    if side is None or latent.frames < 2:
        return None
    frames = 4 * (latent.frames - 1)
    return tensor(1, 3, frames, side, side, reason=f"config.motion_encoder_size = {side}")


def _fraction(facts: ModelFacts, latent: Latent) -> Guess:
    return tensor(1, low=0, high=1, reason="one timestep per example, from 0 to 1")


def _global(facts: ModelFacts, latent: Latent) -> Guess | None:
    return features("global_states_input_dim", length=1)(facts, latent) or features("global_cond_dim")(
        facts, latent
    )


def _micro_conditions(facts: ModelFacts, latent: Latent) -> Guess | None:
    total, each = number(facts, "micro_cond_embed_dim"), number(facts, "micro_cond_encode_dim")
    if total is None or each is None:
        return None
    return tensor(1, total // each, reason=f"config: {total} features, {each} each")


def _guidance(facts: ModelFacts, latent: Latent) -> Guess | None:
    if not facts.setting("guidance_embeds"):
        return None
    return tensor(1, low=1, high=5, reason="config.guidance_embeds: one scale per example")


def _part_of_picture(index: int) -> Make:
    """Return a function that guesses a number of frames, rows or columns of a sequence of latents."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        if not latent.tokens or not {"num_frames", "height", "width"} <= {*facts.names.names}:
            return None
        reason = f"{latent.tokens} tokens are a clip of {' x '.join(map(str, TOKENS_OF_CLIP))}"
        return Guess(spec=plain_value(TOKENS_OF_CLIP[index]), reason=reason)

    return make


def _integers(name: str, *shape: int) -> Make:
    """Return a function that guesses indices below a configured size."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        size = number(facts, name)
        if size is None:
            return None
        sizes = (1, *(each or latent.side for each in shape))
        return tensor(*sizes, dtype="int64", low=0, high=size - 1, reason=f"config.{name} = {size}")

    return make


def _like_latents(facts: ModelFacts, latent: Latent) -> Guess | None:
    return replace(latent.guess, reason=f"as {latent.name}") if latent.name else None


def _with_channels(*names: str) -> OneGuess:
    """Return a function that guesses latents of other channels."""

    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        shape, channels = latent.guess.spec.shape, number(facts, *names)
        if channels is not None and "condition_mask" in facts.names.required:
            channels -= 2
        if channels is None or len(shape) < 3:
            return None
        index = 2 if latent.tokens else 1
        spec = latent.guess.spec.with_size(index, channels)
        return Guess(spec=spec, reason=f"as {latent.name}, with {channels} channels")

    return make


def _ids(facts: ModelFacts, length: int) -> Guess:
    axes = facts.setting(*_AXES)
    count = len(axes) if isinstance(axes, (list, tuple)) else 3
    reason = f"one position of {count} coordinates per token"
    return tensor(length, count, low=0, high=length - 1, reason=reason)


def _labels(facts: ModelFacts, latent: Latent) -> Guess | None:
    kind = facts.setting("class_embed_type")
    if kind in ("projection", "simple_projection"):
        return features("projection_class_embeddings_input_dim")(facts, latent)
    if kind == "timestep":
        return _timestep(facts, latent)
    # The normalization of some models embeds the classes.
    is_adaptive = facts.setting("norm_type") == "ada_norm_zero"
    name = "num_embeds_ada_norm" if is_adaptive else "num_class_embeds"
    classes = number(facts, name)
    if classes is None:
        return None
    return tensor(1, dtype="int64", low=0, high=classes - 1, reason=f"config.{name} = {classes}")


def _conditions(facts: ModelFacts, latent: Latent) -> Candidate:
    """Guess the dictionary of further conditions by the kind of their embedding."""
    prefix, kind = "added_cond_kwargs", facts.setting("addition_embed_type")
    total = number(facts, "projection_class_embeddings_input_dim")
    step = number(facts, "addition_time_embed_dim")
    if kind == "text_time" and total and step:
        reason = f"config: {total} features, six times {step} of which are sizes and crops"
        return {
            f"{prefix}.text_embeds": tensor(1, total - 6 * step, reason=reason),
            f"{prefix}.time_ids": tensor(1, 6, reason=reason),
        }
    projects = facts.setting("encoder_hid_dim_type") in ("image_proj", "text_image_proj")
    if kind in ("image", "text_image") or projects:
        size = number(facts, "encoder_hid_dim", "cross_attention_dim") or TOKENS
        embeds = tensor(1, size, reason=f"config: {size} features of an image")
        others = {f"{prefix}.text_embeds": embeds} if kind == "text_image" else {}
        return {f"{prefix}.image_embeds": embeds, **others}
    if attribute(facts.model, "use_additional_conditions") is True:
        return {
            f"{prefix}.resolution": tensor(1, 2, reason="height and width of the picture"),
            f"{prefix}.aspect_ratio": tensor(1, 1, reason="aspect ratio of the picture"),
        }
    return {}


def _condition(facts: ModelFacts, latent: Latent) -> Guess | None:
    """Guess the picture that conditions a ControlNet: in pixels, or in the size of the latents."""
    prefix = "ctrl_" if facts.setting("ctrl_conditioning_channels") else ""
    levels = facts.setting(f"{prefix}conditioning_embedding_out_channels")
    name = f"{prefix}conditioning_channels"
    channels = number(facts, name)
    if not isinstance(levels, (list, tuple)) or channels is None or latent.frames:
        return _like_latents(facts, latent)
    side = latent.side << (len(levels) - 1)
    guess = tensor(1, channels, side, side, reason=f"config.{name} = {channels}, in pixels")
    # A ControlNet for several types takes one picture for each.
    is_several = "control_type_idx" in facts.names.names
    return replace(guess, spec=replace(guess.spec, listed=1)) if is_several else guess


def _condition_mask(facts: ModelFacts, latent: Latent) -> Guess | None:
    is_needed = "conditioning_mask" in facts.names.names or "condition_mask" in facts.names.required
    if not latent.frames or not is_needed:
        return None
    spec = latent.guess.spec.with_size(1, 1).with_range(0, 1)
    return Guess(spec=spec, reason=f"one entry per pixel of {latent.name}")


def _time_ids(facts: ModelFacts, latent: Latent) -> Guess | None:
    total = number(facts, "projection_class_embeddings_input_dim")
    step = number(facts, "addition_time_embed_dim")
    if not total or not step:
        return None
    return tensor(1, total // step, reason=f"config: {total} features, {step} each")


def _picture_shapes(facts: ModelFacts, latent: Latent) -> Guess | None:
    if not latent.tokens:
        return None
    annotation = facts.names.arguments["img_shapes"].annotation
    value: Any = TOKENS_OF_CLIP if annotation.lower().count("list") == 0 else [TOKENS_OF_CLIP]
    return Guess(spec=plain_value(value), reason=f"frames, height and width of {latent.tokens} tokens")


def _pair(facts: ModelFacts, latent: Latent) -> Guess:
    return tensor(1, 2, low=0, high=1024, reason="height and width of the picture")


def _per_token(dtype: str) -> Make:
    def make(facts: ModelFacts, latent: Latent) -> Guess | None:
        patch = number(facts, "patch_size") or 1
        count = latent.tokens or (latent.side // patch) ** 2
        high = (number(facts, "prior_vq_quantizer_codebook_size") or 2) - 1
        reason = "one entry per token of the picture"
        return tensor(1, count, dtype=dtype, low=0, high=1 if dtype == "bool" else high, reason=reason)

    return make


ARGUMENTS: dict[str, Make] = {
    "added_cond_kwargs": _conditions,
    "added_time_ids": _time_ids,
    "audio_encoder_hidden_states": lambda facts, latent: text_features(facts, latent),
    "audio_hidden_states": features("audio_in_channels", "in_audio_dim", length=TOKENS),
    "audio_num_frames": lambda facts, latent: Guess(
        spec=plain_value(TOKENS), reason=f"{TOKENS} tokens of audio"
    ),
    "cap_feats": text_in_list,
    "chunk_partition": _chunks,
    "class_labels": _labels,
    "clip_text_pooled": features("clip_text_pooled_in_channels", length=1),
    "condition_mask": _condition_mask,
    "conditioning_mask": _condition_mask,
    "control_hidden_states": _with_channels("vace_in_channels"),
    "control_type": _control_types,
    "control_type_idx": lambda facts, latent: Guess(spec=plain_value([0]), reason="the first type"),
    "controlnet_cond": _condition,
    "crop_coords": _pair,
    "encoder_attention_mask": text_mask,
    "encoder_hidden_states": text_features,
    "encoder_hidden_states_2": text_of("text_len_2", "text_embed_2_dim"),
    "encoder_hidden_states_image": features("image_dim", length=257),
    "encoder_hidden_states_llama3": captions(1),
    "encoder_hidden_states_t5": second_text,
    "encoder_mask": text_mask,
    "face_pixel_values": _faces,
    "fps": _frame_rate,
    "global_hidden_states": _global,
    "guidance": _guidance,
    "height": _part_of_picture(1),
    "image_embeddings": features("cross_attention_dim"),
    "image_embeds": features("image_embed_dim", "image_proj_dim", length=TOKENS),
    "image_meta_size": _meta_size,
    "image_latents": _like_latents,
    "img_ids": lambda facts, latent: _ids(facts, latent.tokens) if latent.tokens else None,
    "img_shapes": _picture_shapes,
    "indices_latents": lambda facts, latent: tensor(
        1, latent.frames or 1, dtype="int64", low=0, high=latent.frames, reason="one index per frame"
    ),
    "input_ids": _ids_of_picture,
    "latents": _with_channels("latent_channels"),
    "micro_conds": _micro_conditions,
    "num_frames": _part_of_picture(0),
    "original_size": _pair,
    "padding_mask": _padding,
    "pooled_embeds": features("text_emb_dim"),
    "pooled_projections": features("pooled_projection_dim", "in_text_dim2"),
    "pooled_text_emb": features("cond_embed_dim"),
    "pose_hidden_states": _pose,
    "position_ids": _positions,
    "prior_token_drop": _per_token("bool"),
    "prior_token_id": _per_token("int64"),
    "proj_embedding": features("embedding_proj_dim", "embedding_dim"),
    "r_timestep": _another_timestep,
    "scale": _scale,
    "source_hidden_states": text_of("", "source_dim"),
    "style": _style,
    "t": _fraction,
    "target_input_ids": _integers("target_vocab_size", TOKENS),
    "target_size": _pair,
    "text_bth": lambda facts, latent: text_features(facts, latent),
    "text_embedding_mask": mask_of("text_len"),
    "text_embedding_mask_t5": mask_of("text_len_t5"),
    "text_encoder_layers": text_layers,
    "text_lens": lambda facts, latent: tensor(
        1, dtype="int64", values=(text_tokens(facts),), reason="length of the text"
    ),
    "timestep": _timestep,
    "timesteps": _timestep,
    "timestep_r": _another_timestep,
    "timestep_ratio": _fraction,
    "txt_ids": lambda facts, latent: _ids(facts, text_tokens(facts)),
    "width": _part_of_picture(2),
}
"""Guesses by the name of the argument; they are none if the model has no such part."""
