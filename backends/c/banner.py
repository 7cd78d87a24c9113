"""The first lines of a generated file: who made it, for what, and the hash of what follows.

/* Made by aic 0.1.0 for target c.
   flags  vector_bytes=32 registers=16 l1=32768 l2=524288 cores=2 flags=-march=native prefix=model weights=bin
   sha256 5d41.. of all below this line */
"""

import hashlib
from collections.abc import Mapping

from ..._version import VERSION


def stamped(text: str, flags: Mapping[str, object]) -> str:
    """The text under its banner."""
    told = " ".join(f"{key}={value}" for key, value in flags.items()).replace("*/", "* /").replace("\n", " ")
    digest = hashlib.sha256(text.encode()).hexdigest()
    made = f"/* Made by aic {VERSION} for target c.\n   flags  {told}\n"
    return f"{made}   sha256 {digest} of all below this line */\n{text}"
