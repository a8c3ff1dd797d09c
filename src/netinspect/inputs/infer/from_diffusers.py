"""Guesses for the models of diffusers, and for classes that inherit from one."""

from __future__ import annotations

import dataclasses

from netinspect._utils.classes import ancestors, defining_module
from netinspect.inputs.infer.candidate import Candidate, tensor
from netinspect.inputs.infer.diffusers_arguments import ARGUMENTS
from netinspect.inputs.infer.diffusers_latents import LATENTS, Latent, find_latent
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.tracing.safe_access import attribute


def diffusers_inputs(facts: ModelFacts) -> Candidate:
    """Return the guesses for a model of diffusers, or of a class that inherits one; empty for others."""
    modules = [defining_module(each).partition(".")[0] for each in ancestors(type(facts.model))]
    if "diffusers" not in modules or facts.names.method != "forward":
        return {}
    # Where its models store their configuration; the property of a user's class is not read.
    facts = dataclasses.replace(facts, config=attribute(facts.model, "_internal_dict"))
    if facts.config is None:
        return {}
    name = next((each for each in facts.names.names if each in LATENTS), "")
    latent = find_latent(name, facts) if name else None
    known: Candidate = {} if latent is None else {name: latent.guess}
    latent = latent or Latent("", tensor(1, reason=""))
    for each in facts.names.names:
        make = ARGUMENTS.get(each)
        if make is not None and each not in known:
            guess = make(facts, latent)
            parts = guess if isinstance(guess, dict) else {each: guess}
            known |= {key: part for key, part in parts.items() if part is not None}
    return known
