"""The static side of a model: its module tree, members, modes and class sources."""
