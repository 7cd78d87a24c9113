"""Loads and fills of which nobody reads a byte: rows that a stride skips, the space between images.

    fill x=spad:0x500                     (dropped)
    ld.a x=spad:0x600                -->  ld.a x=spad:0x600
    mm x=spad:0x600, z=acc:0              mm x=spad:0x600, z=acc:0

Computed results that nobody reads stay, for the checker to tell: they are a fault.
"""

from collections.abc import Sequence

import numpy as np

from .program import Instruction
from .touch import Touches

DROPPED = ("fill", "ld.a", "ld.w", "ld.p", "ld.l")


def unread(text: Sequence[Instruction], touches: Touches) -> set[int]:
    """The numbers of instructions that may be left out, in a text that is right when run one by one."""
    found: set[int] = set()
    read = np.zeros(touches.count, bool)  # by atom, whether an instruction behind reads what is there now
    for index in range(len(touches.reads) - 1, -1, -1):
        reads, writes = touches.reads[index], touches.writes[index]
        if text[index].name in DROPPED and not read[writes].any():
            found.add(index)
            continue
        read[writes] = False
        read[reads] = True
    return found
