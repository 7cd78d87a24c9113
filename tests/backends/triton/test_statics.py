"""Statics are read off ptxas' log and the PTX; occupancy follows from them."""

import pytest
from aic.backends.triton.statics import amd, resident, statics

LOG = """ptxas info    : Compiling entry function 'k' for 'sm_90a'
ptxas info    : Function properties for k
    16 bytes stack frame, 80 bytes spill stores, 84 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 196608 bytes smem"""
PTX = """
\t@%p1 ld.global.v4.b32 { %r1, %r2, %r3, %r4 }, [ %rd1 + 0 ];
\tld.global.L1::evict_last.v2.b64 { %rd7, %rd8 }, [ %rd1 + 0 ];
\tcp.async.cg.shared.global [ %r5 + 0 ], [ %rd2 + 0 ], 0x10, %r6;
\twgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {%r1}, %rd3, %rd4, 1, 1, 1, 0, 1;
\tst.global.v4.b32 [ %rd5 + 0 ], { %r1, %r2, %r3, %r4 };
"""


def test_numbers_of_a_kernel_that_spills():
    found = statics(LOG, PTX, 196608, 8, "sm_90")
    assert (found.registers, found.spilled, found.stack, found.tensor) == (255, 80, 16, "wgmma")
    counts = {"wgmma": 1, "ld": 2, "ld.128": 2, "cp.async": 1, "cp.async.128": 1, "st": 1, "st.128": 1}
    assert found.counts == counts
    assert found.is_wide
    assert found.json()["resident"] == 1


def test_narrow_accesses_are_told():
    assert not statics(LOG, "ld.global.b16 { %rs1 }, [ %rd1 + 0 ];", 0, 4, "sm_90").is_wide
    assert not statics(LOG, "ld.global.v4.b32 {\nst.global.b16 [ %rd1 ]", 0, 4, "sm_90").is_wide
    assert not statics(LOG, "cp.async.ca.shared.global [ %r5 + 0 ], [ %rd2 + 0 ], 0x4, 0x4;", 0, 4, "sm_80").is_wide
    assert statics(LOG, "cp.async.bulk.tensor.2d.shared [ %r1 ]", 0, 4, "sm_90").is_wide


@pytest.mark.parametrize(
    ("registers", "shared", "warps", "arch", "programs"),
    [
        (123, 98304, 8, "sm_90", 2),  # registers: 65536 / 4096 / 8
        (32, 16, 4, "sm_90", 16),
        (255, 65536, 4, "sm_90", 2),
        (32, 0, 1, "sm_90", 32),
        (64, 98304, 4, "sm_80", 1),  # shared memory
        (64, 196608, 4, "sm_80", 0),
        (64, 196608, 4, "sm_90", 1),
    ],
)
def test_programs_resident_on_a_multiprocessor(registers, shared, warps, arch, programs):
    assert resident(registers, shared, warps, arch) == programs


def test_an_amd_kernel():
    text = ".vgpr_count:     128\n.vgpr_spill_count: 2\n.private_segment_fixed_size: 8\nv_mfma_f32_16x16x16_f16 a[0:3]"
    found = amd(text, 1024, 4)
    assert (found.registers, found.spilled, found.stack, found.tensor) == (128, 8, 8, "mfma")
