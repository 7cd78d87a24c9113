"""`aic.onnx_backend`, the module that onnx's backend tests are given."""

from .compiler.onnx_backend import is_compatible, prepare, run_model, run_node, supports_device

__all__ = ["is_compatible", "prepare", "run_model", "run_node", "supports_device"]
