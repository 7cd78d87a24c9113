"""The host program as a Python module: the kernels as they are printed, and a class that launches them from one arena.

    from model import Model
    model = Model()                     weights to the device, one arena; torch is the allocator and the stream
    model.capture()                     all launches as one CUDA graph
    y, = model.run(x)

It wants torch and triton where it runs, not where it is written.
"""

import re
from collections.abc import Iterator

from .kernel import Kernel
from .program import Launch, Place, Port, Program


def source(program: Program) -> str:
    """The text of the module, NAME.py, which finds NAME.weights beside itself."""
    functions = [f.rstrip() for made in program.kernels.values() for f in re.split(r"\n+(?=@triton)", made.source)]
    kernels = "\n\n\n".join(dict.fromkeys(functions)) + "\n"
    table = "\n".join(line for launch in program.launches for line in _launch(launch, program.kernels[launch.kernel]))
    return TEXT.format(
        name=program.name,
        count=len(program.launches),
        kinds=len(program.kernels),
        arena=max(program.arena_bytes, 1),
        weights=program.weights.size,
        inputs="".join(map(_port, program.inputs)),
        outputs="".join(map(_port, program.outputs)),
        kernels=kernels,
        launches=table,
    )


def _port(port: Port) -> str:
    return f"    ({port.name!r}, {port.dtype!r}, {port.shape}),\n"


def _launch(launch: Launch, made: Kernel) -> Iterator[str]:
    """A line of the table of launches, under the nodes that it carries out."""
    given = [_argument(a, p.type) for a, p in zip(launch.arguments, made.parameters, strict=True)]
    options = ", ".join(f"{key}={value!r}" for key, value in {**made.constants, **made.options}.items())
    if launch.nodes:
        yield f"        # {' '.join(', '.join(launch.nodes).split())[:100]}"
    yield f"        ({launch.kernel}, {launch.grid}, dict({options}),"
    yield f"         ({', '.join(given)},)),"


def _argument(given: Place | float, type: str) -> str:
    if not isinstance(given, Place):
        return repr(given)
    kind = TORCH[type.lstrip("*")]
    match given.space:
        case "input" | "output":
            return f"m.{given.space}({given.number}, {kind!r}, {given.offset})"
        case _:
            return f"m.{given.space}({kind!r}, {given.offset}, {given.bytes})"


TORCH = {
    "fp16": "float16",
    "bf16": "bfloat16",
    "fp32": "float32",
    "fp64": "float64",
    "fp8e4nv": "float8_e4m3fn",
    "fp8e5": "float8_e5m2",
    "i1": "bool",
    **{f"i{n}": f"int{n}" for n in (8, 16, 32, 64)},
    **{f"u{n}": f"uint{n}" for n in (8, 16, 32, 64)},
}
"""torch's names of Triton's types."""

TEXT = '''"""{name}: {count} launches of {kinds} kernels on one GPU, from one arena. Made by aic.

    model = Model()
    model.capture()                 # one CUDA graph of all launches
    outputs = model.run(*inputs)    # tensors on the device, the model's own: valid until the next run
"""

from pathlib import Path

import torch
import triton
import triton.language as tl

ARENA_BYTES, WEIGHT_BYTES = {arena}, {weights}
WEIGHTS = Path(__file__).parent / "{name}.weights"
INPUTS = [
{inputs}]
OUTPUTS = [
{outputs}]


{kernels}

def launches(m):
    """A run, in order: kernel, programs along each axis, options, arguments (by their first byte)."""
    return [
{launches}
    ]


class Model:
    """The weights and the memory of one model on a device."""

    def __init__(self, device="cuda"):
        self.device = torch.device(device)
        self.memory = torch.empty(ARENA_BYTES, dtype=torch.uint8, device=self.device)
        self.constants = torch.empty(max(WEIGHT_BYTES, 1), dtype=torch.uint8, device=self.device)
        if WEIGHT_BYTES:
            self.constants.copy_(torch.from_file(str(WEIGHTS), size=WEIGHT_BYTES, dtype=torch.uint8))
        self.inputs, self.outputs = (
            [torch.empty(shape, dtype=getattr(torch, kind), device=self.device) for _, kind, shape in ports]
            for ports in (INPUTS, OUTPUTS)
        )
        self.graph = None
        self.steps = launches(self)

    def arena(self, kind, offset, size):
        return self.memory[offset : offset + size].view(getattr(torch, kind))

    def weight(self, kind, offset, size):
        return self.constants[offset : offset + size].view(getattr(torch, kind))

    def input(self, number, kind, offset):
        return self.inputs[number].view(-1).view(torch.uint8)[offset:].view(getattr(torch, kind))

    def output(self, number, kind, offset):
        return self.outputs[number].view(-1).view(torch.uint8)[offset:].view(getattr(torch, kind))

    def launch(self):
        """Launch all, on the current stream."""
        for kernel, grid, options, arguments in self.steps:
            kernel[grid](*arguments, **options)

    def capture(self):
        """Record the launches as one CUDA graph, which `run` then replays."""
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            self.launch()  # compiles what is not compiled yet
        torch.cuda.current_stream(self.device).wait_stream(stream)
        torch.cuda.synchronize(self.device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.launch()
        self.graph = graph

    def run(self, *inputs):
        """The outputs, on the device; inputs are tensors of the host's or the device's."""
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.launch() if self.graph is None else self.graph.replay()
        return self.outputs
'''
