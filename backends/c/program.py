"""The model as C: one function per kernel, `NAME_run` that calls them, a header; a single file or one unit per kernel.

static void k0(const float *restrict p0, float *restrict p1) { ... }
int NAME_run(const float *in0, float *out0, void *arena) { k0(in0, (float *)(arena + 64)); ... return 0; }
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from math import prod

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue

from ...dialects import kernel, loop
from ...dialects.graph._blob import Blob, blob
from .control import body
from .table import TABLE
from .threads import DECLARED, PROTOTYPE, pool, threads_of
from .types import bits, pointer, stored
from .values import NAME, Helpers, Text


@dataclass(frozen=True)
class Unit:
    """A kernel's function with the definitions it needs; its name is still open."""

    name: str
    text: str
    vectors: frozenset[tuple[str, int]]
    functions: tuple[str, ...]
    prototype: str
    parts: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of all that the unit's object code depends on in the text."""
        return hashlib.sha256(self.alone("k").encode()).hexdigest()[:16]

    def alone(self, name: str) -> str:
        """A translation unit with the kernel under a global name."""
        above = [PROTOTYPE] * bool(self.parts) + [*self.parts, f"{self.prototype};", self.text]
        made = [text.replace(NAME, name) for text in above]
        return "\n".join([runtime(), typedefs(self.vectors), *self.functions, *made, ""])


@dataclass(frozen=True)
class Port:
    """An input or output of the model: the C type of its elements, and its shape."""

    element: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements in all."""
        return prod(self.shape)


@dataclass(frozen=True)
class Program:
    """A model's C, before it is written anywhere."""

    name: str
    units: tuple[Unit, ...]
    host: str
    header: str
    weights: Blob
    arena_bytes: int
    lower_bound_bytes: int
    signature: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    threads: int = 1
    """Threads that its loops are split among at most; 1: nothing of threads is in the text."""

    @property
    def flags(self) -> tuple[str, ...]:
        """What the C compiler and the linker must be told for its sake."""
        return ("-pthread",) if self.threads > 1 else ()

    def source(self) -> str:
        """All in one file; kernels are static."""
        vectors = frozenset(v for unit in self.units for v in unit.vectors)
        functions = dict.fromkeys(f for unit in self.units for f in unit.functions)
        kernels = [
            "\n".join([*u.parts, f"static __attribute__((noinline)) {u.text}"]).replace(NAME, u.name)
            for u in self.units
        ]
        threads = [pool(self.name, self.threads, "static")] * (self.threads > 1)
        parts = [self.preamble(), runtime(), *threads, typedefs(vectors), *functions, *kernels, self.host, ""]
        return "\n".join(parts)

    def main(self) -> str:
        """The host function alone, for linking with the units; kernels by digest."""
        names = [f"#define {u.name} aic_k_{u.digest}\n{u.prototype.replace(NAME, u.name)};" for u in self.units]
        threads = [pool(self.name, self.threads)] * (self.threads > 1)
        return "\n".join([self.preamble(), runtime(), *threads, *names, self.host, ""])

    def preamble(self) -> str:
        """Includes, and where the weights come from."""
        lines = [f'#include "{self.name}.h"', "#include <stdint.h>", "#include <stddef.h>"]
        if not self.weights.size:
            return "\n".join([*lines, "#define AIC_WEIGHTS ((const unsigned char *)0)"])
        lines += [
            "#ifdef AIC_WEIGHTS_POINTER",
            f"const unsigned char *{self.name}_weights;",
            f"void {self.name}_set_weights(const void *weights) {{ {self.name}_weights = weights; }}",
            "#else",
            f"extern const unsigned char {self.name}_weights[];",
            "#endif",
            f"#define AIC_WEIGHTS {self.name}_weights",
        ]
        return "\n".join(lines)


def runtime() -> str:
    """The runtime header's text."""
    return files(__package__ or "").joinpath("runtime", "aic_runtime.h").read_text()


LANE = {"f16": "_Float16", "bf16": "int16_t", "f32": "float", "f64": "double"}
"""The C types of a vector's lanes; of a bf16 its bits."""


def typedefs(vectors: frozenset[tuple[str, int]]) -> str:
    """The vector types, aligned as their elements are so that any address will do."""
    lines = []
    for short, count in sorted(vectors):
        size = bits(short) // 8
        kind = {"u": f"uint{short[1:]}_t", "i": f"int{short[1:]}_t"}.get(short[0]) or LANE[short]
        lines.append(
            f"typedef {kind} {short}x{count} "
            f"__attribute__((vector_size({size * count}), aligned({size}), may_alias, unused));"
        )
    return "\n".join(lines)


def program(module: ModuleOp, name: str = "model", *, timed: bool = False) -> Program:
    """The C of a module at the hardware level, `timed` with a timer round each launch; ValueError if an op is left that
    has no C."""
    kernels = [op for op in module.ops if isinstance(op, kernel.FuncOp)]
    names = {op.sym_name.data: f"k{i}" for i, op in enumerate(kernels)}
    units = tuple(unit(op, names[op.sym_name.data]) for op in kernels)
    (main,) = [op for op in module.ops if isinstance(op, func.FuncOp)]
    weights = blob(main)
    parameters = _parameters(main)
    launches: list[Operation] = [op for op in module.walk() if timed and isinstance(op, kernel.LaunchOp)]
    numbers = {op: i for i, op in enumerate(launches)}
    host = _host(main, name, parameters, Helpers(kernels=names, weights=weights.places, timed=numbers))
    signature = f"int {name}_run({', '.join(parameters) or 'void'})"
    arena, bound = (_number(main, key) for key in ("arena_bytes", "lower_bound_bytes"))
    ports = _ports(main)
    threads = threads_of(module)
    header = _header(name, signature, arena, threads, *ports)
    return Program(name, units, host, header, weights, arena, bound, signature, *ports, threads)


def _number(op: Operation, key: str) -> int:
    found = op.attributes.get(key)
    return found.value.data if found is not None else 0  # pyright: ignore[reportAttributeAccessIssue]


def unit(op: kernel.FuncOp, name: str) -> Unit:
    """The C of a kernel that is loops."""
    helpers = Helpers()
    text = Text(helpers, TABLE)
    written = _written(op)
    shared = "inplace" in op.attributes
    parameters = []
    for i, arg in enumerate(op.body.block.args):
        const = "" if arg in written else "const "
        restrict = "" if shared else "restrict "
        parameters.append(f"{const}{pointer(arg.type)}{restrict}p{i}")
        text.names[arg] = f"p{i}"
    prototype = f"void {NAME}({', '.join(parameters)})"
    body(text, op.body.block)
    unused = [f"(void)p{i};" for i, arg in enumerate(op.body.block.args) if not arg.uses]
    lines = [f"{prototype} {{", *(f"  {line}" for line in unused), *text.lines, "}"]
    functions = tuple(helpers.functions.values())
    return Unit(name, "\n".join(lines), frozenset(helpers.vectors), functions, prototype, tuple(helpers.parts))


def _written(op: kernel.FuncOp) -> set[SSAValue]:
    """Arguments that the kernel stores to, through views too."""
    found: set[SSAValue] = set()
    for inner in op.walk():
        match inner:
            case loop.StoreOp() | memref.StoreOp():
                found.add(_base(inner.memref))
            case memref.ViewOp() | memref.ReinterpretCastOp():
                found.add(_base(inner.source))
            case _:
                pass
    return found


def _base(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, memref.ViewOp | memref.ReinterpretCastOp):
        value = value.owner.source
    return value


def _parameters(main: func.FuncOp) -> list[str]:
    """The C parameters of NAME_run, as the order of the function's arguments: inputs, outputs, arena."""
    written = _outputs(main)
    parameters = []
    inputs = outputs = 0
    for arg in main.body.block.args:
        if _is_arena(arg):
            parameters.append("void *arena")
        elif arg in written:
            parameters.append(f"{pointer(arg.type)}out{outputs}")
            outputs += 1
        else:
            parameters.append(f"const {pointer(arg.type)}in{inputs}")
            inputs += 1
    return parameters


def _is_arena(arg: SSAValue) -> bool:
    return arg.name_hint == "arena"


def _outputs(main: func.FuncOp) -> set[SSAValue]:
    names = main.attributes.get("res_names")
    args = [a for a in main.body.block.args if not _is_arena(a)]
    count = len(names.data) if names is not None else 1  # pyright: ignore[reportAttributeAccessIssue]
    return set(args[len(args) - count :])


def _host(main: func.FuncOp, name: str, parameters: list[str], helpers: Helpers) -> str:
    text = Text(helpers, TABLE)
    lines = [TIMER.replace(NAME, name)] if helpers.timed else []
    lines += [
        f"int {name}_run({', '.join(parameters) or 'void'}) {{",
        *([f"  {name}_event_count = 0;"] * bool(helpers.timed)),
    ]
    for arg, parameter in zip(main.body.block.args, parameters, strict=True):
        word = parameter.split("*")[-1].strip()
        text.names[arg] = f"((unsigned char *){word})" if _is_arena(arg) else _unconst(word, parameter)
        lines += [f"  (void){word};"] if not arg.uses else []
    body(text, main.body.block)
    return "\n".join([*lines, *text.lines, "  return 0;", "}"])


EVENTS = 1 << 16
"""Launches of a run that are timed at most."""
TIMER = f"""#include <time.h>
typedef struct {{ double start, stop; int64_t launch; }} aic_event;
__attribute__((visibility("default"))) aic_event {NAME}_events[{EVENTS}];
__attribute__((visibility("default"))) int64_t {NAME}_event_count;
static double aic_now(void) {{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}}
static void aic_begin(int64_t launch) {{
  if ({NAME}_event_count >= {EVENTS}) return;
  {NAME}_events[{NAME}_event_count].launch = launch;
  {NAME}_events[{NAME}_event_count].start = aic_now();
}}
static void aic_end(void) {{
  if ({NAME}_event_count < {EVENTS}) {NAME}_events[{NAME}_event_count++].stop = aic_now();
}}"""


def _unconst(word: str, parameter: str) -> str:
    """An input under its type without const: views of it are typed as buffers; no kernel writes through them."""
    if not parameter.startswith("const "):
        return word
    return f"(({parameter.removeprefix('const ').removesuffix(word).strip()}){word})"


def _ports(main: func.FuncOp) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The inputs and the outputs."""
    written = _outputs(main)
    found: tuple[list[Port], list[Port]] = ([], [])
    for arg in main.body.block.args:
        if not _is_arena(arg) and isinstance(arg.type, MemRefType):
            found[arg in written].append(Port(stored(arg.type.element_type), arg.type.get_shape()))
    return tuple(found[0]), tuple(found[1])


def _header(
    name: str, signature: str, arena: int, threads: int, inputs: tuple[Port, ...], outputs: tuple[Port, ...]
) -> str:
    upper = name.upper()
    lines = [f"#ifndef AIC_{upper}_H", f"#define AIC_{upper}_H", "#include <stdint.h>", ""]
    lines.append(f"#define {upper}_ARENA_BYTES {max(arena, 64)}")
    lines.append(f"#define {upper}_ARENA_ALIGNMENT 64")
    if threads > 1:
        lines.append(f"#define {upper}_THREADS {threads}")
    if any(port.element == "aic_bf16" for port in (*inputs, *outputs)):
        lines.append("#ifndef AIC_BF16\n#define AIC_BF16\ntypedef struct { uint16_t bits; } aic_bf16;\n#endif")
    for kind, ports in (("in", inputs), ("out", outputs)):
        for i, port in enumerate(ports):
            stem = f"{upper}_{kind.upper()}{i}"
            lines.append(f"typedef {port.element} {name}_{kind}{i}_t;")
            lines.append(f"#define {stem}_RANK {len(port.shape)}")
            lines.append(f"#define {stem}_SHAPE {{{', '.join(map(str, port.shape)) or '1'}}}")
            lines.append(f"#define {stem}_ELEMENTS {port.count}")
    more = DECLARED.format(name=name, upper=upper) if threads > 1 else ""
    return "\n".join([*lines, HEADER_END.format(name=name, upper=upper, signature=signature, more=more)])


HEADER_END = """
#ifdef __cplusplus
extern "C" {{
#endif
/* 0, or an error code. The arena holds all intermediate values; buffers must not overlap. */
__attribute__((visibility("default"))) {signature};
#ifdef AIC_WEIGHTS_POINTER
__attribute__((visibility("default"))) void {name}_set_weights(const void *weights);
#endif
{more}#ifdef __cplusplus
}}
#endif
#endif /* AIC_{upper}_H */
"""


def locations(launch: Operation) -> tuple[str, ...]:
    """The ONNX nodes of a launch, from its location."""
    found: list[str] = []

    def collect(location: object) -> None:
        desc = getattr(location, "desc", None)
        if isinstance(desc, StringAttr):
            found.append(desc.data)
        for inner in getattr(getattr(location, "locations", None), "data", ()):
            collect(inner)

    collect(launch.location)
    return tuple(dict.fromkeys(found))
