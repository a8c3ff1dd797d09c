"""The memory that a run would take, found out on tensors without data, in a process of its own."""
