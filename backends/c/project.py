"""A project around the C: builds with its own Makefile or CMake, runs its test vectors, needs no Python.

    make check        compiles, runs every vector of test/, compares with the expected outputs

A vector is test/inN_K.bin and test/outN_K.bin: vector N, input or output K, the array's bytes in C order.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..target import Vector
from .program import Program

MAKEFILE = """\
# make: the library and the test program; make check: run the test vectors
CC ?= cc
CFLAGS ?= -O2 {flags}
# gcc would carry loads over from one round of a tile to the next, and spill the sums for it
PLAIN := -fno-predictive-commoning
PLAIN := $(shell $(CC) -Werror $(PLAIN) -E -x c /dev/null >/dev/null 2>&1 && echo $(PLAIN))
ALL = -std=gnu11 -fwrapv -fno-math-errno -ffp-contract=fast $(PLAIN) $(CFLAGS)

check: test_{name}
\t./test_{name} test

test_{name}: main.c lib{name}.a
\t$(CC) $(ALL) -o $@ main.c lib{name}.a -lm{libraries}

lib{name}.a: {name}.c{weights} {name}.h
\t$(CC) $(ALL) -c -o {name}.o {name}.c
{assemble}\tar rcs $@ {objects}

clean:
\trm -f *.o *.a test_{name}

.PHONY: check clean
"""

CMAKE = """\
cmake_minimum_required(VERSION 3.13)
project({name} C)
include(CheckCCompilerFlag)
check_c_compiler_flag("-Werror -fno-predictive-commoning" PLAIN_LOOPS)
add_library({name} STATIC {name}.c{weights})
target_compile_options({name} PRIVATE -O2 -std=gnu11 -fwrapv -fno-math-errno -ffp-contract=fast {flags}
                       $<$<BOOL:${{PLAIN_LOOPS}}>:-fno-predictive-commoning>)
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_source_files_properties({name}_weights.c PROPERTIES OBJECT_DEPENDS ${{CMAKE_CURRENT_SOURCE_DIR}}/{name}.weights
                            COMPILE_FLAGS -Wa,-I${{CMAKE_CURRENT_SOURCE_DIR}})
add_executable(test_{name} main.c)
target_link_libraries(test_{name} {name} m{libraries})
enable_testing()
add_test(NAME vectors COMMAND test_{name} ${{CMAKE_CURRENT_SOURCE_DIR}}/test)
"""

README = """\
# {name}

A neural network in C. `{name}.h` declares one function,

    {signature};

which returns 0, or an error code. `arena` is {arena} bytes of scratch memory, aligned to 64 bytes.
`make check` builds a static library and runs the test vectors; so does CMake with ctest. Nothing but a C compiler
that knows GCC's vector types and libm is needed.
"""

MAIN = """\
/* Runs the test vectors of a folder: exit code 0 if every output is as expected, 1 if not, 2 if a file is missing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "{name}.h"

static int load(const char *folder, const char *kind, int vector, int port, void *to, size_t size) {{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s%d_%d.bin", folder, kind, vector, port);
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  size_t got = fread(to, 1, size, file);
  fclose(file);
  if (got != size) {{ fprintf(stderr, "%s: expected %zu bytes, found %zu\\n", path, size, got); exit(2); }}
  return 1;
}}

static void *room(size_t size) {{
  void *found = aligned_alloc(64, (size + 127) / 64 * 64);
  if (!found) {{ fprintf(stderr, "out of memory\\n"); exit(2); }}
  return found;
}}

/* The largest difference of two arrays as a share of the largest expected magnitude; 1 for a stray NaN. */
#define DIFFERENCE(T) \\
  static double difference_##T(const T *found, const T *expected, size_t n) {{ \\
    double worst = 0, scale = 1e-30; \\
    for (size_t i = 0; i < n; i++) {{ \\
      double a = (double)found[i], b = (double)expected[i]; \\
      if (a != a && b != b) continue; \\
      if (a == b) {{ if (isfinite(b)) scale = fmax(scale, fabs(b)); continue; }} \\
      if (!isfinite(a) || !isfinite(b)) return 1; \\
      worst = fmax(worst, fabs(a - b)); \\
      scale = fmax(scale, fabs(b)); \\
    }} \\
    return worst / scale; \\
  }}
{differences}

int main(int argc, char **argv) {{
  const char *folder = argc > 1 ? argv[1] : "test";
  int vector = 0, bad = 0;
{declare}
  void *arena = room({arena});
  for (;; vector++) {{
{loads}
    if ({name}_run({arguments})) {{ fprintf(stderr, "the model answered an error code\\n"); return 2; }}
{checks}
  }}
  if (!vector) {{ fprintf(stderr, "%s: no test vectors\\n", folder); return 2; }}
  printf("%d test vectors, %d outputs differ\\n", vector, bad);
{frees}
  return bad != 0;
}}
"""


def write(made: Program, folder: Path, flags: Sequence[str], vectors: Sequence[Vector]) -> None:
    """Write the project's files and its test vectors beside the C."""
    weights = bool(made.weights.size)
    unit = f" {made.name}_weights.c" if weights else ""
    assemble = f"\t$(CC) $(ALL) -c -o {made.name}_weights.o {made.name}_weights.c\n" if weights else ""
    objects = f"{made.name}.o" + (f" {made.name}_weights.o" if weights else "")
    words = {"name": made.name, "weights": unit, "flags": " ".join(flags)}
    words["libraries"] = "".join(f" {flag}" for flag in made.flags)
    (folder / "Makefile").write_text(MAKEFILE.format(assemble=assemble, objects=objects, **words))
    (folder / "CMakeLists.txt").write_text(CMAKE.format(**words))
    readme = README.format(name=made.name, signature=made.signature, arena=max(made.arena_bytes, 64))
    (folder / "README.md").write_text(readme)
    (folder / "main.c").write_text(_main(made))
    (folder / "test").mkdir()
    for number, (inputs, outputs) in enumerate(vectors):
        for kind, arrays in (("in", inputs), ("out", outputs)):
            for port, array in enumerate(arrays):
                np.ascontiguousarray(array).tofile(folder / "test" / f"{kind}{number}_{port}.bin")


def _main(made: Program) -> str:
    declare, loads, checks = [], [], []
    for i, port in enumerate(made.inputs):
        size = f"{port.count} * sizeof({port.element})"
        declare.append(f"  {port.element} *in{i} = room({size});")
        loads.append(f'    if (!load(folder, "in", vector, {i}, in{i}, {size})) break;')
    for i, port in enumerate(made.outputs):
        size = f"{port.count} * sizeof({port.element})"
        declare.append(f"  {port.element} *out{i} = room({size}), *want{i} = room({size});")
        loads.append(f'    if (!load(folder, "out", vector, {i}, want{i}, {size})) break;')
        loads.append(f"    memset(out{i}, 0xff, {size});")
        same = f"memcmp(out{i}, want{i}, {size}) == 0"
        if port.element in ("float", "double"):
            same = f"difference_{port.element}(out{i}, want{i}, {port.count}) < 1e-4"
        complaint = f'fprintf(stderr, "vector %d: output {i} differs\\n", vector)'
        checks.append(f"    if (!({same})) {{ bad++; {complaint}; }}")
    rooms = [word for i in range(len(made.outputs)) for word in (f"out{i}", f"want{i}")]
    rooms += [*(f"in{i}" for i in range(len(made.inputs))), "arena"]
    arguments = [f"in{i}" for i in range(len(made.inputs))] + [f"out{i}" for i in range(len(made.outputs))]
    used = sorted({p.element for p in made.outputs if p.element in ("float", "double")})
    return MAIN.format(
        name=made.name,
        differences="\n".join(f"DIFFERENCE({t})" for t in used),
        declare="\n".join(declare),
        arena=max(made.arena_bytes, 64),
        loads="\n".join(loads) or "    if (vector) break;",
        arguments=", ".join([*arguments, "arena"]),
        checks="\n".join(checks),
        frees="\n".join(f"  free({room});" for room in rooms),
    )
