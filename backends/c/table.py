"""Op -> text: the whole emitter. An op that is not here is a pass that has not run."""

from xdsl.ir import Operation

from . import arithmetic, control, functions, memory
from .values import Rule

TABLE: dict[type[Operation], Rule] = {
    **arithmetic.TABLE,
    **functions.TABLE,
    **memory.TABLE,
    **control.TABLE,
}
