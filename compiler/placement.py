"""Where the nodes of a compiled model run, as a target that has a host beside it tells it in the manifest.

409 npu, 3 host of 412 nodes
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import Node, UnsupportedOpError


@dataclass(frozen=True)
class Placement:
    """`device` nodes on the target, `border` ones that only convert inputs and outputs, and each node on the host as
    (node, op, reason)."""

    target: str
    device: int
    border: int
    host: tuple[tuple[str, str, str], ...]
    total: int

    @property
    def line(self) -> str:
        """The line of a summary."""
        left = len({node for node, _, _ in self.host})
        border = f", {self.border} at the border" if self.border else ""
        return f"{self.device} {self.target}, {left} host{border} of {self.total} nodes"

    def forbid(self, model: str) -> None:
        """UnsupportedOpError with all nodes on the host, if there is one."""
        if not self.host:
            return
        nodes = [
            Node(node, op, reason=reason, do="place it on the host: drop --no-fallback")
            for node, op, reason in self.host
        ]
        told = f"{len(nodes)} of {self.total} nodes cannot be compiled for target {self.target!r}"
        raise UnsupportedOpError(f"{told}   ({model})", nodes=nodes, code="no-fallback")


def placement_of(target: str, found: object) -> Placement | None:
    """The placement that a manifest's entry describes; None if it describes none."""
    if not isinstance(found, Mapping):
        return None
    left = found.get("left")
    host = left if isinstance(left, Sequence) else ()
    return Placement(
        target,
        int(found.get("device", 0)),
        int(found.get("border", 0)),
        tuple((str(e["node"]), str(e["op"]), str(e["reason"])) for e in host),
        int(found.get("nodes", 0)),
    )
