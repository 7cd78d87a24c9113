"""Loops on several threads: the same bits as on one, no race for the sanitizer, and a pool that comes and goes."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from aic.backends.c.build import FLAGS
from aic.backends.c.program import Program, program
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

SOFTMAX = """
#row = affine_map<(i, j) -> (i)>
#id = affine_map<(i, j) -> (i, j)>
kernel.func @softmax(%x: memref<33x50xf32>, %y: memref<33x50xf32>) {
  %0 = bufferization.to_tensor %x : memref<33x50xf32> to tensor<33x50xf32>
  %low = arith.constant 0xFF800000 : f32
  %none = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<33xf32>
  %m0 = linalg.fill ins(%low : f32) outs(%e : tensor<33xf32>) -> tensor<33xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%0 : tensor<33x50xf32>) outs(%m0 : tensor<33xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.maximumf %a, %b : f32
      linalg.yield %c : f32
  } -> tensor<33xf32>
  %f = tensor.empty() : tensor<33x50xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %m : tensor<33x50xf32>, tensor<33xf32>) outs(%f : tensor<33x50xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %c = arith.subf %a, %b : f32
      %d = math.exp %c : f32
      linalg.yield %d : f32
  } -> tensor<33x50xf32>
  %s0 = linalg.fill ins(%none : f32) outs(%e : tensor<33xf32>) -> tensor<33xf32>
  %s = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%p : tensor<33x50xf32>) outs(%s0 : tensor<33xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.addf %a, %b : f32
      linalg.yield %c : f32
  } -> tensor<33xf32>
  %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %s : tensor<33x50xf32>, tensor<33xf32>) outs(%f : tensor<33x50xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %c = arith.divf %a, %b : f32
      linalg.yield %c : f32
  } -> tensor<33x50xf32>
  bufferization.materialize_in_destination %q in restrict writable %y
      : (tensor<33x50xf32>, memref<33x50xf32>) -> ()
  kernel.return
}
func.func @main(%x: memref<33x50xf32>, %y: memref<33x50xf32>) {
  kernel.launch @softmax(%x, %y) : (memref<33x50xf32>, memref<33x50xf32>) -> ()
  func.return
}
"""

MAIN = """
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
enum { N = 33 * 50 };
static float x[N], want[N];
static int (*run)(const float *, float *);
static void *many(void *out) {
  for (int i = 0; i < 200; i++) {
    run(x, out);
    if (memcmp(out, want, sizeof want)) return out;
  }
  return 0;
}
int main(int count, char **words) {
  static float mine[N], theirs[N];
  for (int i = 0; i < N; i++) x[i] = (float)((i * 37) % 101) / 17.f;
  for (int again = 0; again < 3; again++) {
    void *library = dlopen(words[1], RTLD_NOW);
    if (!library) return 10;
    *(void **)&run = dlsym(library, "model_run");
    void (*set)(int);
    *(void **)&set = dlsym(library, "model_set_threads");
    set(1);
    run(x, want);
    for (int threads = 9; threads > 0; threads -= 4) {
      set(threads);
      if (many(mine)) return 11;
    }
    set(3);
    if (count > 2) { /* a child of a fork has no workers */
      usleep(1000);
      pid_t child = fork();
      if (!child) return many(mine) ? 12 : 0;
      int status;
      waitpid(child, &status, 0);
      if (status) return 13;
    }
    pthread_t other; /* two callers at once, each with outputs of its own */
    void *wrong = 0;
    pthread_create(&other, 0, many, theirs);
    if (many(mine)) return 14;
    pthread_join(other, &wrong);
    if (wrong) return 15;
    usleep(again * 1000);
    if (dlclose(library)) return 16;
  }
  puts("good");
  return 0;
}
"""


def made(threads: int, least: int = 8) -> Program:
    ctx = context()
    module = Parser(ctx, SOFTMAX).parse_module()
    passes = f"lower-kernel-to-loop{{vector-bytes=16}},parallelize{{threads={threads} least={least}}}"
    run_pipeline(ctx, module, passes, verify_each=True)
    return program(module)


def built(found: Program, folder: Path, *flags: str) -> tuple[Path, Path]:
    """The library and the program that tries it."""
    (folder / "model.h").write_text(found.header)
    (folder / "model.c").write_text(found.source())
    (folder / "main.c").write_text(MAIN)
    strict = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-psabi")
    plain = [f for f in FLAGS if f != "-w"]
    library, tried = folder / "model.so", folder / "tried"
    for command in (
        ["cc", *plain, *strict, *found.flags, *flags, "-shared", "model.c", "-o", str(library), "-lm"],
        ["cc", "-std=gnu11", "-O1", *strict, *flags, "-pthread", "main.c", "-o", str(tried), "-ldl"],
    ):
        subprocess.run(command, cwd=folder, check=True, timeout=300)
    return library, tried


@pytest.mark.parametrize("flags", [(), ("-DAIC_SPIN=0",), ("-U__linux__",)], ids=["spin", "sleep", "condition"])
def test_the_same_bits_on_any_number_of_threads(tmp_path: Path, flags: tuple[str, ...]) -> None:
    library, tried = built(made(3), tmp_path, *flags)
    done = subprocess.run([tried, library, "fork"], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "good\n")


def test_the_thread_sanitizer_finds_no_race(tmp_path: Path) -> None:
    probe = tmp_path / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    command = ["cc", "-fsanitize=thread", str(probe), "-o", str(tmp_path / "probe")]
    if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("the C compiler has no thread sanitizer")
    if subprocess.run([tmp_path / "probe"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("the thread sanitizer does not run on this machine")
    library, tried = built(made(3), tmp_path, "-fsanitize=thread", "-g")
    done = subprocess.run([tried, library], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "good\n", "")


def test_one_thread_leaves_no_trace():
    found = made(1)
    assert found.threads == 1 and not found.flags
    for word in ("pthread", "aic_parallel", "set_threads", "THREADS", "stdatomic"):
        assert word not in found.source() + found.main() + found.header


def test_units_and_a_single_file_have_one_pool_each():
    found = made(3)
    assert found.source().count("aic_pool = {") == found.main().count("aic_pool = {") == 1
    assert all("aic_pool" not in unit.alone("k") for unit in found.units)
    assert "#define MODEL_THREADS 3" in found.header


def test_what_one_thread_computes_is_what_numpy_does(tmp_path: Path) -> None:
    import ctypes

    library, _ = built(made(3), tmp_path)
    x = np.random.default_rng(0).normal(size=(33, 50)).astype(np.float32)
    y = np.empty_like(x)
    assert ctypes.CDLL(str(library)).model_run(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data)) == 0
    e = np.exp(x.astype(np.float64))
    np.testing.assert_allclose(y, e / e.sum(-1, keepdims=True), rtol=1e-5)  # float32 sums of 50 terms
