"""Programs instruction by instruction, each with a descriptor of its own."""

from aic.backends.npu.emit.encode import DEFAULTS
from aic.backends.npu.isa import dram, float_bits, local, split_mnemonic
from aic.backends.npu.program import Instruction, Program

Place = tuple[str, int] | None


def append(
    program: Program,
    mnemonic: str,
    *,
    x: Place = None,
    y: Place = None,
    z: Place = None,
    g: tuple[int, int] | None = None,
    kind: str = "",
    **fields: float,
) -> Instruction:
    """Append an instruction with a descriptor of its own; operands are (memory, byte), g is (segment, byte); a float is
    its bits."""
    name, f = split_mnemonic(mnemonic)
    ins = Instruction(name, f=f, d=len(program.table))
    for field, place in (("x", x), ("y", y), ("z", z)):
        if place is not None:
            setattr(ins, field, local(*place))
    if g is not None:
        ins.y, ins.z = dram(*g)
    if kind:
        assert not fields.keys() - DEFAULTS[kind].keys()
        given = {k: float_bits(v) if isinstance(v, float) else int(v) for k, v in fields.items()}
        kinds = (kind, "vec2") if kind == "vec" else (kind,)
        program.table += [(k, DEFAULTS[kind] | given) for k in kinds]
    program.text.append(ins)
    return ins
