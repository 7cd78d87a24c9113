"""Kernels become binaries without a GPU, are kept, and a kernel that cannot be compiled is told of, not fatal."""

from dataclasses import replace

import pytest
from aic.backends.target import TargetError
from aic.backends.triton import compile as compiling
from aic.backends.triton.compile import Binary, Failure, compile_kernels, uncached
from aic.backends.triton.kernel import Kernel, Parameter
from aic.backends.triton.statics import instructions

from ._kernels import ADD, ALL, MATMUL

triton = pytest.importorskip("triton")
ARCHS = ("sm_80", "sm_90")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Binary | Failure]:
    return compile_kernels(ALL, ARCHS, 2, uncached(tmp_path_factory.mktemp("kernels")))


def binary(found: Binary | Failure) -> Binary:
    assert isinstance(found, Binary), found
    return found


def test_every_kernel_for_every_architecture(made):
    assert set(made) == {(kernel.name, arch) for kernel in ALL for arch in ARCHS}
    for (name, _), found in made.items():
        assert binary(found).code[:4] == b"\x7fELF"
        assert binary(found).entry == name


@pytest.mark.parametrize(("arch", "instruction"), [("sm_80", "HMMA"), ("sm_90", "HGMMA")])
def test_a_contraction_uses_the_tensor_cores_and_nothing_spills(made, arch, instruction):
    found = binary(made[MATMUL.name, arch]).statics
    assert (found.tensor, found.spilled, found.is_wide) == ({"HMMA": "mma", "HGMMA": "wgmma"}[instruction], 0, True)
    counts = instructions(binary(made[MATMUL.name, arch]).code)
    assert counts[instruction] and counts["LDGSTS.128"] and counts["STG.128"]
    assert "STL" not in counts
    assert 0 < found.registers <= 255
    assert found.resident >= 1


def test_a_pointwise_kernel_reads_and_writes_128_bits_at_a_time(made):
    found = binary(made[ADD.name, "sm_90"]).statics
    assert (found.counts["ld.128"], found.counts["st.128"], found.tensor) == (2, 1, "")
    unaligned = replace(ADD, parameters=tuple(replace(p, divisible=2) for p in ADD.parameters))
    assert unaligned.key("sm_90", "3.6.0") != ADD.key("sm_90", "3.6.0")


def test_binaries_are_kept_and_equal_each_time(made, tmp_path):
    again = compile_kernels([ADD], ["sm_90"], 1, uncached(tmp_path))
    assert binary(again[ADD.name, "sm_90"]).code == binary(made[ADD.name, "sm_90"]).code
    (kept,) = tmp_path.iterdir()
    before = kept.read_bytes()
    compile_kernels([ADD], ["sm_90"], 1, lambda key, make: tmp_path / key)  # nothing is made
    assert kept.read_bytes() == before


def test_a_kernel_that_triton_refuses_is_a_failure_with_its_reason(tmp_path):
    wrong = Kernel("k", "@triton.jit\ndef k(x):\n    tl.store(x, tl.arange(0, 3))\n", (Parameter("x", "*fp32"),))
    found = compile_kernels([wrong, ADD], ["sm_90"], 1, uncached(tmp_path))
    failure = found["k", "sm_90"]
    assert isinstance(failure, Failure)
    assert "power of 2" in failure.reason
    assert isinstance(found[ADD.name, "sm_90"], Binary)


def test_a_kernel_that_takes_too_long_is_given_up_and_the_next_is_compiled(tmp_path):
    endless = replace(ADD, name="endless", source=f"while True:\n    pass\n{ADD.source}")
    found = compile_kernels([endless, ADD], ["sm_90"], 1, uncached(tmp_path), limit=5.0)
    assert found["endless", "sm_90"] == Failure("took longer than 5 s")
    assert isinstance(found[ADD.name, "sm_90"], Binary)


def test_an_amd_gpu(tmp_path):
    found = binary(compile_kernels([MATMUL], ["gfx942"], 1, uncached(tmp_path))[MATMUL.name, "gfx942"])
    assert found.code[:4] == b"\x7fELF"
    assert found.statics.tensor == "mfma"
    assert found.threads == 256


def test_without_triton_it_says_what_to_install(monkeypatch, tmp_path):
    def missing(_: str) -> str:
        raise compiling.PackageNotFoundError

    monkeypatch.setattr(compiling, "version", missing)
    compiling.triton_version.cache_clear()
    with pytest.raises(TargetError, match=r"aic-compiler\[gpu\]") as caught:
        compile_kernels(ALL, ARCHS, 1, uncached(tmp_path))
    compiling.triton_version.cache_clear()
    assert caught.value.missing
