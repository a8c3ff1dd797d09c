"""What `forward` is called with: spec strings, what a model declares, and the tensors made of them."""
