"""IR as text, with the ONNX nodes that each op comes from."""

import io

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.ir import Attribute
from xdsl.printer import Printer


def ir_text(module: ModuleOp, *, locations: bool = True) -> str:
    """The module as text that parses back."""
    stream = io.StringIO()
    Printer(stream=stream, print_debuginfo=locations).print_op(module)
    return stream.getvalue()


def elided_text(module: ModuleOp, larger: int) -> str:
    """The module as text to read: a constant of more than `larger` elements shows its type alone."""
    stream = io.StringIO()
    _Eliding(stream, larger).print_op(module)
    return stream.getvalue()


class _Eliding(Printer):
    def __init__(self, stream: io.StringIO, larger: int):
        super().__init__(stream=stream)
        self.larger = larger

    def print_attribute(self, attribute: Attribute) -> None:
        if (
            isinstance(attribute, DenseIntOrFPElementsAttr)
            and not attribute.is_splat()
            and len(attribute) > self.larger
        ):
            self.print_string("dense_resource<__elided__> : ")
            super().print_attribute(attribute.get_type())
        else:
            super().print_attribute(attribute)
