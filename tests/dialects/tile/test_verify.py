"""What the tile dialect refuses, each with the smallest kernel that shows it and, beside it, one that is right."""

import pytest
from aic.compiler.context import context
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

VIEW = "!tile.view<f32, [M, 64]>"


def verify(body: str, args: str = f"%x: {VIEW}, %y: {VIEW}, %M: i32", sizes: str = '["M"]', grid: str = "(d0) -> (d0)"):
    text = f"tile.kernel @k({args}) attributes {{sizes = {sizes}, grid = affine_map<{grid}>}} {{ {body} }}"
    Parser(context(), text).parse_module().verify()


INDEX = "%i = tile.arange 64 : tensor<64xi32> %p = tile.pid 0 "
LOAD = f"%v = tile.load %x[%p, %i] other 0.0 : f32 : {VIEW}[i32, tensor<64xi32>] -> tensor<64xf32> "
OPEN = LOAD.replace(" other 0.0 : f32", "")
STORE = f"tile.store %v, %x[%p, %i] : tensor<64xf32>, {VIEW}[i32, tensor<64xi32>] "
ELSEWHERE = STORE.replace("%x", "%y")


def test_a_view_is_read_or_written():
    verify(INDEX + LOAD + ELSEWHERE)
    verify(INDEX + LOAD + STORE)  # in place: nothing is loaded after the store
    with pytest.raises(VerifyException, match="stored to and later loaded"):
        verify(INDEX + LOAD + STORE + LOAD.replace("%v", "%w"))


def test_a_loop_loads_after_it_stored():
    bounds = "%lo = arith.constant 0 : i32 %hi = arith.constant 4 : i32 %s = arith.constant 1 : i32 "
    verify(INDEX + bounds + f"scf.for %k = %lo to %hi step %s : i32 {{ {LOAD} {ELSEWHERE} }}")
    with pytest.raises(VerifyException, match="stored to and later loaded"):
        verify(INDEX + bounds + f"scf.for %k = %lo to %hi step %s : i32 {{ {LOAD} {STORE} }}")


@pytest.mark.parametrize(
    ("kind", "other"), [("sum", "0.0"), ("prod", "1.0"), ("max", "0xFF800000"), ("min", "0x7F800000")]
)
def test_other_is_what_the_consumer_ignores(kind: str, other: str):
    reduce = f"%r = tile.reduce {kind} %v axis 0 : tensor<64xf32> -> f32"
    verify(INDEX + LOAD.replace("0.0", other) + reduce)
    with pytest.raises(VerifyException, match=r"expected other .* ignores, found 2"):
        verify(INDEX + LOAD.replace("0.0", "2.0") + reduce)
    with pytest.raises(VerifyException, match="ignores, found None"):
        verify(INDEX + OPEN + reduce)
    verify(INDEX + OPEN.replace(" : !", ' bounds ["none", "none"] : !') + reduce)  # nothing is left out


def test_the_consumer_is_found_behind_moves_and_casts():
    moved = "%w = tile.reshape %v : tensor<64xf32> -> tensor<8x8xf32> "
    moved += "%c = tile.cast %w : tensor<8x8xf32> -> tensor<8x8xf64> "
    with pytest.raises(VerifyException, match="ignores, found None"):
        verify(INDEX + OPEN + moved + "%r = tile.reduce sum %c axis 0 : tensor<8x8xf64> -> tensor<8xf64>")


def dot(m: int = 16, k: int = 16, kind: str = "f16", precision: str = "", acc: str = "f32") -> str:
    zero = "0.0" if kind[0] != "i" else "0"
    return (
        f"%a = tile.full {zero} : {kind} -> tensor<{m}x{k}x{kind}> "
        f"%b = tile.full {zero} : {kind} -> tensor<{k}x16x{kind}> "
        f"%c = tile.full {'0.0' if acc[0] == 'f' else '0'} : {acc} -> tensor<{m}x16x{acc}> %d = tile.dot %a, %b, %c "
        f"{precision} : tensor<{m}x{k}x{kind}>, tensor<{k}x16x{kind}>, tensor<{m}x16x{acc}> -> tensor<{m}x16x{acc}>"
    )


def test_a_dot_is_large_enough_and_names_its_precision():
    verify(dot())
    verify(dot(kind="f32", precision='precision "tf32"'))
    verify(dot(kind="i8", k=32, acc="i32"))
    for wrong, why in (
        (dot(m=8), "at least 16x16x16, found 8x16x16"),
        (dot(kind="i8", acc="i32"), "at least 16x16x32, found 16x16x16"),
        (dot(kind="f32"), "given one of ieee, tf32, tf32x3, found None"),
        (dot(precision='precision "ieee"'), "f32 alone, is given .* found ieee"),
        (dot(acc="f16"), "expected tensor<16x16xf32>, found tensor<16x16xf16>"),
    ):
        with pytest.raises(VerifyException, match=why):
            verify(wrong)


def test_blocks_are_powers_of_two():
    with pytest.raises(VerifyException, match="powers of two, found tensor<48xi32>"):
        verify("%i = tile.arange 48 : tensor<48xi32>")
    with pytest.raises(VerifyException, match="at most 1048576 elements"):
        verify("%i = tile.arange 2097152 : tensor<2097152xi32>")


def test_math_is_of_f32():
    verify(INDEX + LOAD + "%e = math.exp %v : tensor<64xf32>")
    half = "%h = tile.cast %v : tensor<64xf32> -> tensor<64xf16> "
    verify(INDEX + LOAD + half + "%e = arith.addf %h, %h : tensor<64xf16>")
    for op in ("math.exp %h", "arith.divf %h, %h"):
        with pytest.raises(VerifyException, match="expected f32, found tensor<64xf16>"):
            verify(INDEX + LOAD + half + f"%e = {op} : tensor<64xf16>")


def test_indices_fit_the_view():
    with pytest.raises(VerifyException, match="expected 2 indices, found 1"):
        verify(INDEX + LOAD.replace("%p, ", "").replace("i32, ", ""))
    with pytest.raises(VerifyException, match="expected blocks of one rank"):
        pair = "%e = tile.expand %i axis 0 : tensor<64xi32> -> tensor<1x64xi32> "
        verify(INDEX + pair + LOAD.replace("%p", "%e").replace("[i32", "[tensor<1x64xi32>"))
    with pytest.raises(VerifyException, match="expected 2 of both, lower, upper, none"):
        verify(INDEX + LOAD.replace(" other 0.0 : f32", ' bounds ["none"]'))


def test_symbols_and_grid_are_known():
    with pytest.raises(VerifyException, match="names M, which is no size"):
        verify("", args=f"%x: {VIEW}, %N: i32", sizes='["N"]')
    with pytest.raises(VerifyException, match="expected views, then 0 sizes"):
        verify("", sizes="[]", grid="() -> (1)")
    with pytest.raises(VerifyException, match="expected a grid of 1 to 3 from 1 sizes"):
        verify("", grid="() -> (1)")
