"""See inside a PyTorch model."""

from netinspect.version import __version__ as __version__
