"""aic: neural networks compiled through four open levels of IR to C, Triton and a systolic NPU."""

from ._version import VERSION as __version__

__all__ = ["__version__"]
