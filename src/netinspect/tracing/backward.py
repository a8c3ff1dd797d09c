"""Backward pass: gradients of the parameters. The caller restores `.grad`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from netinspect.errors import message_of, shorten
from netinspect.records.tensors import Gradient
from netinspect.records.trace import Backward
from netinspect.tracing.recording.operators import Operators
from netinspect.tracing.tensors.describe import tensors_of


def run_backward(
    output: Any,
    parameters: Sequence[torch.Tensor],
    *,
    seed: int,
    notes: list[str],
    operators: Operators,
) -> tuple[Backward, list[Gradient | None]]:
    """Differentiate a model's output with respect to some parameters.

    The gradient of the output is normal noise with a fixed seed. With ones, as in
    `output.sum().backward()`, all gradients before a final softmax or layer norm would be zero, as in a
    dead network.

    Args:
        output: Output of forward, any structure of tensors.
        parameters: Tensors to differentiate by; those without `requires_grad` are skipped.
        seed: Seed of the noise.
        notes: Receives torch's warnings, which would otherwise name a line of netinspect.
        operators: Mode that counts the operators.

    Returns:
        Record of the pass, and a gradient for each parameter; None for a parameter without one.

    Raises:
        RuntimeError: No output depends on a tensor that requires a gradient, or autograd failed.
    """
    with torch._C.DisableTorchFunction():
        outputs = [tensor for tensor in tensors_of(output) if tensor.requires_grad]
    if not outputs:
        raise RuntimeError("no output tensor requires a gradient")
    generator = torch.Generator().manual_seed(seed)
    with torch._C.DisableTorchFunction():
        wanted = [index for index, tensor in enumerate(parameters) if tensor.requires_grad]
        noise = [
            torch.randn(tensor.shape, generator=generator).to(device=tensor.device, dtype=tensor.dtype)
            for tensor in outputs
        ]
    gradients: list[Gradient | None] = [None] * len(parameters)
    leaves = [parameters[index] for index in wanted]
    if not leaves:
        raise RuntimeError("no parameter requires a gradient")
    with _noted(notes):
        if _hides_parameters(outputs):
            for leaf in leaves:
                leaf.grad = None
            with operators:
                torch.autograd.backward(outputs, noise)
            found = tuple(leaf.grad for leaf in leaves)
        else:
            # Does not set `.grad`, and does not trigger an optimizer that steps within backward.
            with operators:
                found = torch.autograd.grad(outputs, leaves, noise, allow_unused=True)
    with torch._C.DisableTorchFunction():
        for index, gradient in zip(wanted, found, strict=True):
            if gradient is not None:
                dense = gradient.to_dense() if gradient.is_sparse else gradient
                wide = torch.complex128 if dense.is_complex() else torch.float64
                norm = torch.linalg.vector_norm(dense.detach().to(wide))
                gradients[index] = Gradient(shape=tuple(gradient.shape), norm=float(norm))
    count = len(outputs)
    return (
        Backward(
            outputs=count,
            description=f"gradient of {count} output tensor{'s' if count > 1 else ''}, weighted with "
            f"normal noise (seed {seed})",
            work=operators.work(),
        ),
        gradients,
    )


@contextmanager
def _noted(notes: list[str]) -> Iterator[None]:
    """Collect warnings raised in the block as notes, without duplicates."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            texts = (" ".join(_first_part(warning.message).split()) for warning in caught)
            notes += dict.fromkeys(f"backward warned: {text}" for text in texts)


def _first_part(message: Warning | str) -> str:
    return message_of(message) if isinstance(message, Warning) else shorten(message)


def _hides_parameters(outputs: Sequence[torch.Tensor]) -> bool:
    """Return whether the graph contains a reentrant checkpoint, whose inputs appear only in backward."""
    with torch._C.DisableTorchFunction():
        waiting = [tensor.grad_fn for tensor in outputs]
    seen: set[object] = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "CheckpointFunctionBackward":
            return True
        waiting += [earlier for earlier, _ in node.next_functions]
    return False
