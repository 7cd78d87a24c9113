"""How a layer was mapped, read from its products: "ws 784x576x64 weights-outer A2 W1 kpack2".

Dataflow; rows, depth and columns of the largest product; which operand stays the longest; how many places in memory A
and W take turns in; taps that share a feed.
"""

from collections.abc import Sequence
from itertools import pairwise

from ..cost import dataflow, gemm_shape
from ..program import Instruction, Program


def mapping_of(program: Program, products: Sequence[Instruction]) -> str:
    """ "" for a layer without products."""
    if not products:
        return ""
    machine = program.machine
    described = [program.desc(ins)[1] for ins in products]
    shapes = [gemm_shape(machine, d) for d in described]
    rows, _, tiles, depth = max(shapes, key=lambda s: s[0] * s[2] * s[3])
    pack = max(d["kpack"] for d in described)
    parts = [dataflow(machine, described[0]) or "cube", f"{rows}x{depth}x{tiles * machine.cols}"]
    if any(ins.acc for ins in products):
        parts.append("k-outer")
    elif len(products) > 1:
        moves = {at: sum(getattr(a, at) != getattr(b, at) for a, b in pairwise(products)) for at in "xy"}
        parts.append("weights-outer" if moves["y"] <= moves["x"] else "activations-outer")
    parts += [f"A{len({ins.x for ins in products})}", f"W{len({ins.y for ins in products})}"]
    return " ".join([*parts, f"kpack{1 << pack}"] if pack else parts)
