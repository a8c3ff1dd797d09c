"""Dtypes and sizes of the tensors that can be made as inputs."""

from collections.abc import Sequence

DTYPES = (
    "float32", "float64", "float16", "bfloat16", "complex64", "complex128",
    "int64", "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip

_ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "fp32": "float32",
    "fp64": "float64", "fp16": "float16", "bf16": "bfloat16", "f32": "float32", "f16": "float16",
    "long": "int64", "int": "int64", "i64": "int64", "i32": "int32", "u8": "uint8",
    # The types of tensors, as in `torch.LongTensor`.
    "floattensor": "float32", "doubletensor": "float64", "halftensor": "float16",
    "bfloat16tensor": "bfloat16", "longtensor": "int64", "inttensor": "int32", "shorttensor": "int16",
    "chartensor": "int8", "bytetensor": "uint8", "booltensor": "bool",
}  # fmt: skip

MAXIMUM_ELEMENTS = 1 << 34


def dtype_named(text: str) -> str:
    """Return the dtype for a name such as `long` or `torch.LongTensor`; another name in lower case."""
    name = text.strip().lower().removeprefix("torch.").removeprefix("cuda.")
    return _ALIASES.get(name, name)


def fits(shape: Sequence[int]) -> bool:
    """Return whether a tensor of this shape can be allocated."""
    elements = 1
    for size in shape:
        # Torch computes the strides of an empty tensor as if its sizes of 0 were 1.
        elements *= max(size, 1)
        if elements > MAXIMUM_ELEMENTS:
            return False
    return True
