"""The C as its user gets it: equal for equal input, clean under sanitizers, free of everything but libm."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import aic
import pytest
from aic.compiler.driver import Options, compile_model

from .models import dense
from .networks import NETWORKS

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
SANITIZE = "-O0 -g -march=native -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all"
LIBM = {"erff", "expf", "logf", "powf", "sqrtf", "tanhf", "roundevenf", "fmaf"}
COPIES = {"memcpy", "memmove", "memset", "memcmp"}
"""What a C compiler may call even in a freestanding environment."""


def project(name: str, folder: Path) -> Path:
    model, _ = NETWORKS[name]()
    return compile_model(model, "c", folder / "out", Options(kinds=("project",), weights="embed")).folder


def cc(*arguments: str, folder: Path) -> None:
    subprocess.run(["cc", *arguments], cwd=folder, check=True, timeout=120)


@pytest.mark.parametrize("name", ["squeeze_and_excite", "shuffle", "lstm", "control"])
def test_a_project_passes_its_vectors_under_sanitizers(name: str, tmp_path: Path):
    folder = project(name, tmp_path)
    done = subprocess.run(
        ["make", "check", f"CFLAGS={SANITIZE}"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "2 test vectors, 0 outputs differ" in done.stdout


def test_a_project_notices_a_wrong_output(tmp_path: Path):
    folder = project("embedding", tmp_path)
    wrong = folder / "test" / "out1_0.bin"
    wrong.write_bytes(bytes(wrong.stat().st_size))
    done = subprocess.run(["make", "check", "CFLAGS=-O1"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "vector 1: output 0 differs" in done.stderr


def test_generated_files_say_what_made_them(tmp_path: Path):
    folder = project("embedding", tmp_path)
    for file in ("model.c", "model.h", "model_weights.c"):
        made, flags, digest, text = (folder / file).read_text().split("\n", 3)
        assert made.startswith("/* Made by aic ") and " weights=embed" in flags
        found = re.search(r"sha256 ([0-9a-f]{64}) ", digest)
        assert found is not None and found[1] == hashlib.sha256(text.encode()).hexdigest()


START = """
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n) {
  char *t = to;
  for (const char *f = from; n--; f++) *t++ = *f;
  return to;
}
void *memmove(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
void *memset(void *to, int c, size_t n) { char *t = to; while (n--) *t++ = (char)c; return to; }
#include "model.h"
static MODEL_TYPES
void _start(void) { model_run(in0, out0, arena); for (;;) {} }
"""


def test_the_code_needs_libm_and_nothing_else(tmp_path: Path):
    folder = project("transformer", tmp_path)
    cc("-std=gnu11", "-O2", "-march=native", "-ffreestanding", "-c", "model.c", folder=folder)
    told = subprocess.run(["nm", "-u", "model.o"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in told.splitlines()} <= LIBM | COPIES | {
        "model_weights",
        "_GLOBAL_OFFSET_TABLE_",
    }


def test_without_transcendental_functions_it_links_alone(tmp_path: Path):
    folder = project("inverted_residual", tmp_path)
    types = "model_in0_t in0[MODEL_IN0_ELEMENTS]; static model_out0_t out0[MODEL_OUT0_ELEMENTS];"
    arena = "static char arena[MODEL_ARENA_BYTES] __attribute__((aligned(64)));"
    (folder / "start.c").write_text(START.replace("MODEL_TYPES", f"{types} {arena}"))
    flags = ("-std=gnu11", "-O2", "-march=native", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-static")
    cc(
        *flags,
        "-fno-tree-loop-distribute-patterns",
        "-o",
        "alone",
        "start.c",
        "model.c",
        "model_weights.c",
        folder=folder,
    )


COMPILE = """
import sys
from pathlib import Path
import aic
from aic.compiler.driver import Options, compile_model
assert Path(aic.__file__).parents[2] == Path(sys.argv[1])
for file in sorted(Path().glob("*.onnx")):
    dims = {"N": 3} if file.stem == "dense" else {}
    compile_model(file, "c", Path(file.stem), Options(kinds=("c",), weights="embed", dims=dims))
"""
EQUAL = {"transformer": NETWORKS["transformer"], "shuffle": NETWORKS["shuffle"], "dense": lambda: (dense(), {})}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders with artifacts of the same models, made by two processes with other seeds in other places. They run a
    copy of the sources, which nobody edits between the two."""
    root = tmp_path_factory.mktemp("equal")
    rooms = ("__init__.py", "_version.py", "compiler", "dialects", "passes", "backends")
    for name in rooms:
        source, copy = Path(aic.__file__).parent / name, root / "copy" / "aic" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy2(source, copy)
    folders = root / "folder 0", root / "another"
    for seed, folder in enumerate(folders):
        folder.mkdir()
        for name, network in EQUAL.items():
            (folder / f"{name}.onnx").write_bytes(network()[0].SerializeToString(deterministic=True))
        env = {"PYTHONHASHSEED": str(seed), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(root / "copy")}
        subprocess.run([sys.executable, "-c", COMPILE, str(root)], cwd=folder, env=env, check=True, timeout=300)
    return folders


@pytest.mark.parametrize("name", EQUAL)
def test_equal_input_makes_equal_files(name: str, builds: tuple[Path, Path]):
    first, second = ({p.name: p.read_bytes() for p in sorted((folder / name).iterdir())} for folder in builds)
    assert set(first) == {"model.c", "model.h", "model.weights", "model_weights.c", "manifest.json"}
    assert first == second
