"""Checkpoints of torch.distributed.checkpoint: tensors in pieces over several files."""
