"""IR as text, with the ONNX nodes that each op comes from."""

import io

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer


def ir_text(module: ModuleOp, *, locations: bool = True) -> str:
    """The module as text that parses back."""
    stream = io.StringIO()
    Printer(stream=stream, print_debuginfo=locations).print_op(module)
    return stream.getvalue()
