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
from .program import ALIGNMENT, Family, Launch, Place, Port, Program

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


def blob(family: Family, archs: Sequence[str], binaries: Binaries) -> tuple[bytes, dict[tuple[str, str], int]]:
    """All binaries, one after the other, and where each begins."""
    content, places = bytearray(), dict[tuple[str, str], int]()
    for name in family.kernels:
        for arch in archs:
            content += bytes(-len(content) % 64)
            places[name, arch] = len(content)
            content += binaries[name, arch].code
    return bytes(content), places


def source(family: Family, archs: Sequence[str], binaries: Binaries) -> str:
    """The C of a model."""
    name = family.name
    most = max((len(launch.arguments) for p in family.programs for launch in p.launches), default=0)
    numbers = ", ".join(arch.removeprefix("sm_") for arch in archs)
    parts = [
        f'#include "{name}_gpu.h"',
        f"#define AIC_ARCHITECTURES {len(archs)}",
        f"#define AIC_PROGRAMS {len(family.programs)}",
        f"#define AIC_MOST_ARGUMENTS {most}",
        f"static const int aic_architectures[] = {{{numbers}}};",
        files(__package__ or "").joinpath("runtime", "aic_cuda.h").read_text(),
        f"extern const unsigned char {name}_binaries[], {name}_gpu_weights[];",
        *_kernels(family, archs, binaries),
        *(line for i, program in enumerate(family.programs) for line in _tables(family, program, i)),
        *_model(family),
        _functions(family),
    ]
    return "\n".join(parts)


def _kernels(family: Family, archs: Sequence[str], binaries: Binaries) -> list[str]:
    """Of each kernel: entry, and for each architecture offset, size, bytes of shared memory, threads, scratch."""
    _, places = blob(family, archs, binaries)
    lines = ["static const aic_kernel kernels[] = {"]
    for name in family.kernels:
        found = [(places[name, arch], binaries[name, arch]) for arch in archs]
        told = ", ".join(f"{{{at}, {len(b.code)}, {b.shared}, {b.threads}, {b.scratch}}}" for at, b in found)
        lines.append(f'  {{"{found[0][1].entry}", {{{told}}}}},')
    return [*lines, "};"]


def _tables(family: Family, program: Program, number: int) -> list[str]:
    """The launches of one size, with their arguments, its inputs and outputs."""
    numbers, lies = {name: i for i, name in enumerate(family.kernels)}, block(program)
    launches, arguments, count = (
        [f"static const aic_launch launches{number}[] = {{"],
        [f"static const aic_argument arguments{number}[] = {{"],
        0,
    )
    for launch in program.launches:
        made = program.kernels[launch.kernel]
        grid = ", ".join(map(str, launch.grid))
        told = f"  {{{numbers[launch.kernel]}, {{{grid}}}, {count}, {len(launch.arguments)}}},"
        launches.append(f"{told}  /* {launch.kernel} */")
        arguments.append("  " + " ".join(f"{a}," for a in _arguments(launch, made, lies)))
        count += len(launch.arguments)
    return [*launches, "};", *arguments, "  {AIC_NUMBER, 0}", "};", *_buffers(program, lies, number)]


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


def _buffers(program: Program, lies: Block, number: int) -> list[str]:
    lines: list[str] = []
    for kind, ports, starts in (("inputs", program.inputs, lies.inputs), ("outputs", program.outputs, lies.outputs)):
        told = ", ".join(f"{{{at}, {port.bytes}}}" for port, at in zip(ports, starts, strict=True))
        lines.append(f"static const aic_buffer {kind}{number}[] = {{{told or '{0, 0}'}}};")
    return lines


def _model(family: Family) -> list[str]:
    name, lines = family.name, ["static const aic_program programs[] = {"]
    for i, program in enumerate(family.programs):
        counts = ", ".join(str(len(x)) for x in (program.launches, program.inputs, program.outputs))
        lines.append(f"  {{launches{i}, arguments{i}, inputs{i}, outputs{i}, {counts}}},")
    largest = max(block(program).bytes for program in family.programs)
    told = f"{name}_binaries, {name}_gpu_weights, kernels, programs, {len(family.kernels)}"
    return [*lines, "};", f"static const aic_model model = {{{told}, {largest}, {family.weights.size}}};"]


def _functions(family: Family) -> str:
    program = family.programs[0]
    ins, outs = (
        ", ".join(f"{kind}{i}" for i in range(len(ports))) or "0"
        for kind, ports in (("in", program.inputs), ("out", program.outputs))
    )
    sized = bool(family.symbols)
    text = FUNCTIONS.format(
        name=family.name,
        parameters=_parameters(program),
        ins=ins,
        outs=outs,
        which=", int size" if sized else "",
        size="size" if sized else "0",
    )
    return text + (_choosing(family) if sized else "")


FUNCTIONS = """
int {name}_gpu_init({name}_gpu **gpu, int device) {{ return aic_init((aic_gpu **)gpu, &model, device); }}
void {name}_gpu_destroy({name}_gpu *gpu) {{ aic_close((aic_gpu *)gpu); }}
int {name}_gpu_enqueue({name}_gpu *gpu{which}, void *stream) {{ return aic_enqueue((aic_gpu *)gpu, {size}, stream); }}
uint64_t {name}_gpu_input({name}_gpu *gpu{which}, int i) {{
  return ((aic_gpu *)gpu)->arena + programs[{size}].inputs[i].offset;
}}
uint64_t {name}_gpu_output({name}_gpu *gpu{which}, int i) {{
  return ((aic_gpu *)gpu)->arena + programs[{size}].outputs[i].offset;
}}
int {name}_gpu_run({name}_gpu *gpu{which}{parameters}) {{
  const void *const ins[] = {{{ins}}};
  void *const outs[] = {{{outs}}};
  return aic_run((aic_gpu *)gpu, {size}, ins, outs);
}}
"""


def _choosing(family: Family) -> str:
    """The function that finds the smallest size which holds what is asked for."""
    rows = ", ".join(f"{{{', '.join(map(str, p.sizes.values()))}}}" for p in family.programs)
    return CHOOSING.format(
        name=family.name,
        asked=_asked(family),
        rows=rows,
        values=", ".join(_c_name(i) for i, _ in enumerate(family.symbols)),
        count=len(family.symbols),
    )


CHOOSING = """
int {name}_gpu_size({asked}) {{
  static const int64_t sizes[AIC_PROGRAMS][{count}] = {{{rows}}};
  const int64_t asked[] = {{{values}}};
  double least = 0;
  int best = -1;
  for (int i = 0; i < AIC_PROGRAMS; i++) {{
    double product = 1;
    for (int k = 0; k < {count}; k++) product *= sizes[i][k] < asked[k] ? 0 : (double)sizes[i][k];
    if (product > 0 && (best < 0 || product < least)) best = i, least = product;
  }}
  return best;
}}
"""


def _c_name(number: int) -> str:
    """A parameter for a symbolic dimension: its name in the model may be no word of C."""
    return f"size{number}"


def _asked(family: Family) -> str:
    told = [f" /* {s} */" if s.isascii() and s.isidentifier() else "" for s in family.symbols]
    return ", ".join(f"int64_t {_c_name(i)}{comment}" for i, comment in enumerate(told))


def _parameters(program: Program) -> str:
    inputs = [f", const {element(port)} *in{i}" for i, port in enumerate(program.inputs)]
    return "".join([*inputs, *(f", {element(port)} *out{i}" for i, port in enumerate(program.outputs))])


def element(port: Port) -> str:
    """The C type of a port's elements; of a small float its bits."""
    return C_TYPES.get(port.dtype, f"{port.dtype}_t")


def header(family: Family) -> str:
    """The header of a model."""
    name, upper = family.name, family.name.upper()
    lines = [f"#ifndef AIC_{upper}_GPU_H", f"#define AIC_{upper}_GPU_H", "#include <stdint.h>", ""]
    for number, program in enumerate(family.programs):
        stem = f"{upper}{number}" if family.symbols else upper
        for kind, ports in (("IN", program.inputs), ("OUT", program.outputs)):
            for i, port in enumerate(ports):
                lines.append(f"#define {stem}_{kind}{i}_SHAPE {{{', '.join(map(str, port.shape)) or '1'}}}")
                lines.append(f"#define {stem}_{kind}{i}_BYTES {port.bytes}")
    which, sizes = (", int size", _sizes(family)) if family.symbols else ("", "")
    told = {"name": name, "upper": upper, "parameters": _parameters(family.programs[0]), "which": which}
    return "\n".join([*lines, HEADER_END.format(**told, sizes=sizes)])


def _sizes(family: Family) -> str:
    upper, count = family.name.upper(), len(family.programs)
    rows = ", ".join(f"{{{', '.join(map(str, p.sizes.values()))}}}" for p in family.programs)
    return SIZES.format(name=family.name, upper=upper, count=count, rows=rows, asked=_asked(family))


SIZES = """
/* The model holds programs for {count} sizes of its inputs, which the functions below are told by their number: 0 has
   inputs of the shapes {upper}0_IN0_SHAPE and so on. */
#define {upper}_GPU_SIZES {{{rows}}}
/* The number of the smallest size that holds what is asked for, -1 if none does. */
{upper}_GPU_API int {name}_gpu_size({asked});"""
HEADER_END = """
#ifdef __cplusplus
extern "C" {{
#endif
/* A model on one GPU. Every int is 0, or an error: CUDA's CUresult; 1001 there is no libcuda.so.1, 1002 the model holds
   no binaries for this GPU, 1003 the host has no memory left, 1004 no size has that number. One run at a time. */
#define {upper}_GPU_API __attribute__((visibility("default")))
typedef struct {name}_gpu {name}_gpu;{sizes}
/* Load binaries and weights, allocate all memory, capture the launches of a run as one CUDA graph. */
{upper}_GPU_API int {name}_gpu_init({name}_gpu **gpu, int device);
/* Copy inputs there, run, copy outputs back, wait. */
{upper}_GPU_API int {name}_gpu_run({name}_gpu *gpu{which}{parameters});
/* The device addresses of inputs and outputs; a run on what lies there, on a stream of yours (CUstream), not waited
   for. */
{upper}_GPU_API uint64_t {name}_gpu_input({name}_gpu *gpu{which}, int number);
{upper}_GPU_API uint64_t {name}_gpu_output({name}_gpu *gpu{which}, int number);
{upper}_GPU_API int {name}_gpu_enqueue({name}_gpu *gpu{which}, void *stream);
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
