"""What a kernel's arguments are called in its text: by what they are to it, as a model's own names may be anything.

x w      factors of a product          q k v    queries, keys, values
c        a number for each channel     x        what else is read            y      results
"""

from xdsl.ir import BlockArgument, SSAValue

from ....dialects._shape import shape
from ....dialects._stages import Kernel
from .flash import Attention
from .shape import Pointwise, Product, Rows


def roles(found: Kernel, form: Pointwise | Rows | Product | Attention) -> dict[SSAValue, str]:
    """The name of each argument of a kernel."""
    names: dict[SSAValue, str] = {
        arg: "y" for buffers in found.outputs.values() for arg, _ in buffers if arg is not None
    }
    match form:
        case Product():
            sides = zip(form.member.generic.inputs, "xw", strict=True)
        case Attention():
            sides = zip((form.query, form.key, form.value), "qkv", strict=True)
        case _:
            sides = ()
    for access, name in sides:
        pad = found.pads.get(access.value)
        source = found.places.get(access.value if pad is None else pad.source)
        if isinstance(source, BlockArgument):
            names.setdefault(source, name)
    for arg in found.func.body.block.args:
        names.setdefault(arg, "c" if sum(size > 1 for size in shape(arg)) <= 1 else "x")
    return names
