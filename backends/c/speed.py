"""How fast one core is at best: multiply-adds of vectors in registers, and bytes read from memory, by a C program.

gflops 131.2     twelve independent sums, so that none waits for another
bandwidth 13.8   GB/s of a sum over 64 MiB
"""

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ..target import Speeds, TargetError
from .machine import Cpu

GIGA = 1e9
SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
typedef float v __attribute__((vector_size(BYTES)));
enum { SUMS = 12, ROUNDS = 200000, TRIES = 9, FLOATS = 16 << 20 };
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}
int main(void) {
  float *data = malloc(FLOATS * sizeof(float));
  double fastest = 1e9, quickest = 1e9;
  float kept = 0;
  for (long i = 0; i < FLOATS; i++) data[i] = (float)(i & 7);
  for (int n = 0; n < TRIES; n++) {
    v sums[SUMS], x = {0}, y = {0};
    for (int j = 0; j < SUMS; j++) sums[j] = x;
    x += data[1], y += data[n & 3] * 1e-9f;
    double start = now();
    for (long i = 0; i < ROUNDS; i++) {
      __asm__ volatile("" ::: "memory");
#pragma GCC unroll 12
      for (int j = 0; j < SUMS; j++) sums[j] = sums[j] * x + y;
    }
    double took = now() - start;
    fastest = took < fastest ? took : fastest;
    for (int j = 0; j < SUMS; j++) kept += sums[j][0];
    v total = {0};
    start = now();
    for (long i = 0; i < FLOATS; i += BYTES / 4 * 4)
      for (int j = 0; j < 4; j++) total += *(const v *)(data + i + j * (BYTES / 4));
    took = now() - start;
    quickest = took < quickest ? took : quickest;
    kept += total[0];
  }
  printf("%.6g %.6g %g\n", 2.0 * SUMS * ROUNDS * (BYTES / 4) / fastest, 4.0 * FLOATS / quickest, (double)kept);
  return 0;
}
"""


def speeds(machine: Cpu, cc: str) -> Speeds:
    """What the machine's description says, else what is measured here; TargetError if that fails."""
    if machine.gflops and machine.bandwidth:
        return Speeds(machine.gflops * GIGA, machine.bandwidth * GIGA, measured=False)
    found = measured(cc or "cc", machine.vector_bytes, machine.flags)
    return Speeds(machine.gflops * GIGA or found.flops, machine.bandwidth * GIGA or found.bandwidth, measured=True)


@cache
def measured(cc: str, vector_bytes: int, flags: tuple[str, ...]) -> Speeds:
    """Compile and run the program; the best of several tries, in processor time."""
    with TemporaryDirectory(prefix="aic-") as scratch:
        source, program = Path(scratch) / "speed.c", Path(scratch) / "speed"
        source.write_text(SOURCE)
        command = [*cc.split(), "-O3", "-std=gnu11", "-ffp-contract=fast", f"-DBYTES={max(vector_bytes, 4)}", *flags]
        try:
            subprocess.run([*command, str(source), "-o", str(program)], check=True, capture_output=True, timeout=120)
            done = subprocess.run([str(program)], check=True, capture_output=True, text=True, timeout=120)
        except FileNotFoundError as error:
            raise TargetError(f"{error.filename}: no such C compiler", missing=True) from None
        except (OSError, subprocess.SubprocessError) as error:
            raise TargetError(
                f"the machine's speed cannot be measured here ({type(error).__name__}); "
                "give it: -t c,gflops=N,bandwidth=N"
            ) from None
    flops, bandwidth, _ = map(float, done.stdout.split())
    return Speeds(flops, bandwidth, measured=True)
