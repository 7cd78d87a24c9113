"""The class of a generic in fusion, as TVM names them (Chen et al., OSDI 2018): those that its graph op stands for.

(m, n) "pp"    ins (m, n)          elementwise        (m, n, k) "ppr"  ins (m, k), (k, n)     contraction, and windows
(m, n) "pp"    ins (m, n), (n)     broadcast          (m, n) "pr"      ins (m, n)             reduction
(m, n) "pp"    ins (n, m)          injective          any other                               opaque
"""

from xdsl.ir import Operation

from ...dialects._generic import Access, Generic, generic
from ...dialects._xdsl import GenericOp
from ...dialects.graph._base import Fusion

RANK = {kind: i for i, kind in enumerate(Fusion)}
"""From the class that joins any to the one that joins none."""


def class_of(op: Operation) -> Fusion:
    """The class of an op of the tensor level."""
    if not isinstance(op, GenericOp):
        return Fusion.OPAQUE
    view = generic(op)
    if view.is_pointwise:
        return max((_reading(a, view) for a in view.inputs), key=RANK.__getitem__, default=Fusion.ELEMENTWISE)
    if view.is_reduction:
        return Fusion.REDUCTION
    return Fusion.CONTRACTION if view.is_contraction or view.is_window else Fusion.OPAQUE


def edge_class(maker: Operation, reader: Operation) -> Fusion:
    """The class of a reader for one of its operands: elementwise where it reads that as it lies, whatever the rest."""
    if (kind := class_of(reader)) is not Fusion.BROADCAST or not isinstance(reader, GenericOp):
        return kind
    view = generic(reader)
    read = [_reading(a, view) for a in view.inputs if a.value in maker.results]
    return max(read, key=RANK.__getitem__, default=kind)


def _reading(access: Access, view: Generic) -> Fusion:
    if view.is_gather or not access.is_projected:
        return Fusion.INJECTIVE
    dims = [index.dim for index in access.indices if index.dim is not None]
    if dims == list(range(len(view.sizes))) and len(access.indices) == len(dims):
        return Fusion.ELEMENTWISE
    return Fusion.BROADCAST if dims == sorted(dims) else Fusion.INJECTIVE
