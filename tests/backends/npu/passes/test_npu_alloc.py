"""npu-alloc: addresses appear, within the memory and apart; what has them keeps them; too little memory is told."""

import re

import pytest
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException

TEXT = """
npu.program @p marks [] sems [] line {{spad = 32, wmem = 32, acc = 128}} {{
  %x = npu.buffer "x" align 32 : memref<1024xi8, "spad">
  %c = npu.buffer "c" align 128 : memref<4096xi8, "acc">
  %w = npu.buffer "w" align 32 stream {at}: memref<{bytes}xi8, "wmem">
  %v = npu.buffer "v" align 32 stream : memref<{bytes}xi8, "wmem">
  %u = npu.buffer "unused" align 32 : memref<64xi8, "wmem">
  npu.mm x = %x, y = %w, z = %c, desc = {{mx = 1}}, layer = 0
  npu.mm "acc" x = %x, y = %v, z = %c, desc = {{mx = 1}}, layer = 0
  {both}
}}
"""


def addresses(text: str, passes: str = "npu-alloc") -> dict[str, str]:
    ctx = context()
    module = Parser(ctx, text).parse_module()
    run_pipeline(ctx, module, passes)
    module.verify()
    return dict(re.findall(r'npu.buffer "(\w+)" align \d+(?: stream)?(?: at (\d+))?', str(module)))


def test_buffers_get_addresses():
    found = addresses(TEXT.format(at="", bytes=65536, both=""))
    assert found == {"x": "0", "c": "0", "w": "0", "v": "65536", "unused": ""}


def test_what_streams_can_be_kept_together():
    found = addresses(TEXT.format(at="", bytes=65536, both=""), "npu-alloc{ahead=0}")
    assert found["w"] == found["v"] == "0"


def test_the_machine_is_an_option():
    text = TEXT.format(at="", bytes=65536, both="npu.mm x = %x, y = %w, z = %c, desc = {mx = 1}, layer = 0")
    assert addresses(text)["v"] == "65536"
    with pytest.raises(DiagnosticException, match=r"npu-alloc: p: wmem has 98304 bytes; 131072 bytes live"):
        addresses(text, 'npu-alloc{machine="edge,wmem.bytes=98304"}')
    with pytest.raises(DiagnosticException, match=r"npu-alloc: p: .*preset"):
        addresses(text, 'npu-alloc{machine="nowhere"}')


def test_a_placed_program_is_left_alone():
    text = TEXT.format(at="at 96 ", bytes=64, both="")
    placed = re.sub(r'("[xcv]" align \d+(?: stream)?) :', r"\1 at 384 :", text)
    assert addresses(placed) == {"x": "384", "c": "384", "w": "96", "v": "384", "unused": ""}
    assert addresses(text)["w"] == "0"
