"""Looks kept on disk, so that a second command on the same model need not import torch."""
