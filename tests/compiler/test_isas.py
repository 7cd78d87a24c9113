"""C for other instruction sets than this machine's: built by a cross-compiler, run by an emulator if there is one."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from aic.backends.c.machine import ISAS, Cpu
from aic.backends.target import TargetError
from aic.compiler.driver import Options, compile_model
from aic.compiler.errors import CompileError
from aic.compiler.targets import target_named

from .networks import NETWORKS

CROSS, EMULATOR, LIBRARIES = "aarch64-linux-gnu-gcc", "qemu-aarch64", "/usr/aarch64-linux-gnu"
AARCH64 = 183
"""What an ELF file for it has at byte 18."""
STRICT = "-Wall -Wextra -Werror"
is_x86 = platform.machine() in ISAS["avx2"].processors
with_arm = pytest.mark.skipif(
    shutil.which(CROSS) is None or shutil.which(EMULATOR) is None, reason=f"needs {CROSS} and {EMULATOR}"
)
with_x86 = pytest.mark.skipif(not is_x86 or shutil.which("cc") is None, reason="needs a C compiler for x86-64")


def project(name: str, isa: str, folder: Path) -> Path:
    model, _ = NETWORKS[name]()
    options = Options(kinds=("project",), weights="embed", settings={"isa": isa})
    return compile_model(model, "c", folder / "out", options).folder


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@with_arm
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "quantized"])
def test_neon_computes_the_same(name: str, tmp_path: Path) -> None:
    """But for what is rounded to 8 bits, where a sum's last bit may tip a quantum."""
    folder = project(name, "neon", tmp_path)
    run("make", f"CC={CROSS}", f"CFLAGS=-O2 -march=armv8-a {STRICT}", "test_model", folder=folder)
    assert " 0 outputs differ" in run(EMULATOR, "-L", LIBRARIES, "./test_model", "test", folder=folder)


@with_arm
def test_a_cross_compiler_makes_a_library_that_is_not_for_here(tmp_path: Path) -> None:
    model, _ = NETWORKS["fire"]()
    made = compile_model(model, "c", tmp_path / "out", Options(cc=CROSS, settings={"isa": "neon"}))
    library = made.folder / "model.so"
    assert int.from_bytes(library.read_bytes()[18:20], "little") == AARCH64
    if is_x86:
        with pytest.raises(CompileError, match="not for this machine's processor"):
            made.load()


@with_x86
@pytest.mark.parametrize("name", ["transformer", "control"])
@pytest.mark.parametrize(("isa", "flags"), [("sse4.2", "-march=x86-64-v2"), ("avx512", "-march=native")])
def test_x86_of_other_widths_computes_the_same(isa: str, flags: str, name: str, tmp_path: Path) -> None:
    """Vectors of 64 bytes are taken apart by the C compiler where the machine has shorter ones."""
    folder = project(name, isa, tmp_path)
    assert " 0 outputs differ" in run("make", f"CFLAGS=-O1 {flags}", "check", folder=folder)


@with_x86
def test_avx512_compiles_without_a_warning(tmp_path: Path) -> None:
    folder = project("transformer", "avx512", tmp_path)
    flags = f"-O2 -march=skylake-avx512 -mprefer-vector-width=512 {STRICT}"
    run("cc", "-std=gnu11", *flags.split(), "-c", "model.c", folder=folder)
    assert "zmm31" in run("objdump", "-d", "model.o", folder=folder)


def test_an_instruction_set_says_vectors_and_registers() -> None:
    target = target_named("c")
    for isa, numbers in {"sse4.2": (16, 16), "avx2": (32, 16), "avx512": (64, 32), "neon": (16, 32)}.items():
        machine = target.machine({"isa": isa, "l2": "99999"})
        assert isinstance(machine, Cpu)
        assert (machine.vector_bytes, machine.registers, machine.l2) == (*numbers, 99999)
        assert machine.flags == ISAS[isa].flags
        assert "vector-bytes={} registers={} ".format(*numbers) in target.pipeline(machine, 2)["loop"]
    with pytest.raises(TargetError, match=r"expected an isa of sse4.2, avx2, avx512, neon, found 'mmx'"):
        target.machine({"isa": "mmx"})


def test_caches_are_this_machines_only_if_it_may_have_the_instructions() -> None:
    foreign = "neon" if is_x86 else "avx2"
    machine = target_named("c").machine({"isa": foreign})
    assert isinstance(machine, Cpu)
    assert (machine.l1, machine.l2, machine.cores) == (Cpu().l1, Cpu().l2, 1)
