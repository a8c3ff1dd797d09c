"""Checkpoints of torch.distributed.checkpoint: tensors in pieces over several files.

`folder.py` reads them, called by `checkpoints/read.py`; `pieces.py` locates the pieces before `api`
reads values.
"""
