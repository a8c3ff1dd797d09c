"""Memory of a run, tracked on fake tensors in a child process."""
