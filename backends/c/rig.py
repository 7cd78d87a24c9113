"""Ways of carrying out a kernel, measured: all in one C file, built once, run in turns in a process with a limit
of CPU time.

    try 3         the program begins with candidate 3; nothing after this line: it crashed, or took too long
    ok 3          its results are those of candidate 0; else `wrong 3`
    t 3 1.2e-05   seconds of CPU time of a call, once a round

Weights are the same number everywhere, so that it does not matter in which order a candidate wants them, and lie in as
many copies as the first caches cannot hold: in a network they come from memory. Integers are 0, which any table has.
"""

import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xdsl.dialects.builtin import MemRefType, ModuleOp

from ...dialects import kernel
from ...dialects._layout import footprint
from ...dialects._shape import dtype
from ...dialects.graph.weight import WeightOp
from ..target import ALONE, Effort, Outcome, Rig, TargetError
from .build import Compiler, CompilerError, version
from .program import NAME, Unit, runtime, typedefs, unit

ROTATED, COPIES = 16 << 20, 64
"""Bytes that the copies of the weights fill, and how many there are at most."""
PATIENCE = 20
"""Seconds that a second of CPU time may take where the machine is busy."""
SLOW = 1.7
"""A candidate that takes so many times the best one's time at first is not measured for long."""


@dataclass(frozen=True)
class Argument:
    """A buffer that a kernel works on: its bytes, the numbers in it, and what they are."""

    bytes: int
    element: str
    role: str


@dataclass(frozen=True)
class Trial:
    """A kernel's code with its arguments."""

    unit: Unit
    arguments: tuple[Argument, ...]


class CRig(Rig):
    """Builds with a C compiler, runs on this machine."""

    def __init__(self, compiler: Compiler):
        self.compiler = compiler

    @property
    def identity(self) -> str:
        try:
            return " ".join([*self.compiler.command, *self.compiler.flags, version(self.compiler.command)])
        except CompilerError as error:
            raise TargetError(str(error), missing=error.missing) from None

    def trial(self, module: ModuleOp, kernel: str) -> Trial:
        return _trial(module, kernel)

    def digest(self, trial: object) -> str:
        return _checked(trial).unit.digest

    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        candidates = [_checked(trial) for trial in trials]
        with TemporaryDirectory(prefix="aic-") as scratch:
            program = Path(scratch) / "trials"
            try:
                self._build(candidates, program, effort.build)
            except CompilerError:
                return self._one_by_one(candidates, effort, turn)
            with turn:
                return _run(program, len(candidates), effort)

    def _one_by_one(
        self, candidates: list[Trial], effort: Effort, turn: AbstractContextManager[object]
    ) -> list[Outcome]:
        """One of several cannot be built, or all take too long: find out which, in as long again, and measure what can
        be built together."""
        if len(candidates) == 1:
            return [Outcome("build")]
        share, spent = effort.build / len(candidates), 0.0
        outcomes = [Outcome("build")] * len(candidates)
        with TemporaryDirectory(prefix="aic-") as scratch:
            good: list[int] = []
            for index, candidate in enumerate(candidates):
                start = time.monotonic()
                with suppress(CompilerError):
                    self._build([candidate], Path(scratch) / "trials", 2 * share)
                    spent += time.monotonic() - start
                    if spent < effort.build / 2:
                        good.append(index)
        if 0 < len(good) < len(candidates):
            for index, found in zip(good, self.measure([candidates[i] for i in good], effort, turn), strict=True):
                outcomes[index] = found
        return outcomes

    def _build(self, candidates: Sequence[Trial], program: Path, limit: float) -> None:
        source = program.with_suffix(".c")
        source.write_text(text(candidates))
        command = [*self.compiler.command, *self.compiler.flags, "-o", str(program), str(source), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            raise CompilerError("the C compiler took too long") from None
        if done.returncode:
            raise CompilerError(done.stderr.strip()[:400])


def _checked(trial: object) -> Trial:
    if not isinstance(trial, Trial):
        raise TypeError(f"expected a trial of C, found {trial}")
    return trial


def _trial(module: ModuleOp, name: str) -> Trial:
    launch = next(op for op in module.walk() if isinstance(op, kernel.LaunchOp) and op.kernel == name)
    func = next(op for op in module.ops if isinstance(op, kernel.FuncOp) and op.sym_name.data == name)
    made = unit(func, name)
    fixed = ["const " in word for word in made.prototype.partition("(")[2].split(",")]
    arguments: list[Argument] = []
    for operand, constant in zip(launch.arguments, fixed, strict=True):
        if not isinstance(operand.type, MemRefType):
            raise TargetError(f"kernel {name}: expected buffers, found {operand.type}")
        kind = dtype(operand.type.element_type)
        role = "weight" if isinstance(operand.owner, WeightOp) else "input" if constant else "output"
        arguments.append(Argument(footprint(operand.type) * kind.itemsize, kind.name, role))
    return Trial(made, tuple(arguments))


def text(candidates: Sequence[Trial]) -> str:
    """The program that measures them."""
    units = [c.unit for c in candidates]
    vectors = frozenset(v for u in units for v in u.vectors)
    functions = dict.fromkeys(f for u in units for f in u.functions)
    kernels = [f"static __attribute__((noinline)) {u.text.replace(NAME, f'c{i}')}" for i, u in enumerate(units)]
    calls = [
        f"static void call{i}(void **b) {{ c{i}({', '.join(f'b[{a}]' for a in range(len(c.arguments)))}); }}"
        for i, c in enumerate(candidates)
    ]
    longest = max(candidates, key=lambda c: len(c.arguments)).arguments
    rows = []
    for place, argument in enumerate(longest):
        size = max(c.arguments[place].bytes for c in candidates if place < len(c.arguments))
        kind = {"float32": "f", "float64": "d"}.get(argument.element, "-")
        rows.append(f"  {{{size}, '{kind}', '{argument.role[0]}'}},")
    weights = sum(a.bytes for a in longest if a.role == "weight")
    copies = max(1, min(COPIES, -(-ROTATED // weights))) if weights else 1
    table = f"static void (*const calls[])(void **) = {{{', '.join(f'call{i}' for i in range(len(candidates)))}}};"
    shape = ["static const struct { size_t bytes; char kind, role; } arguments[] = {", *rows, "};"]
    facts = [f"enum {{ CANDIDATES = {len(candidates)}, ARGUMENTS = {len(longest)}, COPIES = {copies} }};"]
    parts = [HEAD, runtime(), typedefs(vectors), *functions, *kernels, *calls, table, *shape, *facts]
    return "\n".join([*parts, MAIN.replace("@SLOW@", str(SLOW)), ""])


def _run(program: Path, count: int, effort: Effort) -> list[Outcome]:
    """Run the program, again without what crashed or did not end, until the rest is measured."""
    status = ["timeout"] * count
    left, spare = list(range(count)), 4
    while left:
        said, ended = _said(program, left, effort)
        seconds: dict[int, list[float]] = {}
        begun: int | None = None
        for line in re.findall(r"^(try|ok|wrong|t) (\d+)(?: (\S+))?$", said, re.MULTILINE):
            word, index = line[0], int(line[1])
            if word == "t":
                seconds.setdefault(index, []).append(float(line[2]))
                continue
            begun = index if word == "try" else None
            status[index] = {"ok": "ok", "wrong": "wrong", "try": ended}[word]
        if ended == "ok" or begun is None or not spare:
            return [Outcome(s, tuple(seconds.get(i, ()))) for i, s in enumerate(status)]
        spare -= 1
        left = [i for i in left if status[i] not in ("crash", "timeout", "wrong") or i > begun]
    return [Outcome(s) for s in status]


def _said(program: Path, left: Sequence[int], effort: Effort) -> tuple[str, str]:
    """What the program prints, and how it ended: `ok`, `crash`, `timeout`."""
    command = [str(program), str(effort.limit), str(effort.sample), str(effort.rounds), *map(str, left)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            said, _ = process.communicate(timeout=PATIENCE * effort.limit)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], "timeout"
        except BaseException:
            process.kill()
            raise
    return said, {0: "ok", -signal.SIGPROF: "timeout"}.get(process.returncode, "crash")


HEAD = """#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif"""

MAIN = """
static void *buffers[COPIES][ARGUMENTS], *expected[ARGUMENTS];

static double now(void) { /* of the thread: a process's clock goes by ticks of milliseconds while setitimer counts it */
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(void *place, size_t bytes, char kind, char role) {
  uint32_t state = 1;
  memset(place, 0, bytes);
  for (size_t i = 0; kind == 'f' && i < bytes / 4; i++)
    ((float *)place)[i] = role == 'w' ? 0.5f : (float)((state = state * 1664525u + 1013904223u) >> 8) / 16777216.0f;
  for (size_t i = 0; kind == 'd' && i < bytes / 8; i++)
    ((double *)place)[i] = role == 'w' ? 0.5 : (double)((state = state * 1664525u + 1013904223u) >> 8) / 16777216.0;
}

static int close_to(double a, double b, double scale) {
  return a == b || (a != a && b != b) || (a - b < 1e-3 * scale && b - a < 1e-3 * scale);
}

static double element(const void *place, size_t i, char kind) {
  return kind == 'f' ? ((const float *)place)[i] : ((const double *)place)[i];
}

static int same(void) {
  for (int a = 0; a < ARGUMENTS; a++) {
    const size_t width = arguments[a].kind == 'f' ? 4 : 8, count = arguments[a].bytes / width;
    double scale = 0;
    if (arguments[a].role != 'o' || arguments[a].kind == '-') continue;
    for (size_t i = 0; i < count; i++) {
      const double x = element(expected[a], i, arguments[a].kind);
      if (x < 1e300 && x > scale) scale = x;
      if (x > -1e300 && -x > scale) scale = -x;
    }
    for (size_t i = 0; i < count; i++)
      if (!close_to(element(buffers[0][a], i, arguments[a].kind), element(expected[a], i, arguments[a].kind), scale))
        return 0;
  }
  return 1;
}

static double timed(int candidate, long calls_wanted) {
  static unsigned turn;
  const double start = now();
  for (long i = 0; i < calls_wanted; i++) calls[candidate](buffers[turn++ % COPIES]);
  return (now() - start) / (double)calls_wanted;
}

static double first_of(int candidate) { /* the least of three, each of as many calls as the clock can tell */
  long count = 2;
  double least, again;
  while ((least = timed(candidate, count)) * (double)count < 2e-5) count *= 4;
  for (int i = 0; i < 2; i++)
    if ((again = timed(candidate, count)) < least) least = again;
  return least;
}

int main(int argc, char **argv) {
  const double limit = atof(argv[1]), sample = atof(argv[2]);
  const int rounds = atoi(argv[3]);
  static double first[CANDIDATES];
  double best = 1e30;
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  const struct itimerval ends = {.it_value = {(time_t)limit, (suseconds_t)(1e6 * (limit - (double)(time_t)limit))}};
  setitimer(ITIMER_PROF, &ends, NULL);
  for (int a = 0; a < ARGUMENTS; a++)
    for (int c = 0; c < COPIES; c++) {
      if (c && arguments[a].role != 'w') { buffers[c][a] = buffers[0][a]; continue; }
      if (posix_memalign(&buffers[c][a], 64, arguments[a].bytes + 64)) return 3;
      fill(buffers[c][a], arguments[a].bytes, arguments[a].kind, arguments[a].role);
      if (!c && arguments[a].role == 'o' && !(expected[a] = malloc(arguments[a].bytes + 1))) return 3;
    }
  for (int i = 4; i < argc; i++) {
    const int c = atoi(argv[i]);
    printf("try %d\\n", c), fflush(stdout);
    for (int a = 0; a < ARGUMENTS; a++)
      if (arguments[a].role == 'o') memset(buffers[0][a], 0, arguments[a].bytes);
    calls[c](buffers[0]);
    for (int a = 0; i == 4 && a < ARGUMENTS; a++)
      if (expected[a]) memcpy(expected[a], buffers[0][a], arguments[a].bytes);
    if (!same()) { printf("wrong %d\\n", c), fflush(stdout); first[c] = 1e30; continue; }
    first[c] = first_of(c);
    if (first[c] < best) best = first[c];
    printf("ok %d\\n", c), fflush(stdout);
  }
  for (int r = 0; r < rounds; r++)
    for (int i = 4; i < argc; i++) {
      const int c = atoi(argv[i]);
      if (first[c] >= 1e30 || (r && first[c] > @SLOW@ * best)) continue;
      printf("t %d %.9g\\n", c, timed(c, 1 + (long)(sample / (first[c] + 1e-9)))), fflush(stdout);
    }
  return 0;
}"""
