"""A compiled model on the simulator: the host's part on numpy, each launch a run of its program."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ....dialects._shape import Array
from ...target import TargetError
from ..emit.container import ContainerError, read_npux
from ..sim.functional import Functional
from ..sim.memory import SimulationError
from ..sim.run import Ports, ports
from .host import Host, Kinds, load_weights
from .tensor import EntryError, fetch, load


class Loaded:
    """An artifact's folder as a function from inputs to outputs, in order. Not for concurrent calls: a program has its
    memories."""

    def __init__(self, folder: Path, manifest: Mapping[str, object]):
        listed, host = manifest.get("programs"), manifest.get("host")
        if not isinstance(listed, list) or not isinstance(host, Mapping):
            raise TargetError(f"{folder}: the manifest names no programs and no host part")
        self._files = {str(entry["name"]): folder / _inside(entry["file"]) for entry in listed}
        self._running: dict[str, tuple[Functional, Ports]] = {}
        text, weights = (folder / _inside(host.get(key)) for key in ("text", "weights"))
        try:
            self._host = Host(text.read_text("utf8"), load_weights(weights.read_bytes(), weights.name), self.launch)
        except OSError as error:
            raise TargetError(f"{folder}: {error}") from error

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """One run."""
        try:
            return self._host(inputs)
        except (ContainerError, EntryError, SimulationError) as error:
            raise TargetError(str(error)) from error

    def launch(self, name: str, arguments: Sequence[Array], kinds: Kinds) -> list[Array]:
        """A program on its arguments, which are as its kernel had them: integers, or floats."""
        if name not in self._running:
            machine = Functional(read_npux(self._files[name]))
            self._running[name] = machine, ports(machine.program)
        machine, ends = self._running[name]
        for (segment, entry), array in zip(ends.inputs, arguments, strict=True):
            load(array, entry, machine.segments[segment])
        self.execute(machine)
        made = zip(ends.outputs, kinds, strict=True)
        return [fetch(machine.segments[segment], entry, kind) for (segment, entry), kind in made]

    def execute(self, machine: Functional) -> None:
        """Run a program whose inputs are in place."""
        machine.run()


def _inside(name: object) -> str:
    """A file's name that stays in its folder."""
    if not isinstance(name, str) or Path(name).name != name:
        raise TargetError(f"the manifest names a file outside of its folder: {name!r}")
    return name
