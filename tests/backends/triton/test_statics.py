"""Statics are read off ptxas' log and the disassembly; occupancy follows from them."""

import pytest
from aic.backends.triton.statics import amd, resident, statics

LOG = """ptxas info    : Compiling entry function 'k' for 'sm_90a'
ptxas info    : Function properties for k
    16 bytes stack frame, 80 bytes spill stores, 84 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 196608 bytes smem"""
SASS = """  /*0000*/ LDG.E.128 R4, desc[UR4][R2.64] ;
  /*0010*/ HGMMA.64x128x16.F32 R24, gdesc[UR8] ;
  /*0020*/ STG.E.128 desc[UR4][R2.64], R4 ;
  /*0030*/ LDGSTS.E.BYPASS.LTC128B.128 [R1], desc[UR4][R2.64] ;"""


def test_numbers_of_a_kernel_that_spills():
    found = statics(LOG, SASS, 196608, 8, "sm_90")
    assert (found.registers, found.spilled, found.stack, found.tensor) == (255, 80, 16, "HGMMA")
    assert found.counts == {"HGMMA": 1, "LDG": 1, "LDG.128": 1, "LDGSTS": 1, "LDGSTS.128": 1, "STG": 1, "STG.128": 1}
    assert found.is_wide
    assert found.json()["resident"] == 1


def test_narrow_accesses_are_told():
    assert not statics(LOG, "LDG.E.U16 R1", 0, 4, "sm_90").is_wide
    assert not statics(LOG, "LDG.E.128 R1\nSTG.E.U16 R1", 0, 4, "sm_90").is_wide
    assert statics(LOG, "UTMALDG.2D [UR8]", 0, 4, "sm_90").is_wide


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
    assert (found.registers, found.spilled, found.stack, found.tensor) == (128, 8, 8, "MFMA")
