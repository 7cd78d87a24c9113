"""Bounds of a model's layers on an NPU: of a network by name as it is defined, of a model as its layers were chosen.

found = bounds_of("resnet50", "edge", batch=1)     found.total.fused -> 97.8 (% of peak)
"""

from dataclasses import dataclass

from ...backends.npu.machine import Machine
from ...backends.npu.roofline.bounds import BYTES, Bound, Total, bound, total
from ...backends.npu.roofline.networks import NETWORKS
from ...backends.npu.roofline.picture import dots_of, roofline_svg
from ...backends.npu.roofline.work import Work, works
from ..driver import Options
from ..errors import UsageError
from .machines import named
from .programs import PLAIN, networks, source_of

COLUMNS = ("layer", "macs", "ideal", "array", "dram layerwise", "dram fused", "vector", "bound", "by", "util %")


@dataclass(frozen=True)
class Bounds:
    """Layers of a model on a machine."""

    model: str
    batch: int
    type: str
    machine: Machine
    layers: tuple[Bound, ...]
    total: Total

    def rows(self) -> list[list[str]]:
        """As text, by `COLUMNS`."""
        return [
            [
                b.work.name,
                *(f"{round(n):,}" for n in (b.work.macs, b.ideal, b.array, b.layerwise, b.dram, b.vector, b.cycles)),
                b.by,
                f"{b.utilisation:.1f}",
            ]
            for b in self.layers
        ]

    def document(self) -> dict[str, object]:
        """As JSON."""
        m = self.machine
        return {
            "schema": "aic.npu-roofline/1",
            "model": self.model,
            "batch": self.batch,
            "type": self.type,
            "machine": m.name,
            "hash": m.hash.hex(),
            "peak": m.peak(self.type),
            "ridge": m.peak(self.type) / m.port_of("ldw")[1],
            "totals": self.total._asdict(),
            "layers": [_layer(b) for b in self.layers],
        }

    def svg(self) -> str:
        """The picture."""
        title = f"{self.model}, batch {self.batch}, on {self.machine.name} ({self.type})"
        return roofline_svg(self.machine, dots_of(self.layers, self.type), title, self.type)


def _layer(b: Bound) -> dict[str, object]:
    return {
        "layer": b.work.name,
        "macs": b.work.macs,
        "ideal": b.ideal,
        "array": b.array,
        "dram_layerwise": b.layerwise,
        "dram_fused": b.dram,
        "vector": b.vector,
        "bound": b.cycles,
        "bound_by": b.by,
        "util": b.utilisation,
    }


def bounds_of(
    model: str, machine: str, *, batch: int = 1, type: str = "i8", laid_out: bool = False, options: Options = PLAIN
) -> Bounds:
    """`model`: a network by name, or the path of a model, whose layers are those that the NPU runs."""
    on = named(machine)
    if type not in on.dtypes:
        raise UsageError(f"type {type}: machine {on.name} has {', '.join(on.dtypes)}", code="bad-type")
    assert type in BYTES
    layers = tuple(bound(on, work, type=type, laid_out=laid_out) for work in _works(model, machine, on, batch, options))
    return Bounds(model, batch, type, on, layers, total(on, layers))


def _works(model: str, text: str, machine: Machine, batch: int, options: Options) -> list[Work]:
    if model in NETWORKS:
        return NETWORKS[model](batch)
    return [work for network in networks(source_of(model, batch), machine, text, options) for work in works(network)]
