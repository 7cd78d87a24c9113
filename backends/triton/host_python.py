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
from .program import Family, Launch, Place, Port, Program


def source(family: Family) -> str:
    """The text of the module, NAME.py, which finds NAME.weights beside itself."""
    functions = [f.rstrip() for made in family.kernels.values() for f in re.split(r"\n+(?=@triton)", made.source)]
    sized = bool(family.symbols)
    return "".join(
        [
            (SIZED_HEAD if sized else HEAD).format(
                name=family.name,
                count=", ".join(str(len(program.launches)) for program in family.programs),
                kinds=len(family.kernels),
                sizes=len(family.programs),
                arena=max(family.arena_bytes, 1),
                weights=family.weights.size,
                ports=_ports(family),
            ),
            "\n\n\n".join(dict.fromkeys(functions)),
            *(_launches(program, str(i) if sized else "") for i, program in enumerate(family.programs)),
            _classes(family),
        ]
    )


def _ports(family: Family) -> str:
    """The lists of inputs and outputs, of each size if there are several."""
    if not family.symbols:
        (program,) = family.programs
        return "".join(
            f"{kind} = [\n{''.join(map(_port, ports))}]\n"
            for kind, ports in (("INPUTS", program.inputs), ("OUTPUTS", program.outputs))
        )
    lines = [f"SIZES = {[dict(program.sizes) for program in family.programs]}\n"]
    for kind in ("inputs", "outputs"):
        each = (f"    [\n{''.join(_port(p, 8) for p in getattr(made, kind))}    ],\n" for made in family.programs)
        lines.append(f"{kind.upper()} = [\n{''.join(each)}]\n")
    return "".join(lines)


def _launches(program: Program, number: str) -> str:
    table = "\n".join(line for launch in program.launches for line in _launch(launch, program.kernels[launch.kernel]))
    return LAUNCHES.format(number=number, launches=table)


def _classes(family: Family) -> str:
    if not family.symbols:
        return CLASS.format(name="Model", told="The weights and the memory of one model on a device.", **PLAIN)
    numbers = ", ".join(f"launches{i}" for i in range(len(family.programs)))
    part = CLASS.format(name="Sized", told="One size of the model, on the memory and weights of all.", **OF_SIZE)
    return f"\n\nLAUNCHES = [{numbers}]\n{part}{CHOOSING}"


def _port(port: Port, depth: int = 4) -> str:
    return f"{' ' * depth}({port.name!r}, {port.dtype!r}, {port.shape}),\n"


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

HEAD = '''"""{name}: {count} launches of {kinds} kernels on one GPU, from one arena. Made by aic.

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
{ports}

'''
SIZED_HEAD = HEAD.replace(
    "{count} launches of {kinds} kernels on one GPU, from one arena.",
    "{sizes} sizes, of {count} launches of {kinds} kernels, on one GPU, from one arena.",
)
LAUNCHES = '''


def launches{number}(m):
    """A run, in order: kernel, programs along each axis, options, arguments (by their first byte)."""
    return [
{launches}
    ]
'''
PLAIN = {
    "given": "",
    "memory": "torch.empty(ARENA_BYTES, dtype=torch.uint8, device=self.device)",
    "constants": "weights_on(self.device)",
    "which": "",
    "launches": "launches(self)",
}
OF_SIZE = {
    "given": "memory, constants, number, ",
    "memory": "memory",
    "constants": "constants",
    "which": "[number]",
    "launches": "LAUNCHES[number](self)",
}
CLASS = '''

def weights_on(device):
    """The weights as bytes on a device."""
    constants = torch.empty(max(WEIGHT_BYTES, 1), dtype=torch.uint8, device=device)
    if WEIGHT_BYTES:
        constants.copy_(torch.from_file(str(WEIGHTS), size=WEIGHT_BYTES, dtype=torch.uint8))
    return constants


class {name}:
    """{told}"""

    def __init__(self, {given}device="cuda"):
        self.device = torch.device(device)
        self.memory = {memory}
        self.constants = {constants}
        self.inputs, self.outputs = (
            [torch.empty(shape, dtype=getattr(torch, kind), device=self.device) for _, kind, shape in ports]
            for ports in (INPUTS{which}, OUTPUTS{which})
        )
        self.graph = None
        self.steps = {launches}

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
CHOOSING = '''

class Model:
    """The weights and the memory of a model on a device; a run is that of the size which its inputs have."""

    def __init__(self, device="cuda"):
        self.device = torch.device(device)
        self.memory = torch.empty(ARENA_BYTES, dtype=torch.uint8, device=self.device)
        self.constants = weights_on(self.device)
        self.sizes = [Sized(self.memory, self.constants, number, device) for number in range(len(SIZES))]

    def capture(self):
        """Record the launches of each size as one CUDA graph."""
        for size in self.sizes:
            size.capture()

    def run(self, *inputs):
        """The outputs, on the device, valid until the next run; ValueError for shapes that no size has."""
        shapes = [tuple(given.shape) for given in inputs]
        for size in self.sizes:
            if [tuple(own.shape) for own in size.inputs] == shapes:
                return size.run(*inputs)
        raise ValueError(f"expected inputs of one of the sizes {SIZES}, found {shapes}")
'''
