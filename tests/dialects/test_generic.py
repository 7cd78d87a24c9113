"""What a linalg.generic does, read from its maps: the extents of its loops."""

from aic.dialects._generic import generic
from aic.dialects._xdsl import GenericOp
from xdsl.context import Context
from xdsl.dialects import builtin, tensor, test
from xdsl.dialects.linalg import Linalg
from xdsl.parser import Parser

TEXT = """
%x, %e = "test.op"() : () -> (tensor<20xf32>, tensor<19xf32>)
%y = linalg.generic {indexing_maps = [affine_map<(d0) -> (MAP)>, affine_map<(d0) -> (d0)>],
                     iterator_types = ["parallel"]}
  ins(%x : tensor<20xf32>) outs(%e : tensor<19xf32>) {
^bb0(%a: f32, %b: f32):
  linalg.yield %a : f32
} -> tensor<19xf32>
"""


def extents(map: str) -> tuple[int, ...]:
    ctx = Context()
    for dialect in (builtin.Builtin, Linalg, tensor.Tensor, test.Test):
        ctx.load_dialect(dialect)
    (op,) = (o for o in Parser(ctx, TEXT.replace("MAP", map)).parse_module().walk() if isinstance(o, GenericOp))
    return generic(op).sizes


def test_an_input_may_be_longer_than_what_is_read_of_it() -> None:
    assert extents("d0") == extents("-d0 + 19") == extents("d0 + 1") == (19,)
