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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ....dialects.graph.quantize import UNSIGNED_BYTE, DynamicQuantizeOp, QuantizeOp
from ....dialects.graph.weight import AicContext, WeightStore
from ..quant.calibrate import Sample, calibrate, random_samples, read_samples
from ..quant.choose import Choice, choose, sharers
from ..quant.histogram import METHODS, Histogram, Range
from ..quant.rewrite import Writer

log = logging.getLogger("aic.npu")


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
        main = next((f for f in op.ops if isinstance(f, FuncOp) and f.sym_name.data == "main"), None)
        if main is None or any(isinstance(o, QuantizeOp | DynamicQuantizeOp) for o in op.walk()):
            return
        choice = choose(main, self.keep, weights)
        if not choice.values:
            return
        histograms = calibrate(main, self.inputs(main), choice.values, weights)
        ranges = self.ranges(choice, histograms)
        if self.loss > 0:
            lossy = [v for v in choice.values if histograms[v].loss(ranges[choice.leader(v)], 256) > self.loss]
            choice = choose(main, self.keep, weights, frozenset(lossy))
            ranges = self.ranges(choice, histograms)
        Writer(main, choice, ranges, i8 if self.type == "i8" else UNSIGNED_BYTE, weights).write()

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
