"""A compiled model on the simulator, with what each ONNX node made on the way.

machine = Watched(folder, manifest)
outputs = machine(inputs);  machine.seen["/conv1/Conv"]      its tensors as the network has them, or nothing
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ....dialects._shape import Array
from ....dialects.npu._meaning import Numbers
from ..sim.functional import Functional
from ..sim.tensors import Tensors
from .loaded import Loaded
from .tensor import Entry, EntryError, from_stored, graph_type, restore


class Watched(Loaded):
    """A node's values come from its last run; those that an instruction never writes are not among them."""

    def __init__(self, folder: Path, manifest: Mapping[str, object]):
        super().__init__(folder, manifest)
        self.seen: dict[str, list[Array]] = {}

    def execute(self, machine: Functional) -> None:
        """One run, looking at every tensor when it is complete."""
        tensors = Tensors(machine)
        described = {str(tensor["name"]): tensor for tensor in machine.program.tensors}
        for number in range(len(machine.program.text)):
            machine.step(number)
            if name := tensors.after(number):
                for node, value in values(described[name], tensors[name]):
                    self.seen.setdefault(node, []).append(value)


def values(described: Mapping[str, object], array: Numbers) -> Sequence[tuple[str, Array]]:
    """The nodes whose results stand in a tensor, [images, rows, columns, channels] as stored, each with its result.
    EntryError for a description that does not fit."""
    listed = described.get("values", [])
    found: list[tuple[str, Array]] = []
    for value in listed if isinstance(listed, list) else []:
        if not isinstance(value, dict) or not isinstance(node := value.get("node"), str):
            raise EntryError(f"tensor {described.get('name')}: expected the node of a value, found {value!r}")
        entry = Entry.read({**described, **value, "layout": "flat"})
        if tuple(array.shape) != entry.shape:
            raise EntryError(f"tensor {entry.name}: expected {list(entry.shape)}, found {list(array.shape)}")
        found.append((node, from_stored(restore(array, entry), entry, graph_type(entry))))
    return found
