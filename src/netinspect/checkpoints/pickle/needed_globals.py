"""Names that are needed to load tensors.

The table separates what torch and NumPy write around every tensor from everything else. It is not a list
of harmless names, and nothing is imported or called in either case.
"""

from __future__ import annotations

import re

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.pickle.objects import Named

_TENSORS = {
    f"torch._utils._rebuild_{each}"
    for each in (
        "tensor",
        "tensor_v2",
        "tensor_v3",
        "parameter",
        "parameter_v2",
        "parameter_with_state",
        "qtensor",
        "sparse_tensor",
        "sparse_csr_tensor",
        "nested_tensor",
        "meta_tensor_no_storage",
        "device_tensor_from_numpy",
        "device_tensor_from_cpu_tensor",
        "wrapper_subclass",
        "xla_tensor",
        "mlc_tensor",
        "ort_tensor",
    )
}
_TORCH = {
    "torch._tensor._rebuild_from_type_v2",
    "torch._tensor._rebuild_from_type",
    "torch.serialization._get_layout",
    "torch.nn.parameter.Parameter",
    "torch.nn.parameter.Buffer",
    "torch.Size",
    "torch.Tensor",
    "torch.device",
    "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage",
    "torch.storage._TypedStorage",
    "torch.storage._UntypedStorage",
    "torch.nested._internal.nested_tensor.NestedTensor",
    "torch.nested._internal.nested_tensor._rebuild_njt",
    "torch._dynamo.decorators._DimRange",
    "torch.jit._pickle.build_intlist",
    "torch.jit._pickle.build_tensorlist",
    "torch.jit._pickle.build_doublelist",
    "torch.jit._pickle.build_boollist",
    "torch.jit._pickle.build_tensor_from_id",
    "torch.jit._pickle.restore_type_tag",
}
_DISTRIBUTED = {
    *(
        f"torch.distributed.checkpoint.metadata.{each}"
        for each in (
            *("Metadata", "TensorStorageMetadata", "BytesStorageMetadata", "ChunkStorageMetadata"),
            *("TensorProperties", "MetadataIndex", "StorageMeta", "_MEM_FORMAT_ENCODING"),
        )
    ),
    "torch.distributed.checkpoint.filesystem._StorageInfo",
}
"""Names in the `.metadata` file of torch.distributed.checkpoint."""

_SCHEMES = {
    f"torch.per_{each}"
    for each in (
        "tensor_affine",
        "tensor_symmetric",
        "channel_affine",
        "channel_symmetric",
        "channel_affine_float_qparams",
    )
}
_NUMPY = {
    f"numpy.{core}.{each}"
    for core in ("core", "_core")
    for each in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
} | {"numpy.ndarray", "numpy.dtype"}
_PLAIN = {
    "collections.OrderedDict",
    "collections.Counter",
    "collections.defaultdict",
    "_codecs.encode",
    *(
        f"builtins.{each}"
        for each in (
            *("set", "frozenset", "complex", "bytes", "bytearray", "slice", "list", "dict", "tuple"),
            *("int", "float", "str", "bool"),
        )
    ),
}
_DTYPES = {f"torch.{each}" for each in BITS} | {"torch.quint4x2", "torch.quint2x4", "torch.chalf"}
_KNOWN = _TENSORS | _TORCH | _DISTRIBUTED | _SCHEMES | _NUMPY | _PLAIN | _DTYPES
_FAMILIES = re.compile(
    # torch.FloatStorage, torch.cuda.HalfTensor, torch.sparse.IntTensor
    r"torch\.(?:cuda\.)?(?:sparse\.)?[A-Z]\w*(?:Storage|Tensor)"
    r"|torch\.u?int[1-7]"
    r"|numpy\.dtypes\.\w+DType"
)


def is_needed(named: Named, *, scripted: bool = False) -> bool:
    """Return whether tensors cannot be read without a name.

    Args:
        named: The name.
        scripted: True if the pickle is from TorchScript, whose classes are code in the archive.
    """
    if named.path in _KNOWN or _FAMILIES.fullmatch(named.path):
        # A dot in the name itself accesses attributes of the import: `torch`, `storage.os.system`.
        return "." not in named.name
    return scripted and named.module.partition(".")[0] == "__torch__"
