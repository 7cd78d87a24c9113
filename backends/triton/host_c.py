"""The host program as C on the CUDA driver: tables of kernels, launches, arguments, and the functions that run them.

    NAME_gpu *gpu;
    NAME_gpu_init(&gpu, 0);                     device 0: loads its binaries and the weights, captures a graph
    NAME_gpu_run(gpu, in0, out0);               arrays of the host
    NAME_gpu_destroy(gpu);

Binaries of all architectures and the weights are embedded; libcuda is looked up at run time, so that neither CUDA nor
its headers are wanted to build this. Inputs and outputs lie behind the arena, in the same allocation.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from .compile import Binary
from .kernel import Kernel
from .program import ALIGNMENT, Launch, Place, Port, Program

C_TYPES = {
    "float64": "double",
    "float32": "float",
    "float16": "uint16_t",
    "bfloat16": "uint16_t",
    "bool": "uint8_t",
}
"""Other types of numpy's are C's with `_t` behind them."""
FORMATS = {"fp32": "<f", "i32": "<i", "i64": "<q", "fp64": "<d"}
Binaries = Mapping[tuple[str, str], Binary]


@dataclass(frozen=True)
class Block:
    """The one allocation: the arena, then inputs and outputs, each aligned."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    bytes: int


def block(program: Program) -> Block:
    """Where inputs and outputs lie."""
    at, found = aligned(program.arena_bytes), []
    for port in (*program.inputs, *program.outputs):
        found.append(at)
        at += aligned(max(port.bytes, 1))
    return Block(tuple(found[: len(program.inputs)]), tuple(found[len(program.inputs) :]), max(at, ALIGNMENT))


def aligned(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def blob(program: Program, archs: Sequence[str], binaries: Binaries) -> tuple[bytes, dict[tuple[str, str], int]]:
    """All binaries, one after the other, and where each begins."""
    content, places = bytearray(), dict[tuple[str, str], int]()
    for name in program.kernels:
        for arch in archs:
            content += bytes(-len(content) % 64)
            places[name, arch] = len(content)
            content += binaries[name, arch].code
    return bytes(content), places


def source(program: Program, archs: Sequence[str], binaries: Binaries) -> str:
    """The C of a program."""
    name, lies = program.name, block(program)
    most = max((len(launch.arguments) for launch in program.launches), default=0)
    numbers = ", ".join(arch.removeprefix("sm_") for arch in archs)
    parts = [
        f'#include "{name}_gpu.h"',
        f"#define AIC_ARCHITECTURES {len(archs)}",
        f"#define AIC_MOST_ARGUMENTS {most}",
        f"static const int aic_architectures[] = {{{numbers}}};",
        files(__package__ or "").joinpath("runtime", "aic_cuda.h").read_text(),
        f"extern const unsigned char {name}_binaries[], {name}_gpu_weights[];",
        *_kernels(program, archs, binaries),
        *_launches(program, lies),
        *_buffers(program, lies),
        _program(program, lies),
        _functions(program),
    ]
    return "\n".join(parts)


def _kernels(program: Program, archs: Sequence[str], binaries: Binaries) -> list[str]:
    """Of each kernel: entry, and for each architecture offset, size, bytes of shared memory, threads, scratch."""
    _, places = blob(program, archs, binaries)
    lines = ["static const aic_kernel kernels[] = {"]
    for name in program.kernels:
        found = [(places[name, arch], binaries[name, arch]) for arch in archs]
        told = ", ".join(f"{{{at}, {len(b.code)}, {b.shared}, {b.threads}, {b.scratch}}}" for at, b in found)
        lines.append(f'  {{"{found[0][1].entry}", {{{told}}}}},')
    return [*lines, "};"]


def _launches(program: Program, lies: Block) -> list[str]:
    numbers = {name: i for i, name in enumerate(program.kernels)}
    launches, arguments, count = (
        ["static const aic_launch launches[] = {"],
        ["static const aic_argument arguments[] = {"],
        0,
    )
    for launch in program.launches:
        made = program.kernels[launch.kernel]
        grid = ", ".join(map(str, launch.grid))
        told = f"  {{{numbers[launch.kernel]}, {{{grid}}}, {count}, {len(launch.arguments)}}},"
        launches.append(f"{told}  /* {launch.kernel} */")
        arguments.append("  " + " ".join(f"{a}," for a in _arguments(launch, made, lies)))
        count += len(launch.arguments)
    return [*launches, "};", *arguments, "  {AIC_NUMBER, 0}", "};"]


def _arguments(launch: Launch, made: Kernel, lies: Block) -> Iterator[str]:
    """Of each argument the space that it lies in with the bytes from its start, or a number's bits."""
    for parameter, given in zip(made.parameters, launch.arguments, strict=True):
        if not isinstance(given, Place):
            yield f"{{AIC_NUMBER, {bits(given, parameter.type)}}}"
        elif given.space == "weight":
            yield f"{{AIC_WEIGHT, {given.offset}}}"
        else:
            starts = {"input": lies.inputs, "output": lies.outputs}.get(given.space)
            yield f"{{AIC_ARENA, {given.offset + (starts[given.number] if starts else 0)}}}"


def bits(number: float, type: str) -> int:
    """A number's bits, as the driver reads them."""
    form = FORMATS[type]
    return int.from_bytes(struct.pack(form, float(number) if type[0] == "f" else int(number)), "little")


def _buffers(program: Program, lies: Block) -> list[str]:
    lines: list[str] = []
    for kind, ports, starts in (("inputs", program.inputs, lies.inputs), ("outputs", program.outputs, lies.outputs)):
        told = ", ".join(f"{{{at}, {port.bytes}}}" for port, at in zip(ports, starts, strict=True))
        lines.append(f"static const aic_buffer {kind}[] = {{{told or '{0, 0}'}}};")
    return lines


def _program(program: Program, lies: Block) -> str:
    name = program.name
    counts = [len(x) for x in (program.kernels, program.launches, program.inputs, program.outputs)]
    return (
        f"static const aic_program program = {{{name}_binaries, {name}_gpu_weights, kernels, launches, arguments, "
        f"inputs, outputs, {', '.join(map(str, counts))}, AIC_MOST_ARGUMENTS, {lies.bytes}, {program.weights.size}}};"
    )


def _functions(program: Program) -> str:
    parameters = _parameters(program)
    ins, outs = (
        ", ".join(f"{kind}{i}" for i in range(len(ports))) or "0"
        for kind, ports in (("in", program.inputs), ("out", program.outputs))
    )
    return FUNCTIONS.format(name=program.name, parameters=parameters, ins=ins, outs=outs)


FUNCTIONS = """
int {name}_gpu_init({name}_gpu **gpu, int device) {{ return aic_init((aic_gpu **)gpu, &program, device); }}
void {name}_gpu_destroy({name}_gpu *gpu) {{ aic_close((aic_gpu *)gpu); }}
int {name}_gpu_enqueue({name}_gpu *gpu, void *stream) {{ return aic_enqueue((aic_gpu *)gpu, stream); }}
uint64_t {name}_gpu_input({name}_gpu *gpu, int i) {{ return ((aic_gpu *)gpu)->arena + inputs[i].offset; }}
uint64_t {name}_gpu_output({name}_gpu *gpu, int i) {{ return ((aic_gpu *)gpu)->arena + outputs[i].offset; }}
int {name}_gpu_run({name}_gpu *gpu{parameters}) {{
  const void *const ins[] = {{{ins}}};
  void *const outs[] = {{{outs}}};
  return aic_run((aic_gpu *)gpu, ins, outs);
}}
"""


def _parameters(program: Program) -> str:
    inputs = [f", const {element(port)} *in{i}" for i, port in enumerate(program.inputs)]
    return "".join([*inputs, *(f", {element(port)} *out{i}" for i, port in enumerate(program.outputs))])


def element(port: Port) -> str:
    """The C type of a port's elements; of a small float its bits."""
    return C_TYPES.get(port.dtype, f"{port.dtype}_t")


def header(program: Program) -> str:
    """The header of a program."""
    name, upper = program.name, program.name.upper()
    lines = [f"#ifndef AIC_{upper}_GPU_H", f"#define AIC_{upper}_GPU_H", "#include <stdint.h>", ""]
    for kind, ports in (("IN", program.inputs), ("OUT", program.outputs)):
        for i, port in enumerate(ports):
            lines.append(f"#define {upper}_{kind}{i}_SHAPE {{{', '.join(map(str, port.shape)) or '1'}}}")
            lines.append(f"#define {upper}_{kind}{i}_BYTES {port.bytes}")
    return "\n".join([*lines, HEADER_END.format(name=name, upper=upper, parameters=_parameters(program))])


HEADER_END = """
#ifdef __cplusplus
extern "C" {{
#endif
/* A model on one GPU. Every int is 0, or an error: CUDA's CUresult; 1001 there is no libcuda.so.1, 1002 the model holds
   no binaries for this GPU, 1003 the host has no memory left. One run at a time. */
#define {upper}_GPU_API __attribute__((visibility("default")))
typedef struct {name}_gpu {name}_gpu;
/* Load binaries and weights, allocate all memory, capture the launches of a run as one CUDA graph. */
{upper}_GPU_API int {name}_gpu_init({name}_gpu **gpu, int device);
/* Copy inputs there, run, copy outputs back, wait. */
{upper}_GPU_API int {name}_gpu_run({name}_gpu *gpu{parameters});
/* The device addresses of inputs and outputs; a run on what lies there, on a stream of yours (CUstream), not waited
   for. */
{upper}_GPU_API uint64_t {name}_gpu_input({name}_gpu *gpu, int number);
{upper}_GPU_API uint64_t {name}_gpu_output({name}_gpu *gpu, int number);
{upper}_GPU_API int {name}_gpu_enqueue({name}_gpu *gpu, void *stream);
{upper}_GPU_API void {name}_gpu_destroy({name}_gpu *gpu);
#ifdef __cplusplus
}}
#endif
#endif /* AIC_{upper}_GPU_H */
"""


def embedded(symbol: str, file: str) -> str:
    """C text that defines `symbol` as the bytes of a file, by the assembler."""
    return (
        f'__asm__(".section .rodata\\n.balign 256\\n.global {symbol}\\n.hidden {symbol}\\n.type {symbol}, @object\\n'
        f'{symbol}:\\n.incbin \\"{file}\\"\\n.previous\\n");\n'
    )
