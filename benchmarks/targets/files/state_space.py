"""State space models of mambapy."""

from mambapy.mamba import Mamba, MambaConfig


def make_model() -> Mamba:
    """Build two layers."""
    return Mamba(MambaConfig(d_model=16, n_layers=2))
