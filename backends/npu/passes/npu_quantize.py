"""A float graph becomes one of 8-bit integers in QDQ form, with ranges from sample inputs.

    %y = graph.conv %x, %w, %b          %x1 = graph.dequantize (graph.quantize %x, %sx, %zx {to = i8}), %sx, %zx
    %z = graph.relu %y            -->   %y = graph.conv %x1, (graph.dequantize %qw, %sw), (graph.dequantize %qb, %sb)
                                        %z = graph.relu %y
                                        %z1 = graph.dequantize (graph.quantize %z, %sz, %zz {to = i8}), %sz, %zz

Weights are symmetric with a scale for each output channel, activations have one scale and a zero point, biases 32 bits.
What an instruction does at once has integers at its ends only. A graph that quantises anything already is left as it
is. Marked inexact: the results are those of 8 bits. After the graph passes, because batch normalisations are
to be weights by then; before npu-select, because that reads the QDQ form.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, i8
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ....dialects._location import origins
from ....dialects._report import rewriting
from ....dialects.graph.quantize import UNSIGNED_BYTE, DynamicQuantizeOp, QuantizeOp
from ....dialects.graph.weight import AicContext, WeightStore
from ..quant.calibrate import Sample, calibrate, random_samples, read_samples
from ..quant.choose import CHOSEN, Choice, choose, sharers
from ..quant.histogram import METHODS, Histogram, Range
from ..quant.rewrite import Writer

log = logging.getLogger("aic.npu")
LISTED = 4
"""Nodes that a summary names."""


@dataclass(frozen=True)
class NpuQuantize(ModulePass):
    """`method` chooses ranges: minmax, percentile (of which `percentile` % at each end stay), kl. `data` is an .npz
    with one array of samples an input; without it `samples` random ones are drawn. `keep` names what stays float: kinds
    of ops, or patterns of ONNX node names; so do ops that read what would lose more than `loss` of itself (root mean
    square, 0: no bound). `type` is that of activations, i8 or ui8."""

    name = "npu-quantize"

    method: str = "minmax"
    data: str = ""
    samples: int = 8
    seed: int = 0
    percentile: float | int = 99.99
    keep: tuple[str, ...] = ("layer_norm", "rms_norm")
    loss: float | int = 0.05
    type: str = "i8"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        if self.method not in METHODS or self.type not in ("i8", "ui8"):
            raise DiagnosticException(
                f"npu-quantize: expected a method of {', '.join(METHODS)} and a type of i8, ui8, "
                f"found {self.method} and {self.type}"
            )
        if self.samples < 1 or not 50 < self.percentile <= 100 or not 0 <= self.loss < float("inf"):
            raise DiagnosticException(
                "npu-quantize: expected at least 1 sample, a percentile above 50 up to 100 and a loss from 0 on, "
                f"found {self.samples}, {self.percentile:g} and {self.loss:g}"
            )
        main = next((f for f in op.ops if isinstance(f, FuncOp) and f.sym_name.data == "main"), None)
        if main is None or any(isinstance(o, QuantizeOp | DynamicQuantizeOp) for o in op.walk()):
            return
        choice = choose(main, self.keep, weights)
        if not choice.values or not rewriting(main, "quantize", "all that the function has, at once"):
            return
        histograms = calibrate(main, self.inputs(main), choice.values, weights)
        ranges = self.ranges(choice, histograms)
        lossy: list[SSAValue] = []
        if self.loss > 0:
            lossy = [v for v in choice.values if histograms[v].loss(ranges[choice.leader(v)], 256) > self.loss]
            choice = choose(main, self.keep, weights, frozenset(lossy))
            ranges = self.ranges(choice, histograms)
        op.attributes[CHOSEN] = StringAttr(self.told(choice, lossy))
        Writer(main, choice, ranges, i8 if self.type == "i8" else UNSIGNED_BYTE, weights).write()

    def told(self, choice: Choice, lossy: Sequence[SSAValue]) -> str:
        """What was chosen, in a line."""
        method = f"{self.percentile:g} % percentile" if self.method == "percentile" else self.method
        inputs = f"at most {self.samples} of {Path(self.data).name}" if self.data else f"{self.samples} random"
        seed = "" if self.data else f" (seed {self.seed})"
        line = f"{method} over {inputs} inputs{seed}: {len(choice.values)} tensors and the weights of "
        line += f"{len(choice.products)} products in 8 bits"
        if not lossy:
            return line
        nodes = dict.fromkeys(
            n for v in lossy if isinstance(v.owner, Operation) for n in origins(v.owner.location)[-1:]
        )
        some = ", ".join([*nodes][:LISTED]) + (", .." if len(nodes) > LISTED else "")
        return (
            f"{line}; {len(lossy)} float, which 8 bits would take more than {self.loss:g} of{': ' * bool(some)}{some}"
        )

    def ranges(self, choice: Choice, histograms: Mapping[SSAValue, Histogram]) -> dict[SSAValue, Range]:
        """The range of each group of one scale, by its leader: all that any member needs."""
        found: dict[SSAValue, Range] = {}
        for leader, members in sharers(choice):
            each = [histograms[value].range(self.method, self.percentile) for value in members]
            found[leader] = min(low for low, _ in each), max(high for _, high in each)
        return found

    def inputs(self, main: FuncOp) -> list[Sample]:
        """What the graph is run on."""
        if self.data:
            return read_samples(Path(self.data), main)[: self.samples]
        log.warning("no calibration data: ranges come from %d random inputs (seed %d)", self.samples, self.seed)
        return random_samples(main, self.samples, self.seed)
