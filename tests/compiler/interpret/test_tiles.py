"""Tile kernels in numpy: right results at odd sizes, and what a GPU lets pass: bounds, races, unwritten tails."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.errors import InterpretError
from aic.compiler.interpret import interpret
from xdsl.parser import Parser

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def launch(kernel: str, inputs: list[Array], output: str = "13x10xf32") -> Array:
    """Run a kernel @k of the inputs and one output."""
    kinds = {np.dtype(np.float32): "f32", np.dtype(np.float16): "f16", np.dtype(np.int32): "i32"}
    types = [f"memref<{''.join(f'{n}x' for n in a.shape)}{kinds[a.dtype]}>" for a in inputs] + [f"memref<{output}>"]
    names = [f"%a{i}" for i in range(len(types))]
    args = ", ".join(f"{n} : {t}" for n, t in zip(names, types, strict=True))
    text = f"""{kernel}
      func.func @main({args}) {{
        kernel.launch @k({", ".join(names)}) : ({", ".join(types)}) -> ()
        func.return
      }}"""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    module.verify()
    (found,) = interpret(ctx, module, inputs)
    return found


def matmul(m: int, k: int, n: int, rows: int = 16, bounds: str = "") -> str:
    """x @ w + b, relu; blocks of rows x 16, k in steps of 16."""
    x, w, b, y = (f"!tile.view<f32, [{s}]>" for s in (f"{m}, {k}", f"{k}, {n}", f"{n}", f"{m}, {n}"))
    return f"""
    tile.kernel @k(%x: {x}, %w: {w}, %b: {b}, %y: {y})
        attributes {{grid = affine_map<() -> ({-(-m // rows)}, {-(-n // 16)})>}} {{
      %pm = tile.pid 0
      %pn = tile.pid 1
      %rows = arith.constant {rows} : i32
      %m0 = arith.muli %pm, %rows : i32
      %c16 = arith.constant 16 : i32
      %n0 = arith.muli %pn, %c16 : i32
      %r = tile.arange {rows} : tensor<{rows}xi32>
      %mb = tile.broadcast %m0 : i32 -> tensor<{rows}xi32>
      %rm = arith.addi %mb, %r : tensor<{rows}xi32>
      %i = tile.expand %rm axis 1 : tensor<{rows}xi32> -> tensor<{rows}x1xi32>
      %c = tile.arange 16 : tensor<16xi32>
      %nb = tile.broadcast %n0 : i32 -> tensor<16xi32>
      %rn = arith.addi %nb, %c : tensor<16xi32>
      %j = tile.expand %rn axis 0 : tensor<16xi32> -> tensor<1x16xi32>
      %zero = tile.full 0.0 : f32 -> tensor<{rows}x16xf32>
      %lo = arith.constant 0 : i32
      %hi = arith.constant {k} : i32
      %acc = scf.for %k = %lo to %hi step %c16 iter_args(%s = %zero) -> (tensor<{rows}x16xf32>) : i32 {{
        %kb = tile.broadcast %k : i32 -> tensor<16xi32>
        %rk = arith.addi %kb, %c : tensor<16xi32>
        %kr = tile.expand %rk axis 0 : tensor<16xi32> -> tensor<1x16xi32>
        %kc = tile.expand %rk axis 1 : tensor<16xi32> -> tensor<16x1xi32>
        %a = tile.load %x[%i, %kr] other 0.0 : f32 {bounds} : {x}[tensor<{rows}x1xi32>, tensor<1x16xi32>]
          -> tensor<{rows}x16xf32>
        %bb = tile.load %w[%kc, %j] other 0.0 : f32 : {w}[tensor<16x1xi32>, tensor<1x16xi32>] -> tensor<16x16xf32>
        %d = tile.dot %a, %bb, %s precision "ieee" : tensor<{rows}x16xf32>, tensor<16x16xf32>, tensor<{rows}x16xf32>
          -> tensor<{rows}x16xf32>
        scf.yield %d : tensor<{rows}x16xf32>
      }}
      %bias = tile.load %b[%j] : !tile.view<f32, [{n}]>[tensor<1x16xi32>] -> tensor<1x16xf32>
      %wide = tile.broadcast %bias : tensor<1x16xf32> -> tensor<{rows}x16xf32>
      %sum = arith.addf %acc, %wide : tensor<{rows}x16xf32>
      %relu = arith.maximumf %sum, %zero : tensor<{rows}x16xf32>
      tile.store %relu, %y[%i, %j] : tensor<{rows}x16xf32>, {y}[tensor<{rows}x1xi32>, tensor<1x16xi32>]
    }}"""


def operands(m: int, k: int, n: int) -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n), (n,))]


@pytest.mark.parametrize(("m", "k", "n"), [(13, 20, 10), (32, 32, 32), (1, 17, 33)])
def test_a_contraction_of_odd_sizes(m: int, k: int, n: int):
    x, w, b = operands(m, k, n)
    found = launch(matmul(m, k, n), [x, w, b], f"{m}x{n}xf32")
    exact = np.maximum(x.astype(np.float64) @ w.astype(np.float64) + b, 0)
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_an_unchecked_index_stays_inside():
    x, w, b = operands(32, 32, 16)
    launch(matmul(32, 32, 16, bounds='bounds ["none", "none"]'), [x, w, b], "32x16xf32")
    x, w, b = operands(32, 20, 16)
    with pytest.raises(InterpretError, match=r"tile.load: @k: %x index 1 is 16..31, expected 0..19"):
        launch(matmul(32, 20, 16, bounds='bounds ["upper", "none"]'), [x, w, b], "32x16xf32")


LINE = "!tile.view<f32, [20]>"


def line(body: str, grid: int = 3, output: str = LINE) -> str:
    """Each program has %p, %i = 8 * pid + 0..7, and %v = x[%i]."""
    return f"""
    tile.kernel @k(%x: {LINE}, %y: {output}) attributes {{grid = affine_map<() -> ({grid})>}} {{
      %p = tile.pid 0
      %eight = arith.constant 8 : i32
      %base = arith.muli %p, %eight : i32
      %b = tile.broadcast %base : i32 -> tensor<8xi32>
      %r = tile.arange 8 : tensor<8xi32>
      %i = arith.addi %b, %r : tensor<8xi32>
      %v = tile.load %x[%i] : {LINE}[tensor<8xi32>] -> tensor<8xf32>
      {body}
    }}"""


X = np.arange(20, dtype=np.float32)
STORE = f"tile.store %v, %y[%i] : tensor<8xf32>, {LINE}[tensor<8xi32>]"


def test_a_copy_with_a_tail():
    np.testing.assert_array_equal(launch(line(STORE), [X], "20xf32"), X)


def test_an_unwritten_tail():
    with pytest.raises(InterpretError, match=r"@k: %y: 4 elements were never written, \(16,\) the first"):
        launch(line(STORE, grid=2), [X], "20xf32")
    partial = line(STORE, grid=2).replace("attributes {", "attributes {partial, ")
    assert np.isnan(launch(partial, [X], "20xf32")[16:]).all()


OVERLAP = """
      %four = arith.constant 4 : i32
      %near = arith.muli %p, %four : i32
      %nb = tile.broadcast %near : i32 -> tensor<8xi32>
      %j = arith.addi %nb, %r : tensor<8xi32>
      """


def test_two_programs_write_one_element():
    with pytest.raises(InterpretError, match=r"race: program . writes 4 elements of @k: %y where program . has been"):
        launch(line(OVERLAP + STORE.replace("[%i]", "[%j]"), grid=2), [X], "20xf32")


def test_one_store_writes_an_element_twice():
    same = "%two = tile.full 2 : i32 -> tensor<8xi32> %j = arith.divsi %i, %two : tensor<8xi32> "
    with pytest.raises(InterpretError, match=r"race: program . writes an element of @k: %y twice in one store"):
        launch(line(same + STORE.replace("[%i]", "[%j]")), [X], "20xf32")


IN_PLACE = """
    func.func @main(%x: memref<20xf32>, %y: memref<20xf32>) {
      "memref.copy"(%x, %y) : (memref<20xf32>, memref<20xf32>) -> ()
      kernel.launch @k(%y, %y) : (memref<20xf32>, memref<20xf32>) -> ()
      func.return
    }"""


def in_place(body: str) -> Array:
    ctx = context()
    module = Parser(ctx, line(body) + IN_PLACE).parse_module()
    (found,) = interpret(ctx, module, [X])
    return found


def test_in_place_a_program_reads_what_it_writes():
    double = "%d = arith.addf %v, %v : tensor<8xf32> "
    np.testing.assert_array_equal(in_place(double + STORE.replace("%v", "%d")), X + X)


def test_in_place_a_program_reads_what_another_writes():
    near = OVERLAP + f"%n = tile.load %x[%j] : {LINE}[tensor<8xi32>] -> tensor<8xf32> "
    with pytest.raises(InterpretError, match=r"race: program . (reads|writes) . elements of @k: %. where"):
        in_place(near + STORE.replace("%v", "%n"))


def test_an_element_left_out_is_poison_unless_other_is_said():
    total = "tile.store %v, %y[%p, %r] : tensor<8xf32>, !tile.view<f32, [3, 8]>[i32, tensor<8xi32>]"
    found = launch(line(total, output="!tile.view<f32, [3, 8]>"), [X], "3x8xf32").reshape(-1)
    np.testing.assert_array_equal(found[:20], X)
    assert np.isnan(found[20:]).all()
    zero = line(total, output="!tile.view<f32, [3, 8]>").replace("%x[%i]", "%x[%i] other 0.0 : f32")
    assert not launch(zero, [X], "3x8xf32").reshape(-1)[20:].any()


def test_a_mask_and_a_gather():
    body = """
      %seven = tile.full 7 : i32 -> tensor<8xi32>
      %j = arith.subi %seven, %r : tensor<8xi32>
      %back = arith.addi %j, %b : tensor<8xi32>
      %four = tile.full 4 : i32 -> tensor<8xi32>
      %m = tile.cmp lt %r, %four : tensor<8xi32>, tensor<8xi32> -> tensor<8xi1>
      %g = tile.load %x[%back] if %m : tensor<8xi1> other -1.0 : f32 : VIEW[tensor<8xi32>] -> tensor<8xf32>
      """.replace("VIEW", LINE)
    found = launch(line(body + STORE.replace("%v", "%g"), grid=2).replace("{grid", "{partial, grid"), [X], "20xf32")
    np.testing.assert_array_equal(found[:16], [7, 6, 5, 4, -1, -1, -1, -1, 15, 14, 13, 12, -1, -1, -1, -1])


def test_atomics_add_up():
    total = """
      %zero = tile.full 0.0 : f32 -> tensor<8xf32>
      %s = tile.load %x[%i] other 0.0 : f32 : VIEW[tensor<8xi32>] -> tensor<8xf32>
      %one = tile.reduce sum %s axis 0 : tensor<8xf32> -> f32
      %old = tile.atomic add %one, %y[] : f32, !tile.view<f32, []>[] -> f32
      """.replace("VIEW", LINE)
    fill = "tile.kernel @zero(%y: !tile.view<f32, []>) attributes {grid = affine_map<() -> (1)>} { "
    fill += "%z = arith.constant 0.0 : f32 tile.store %z, %y[] : f32, !tile.view<f32, []>[] }"
    ctx = context()
    text = (
        fill
        + line(total, output="!tile.view<f32, []>")
        + """
    func.func @main(%x: memref<20xf32>, %y: memref<f32>) {
      kernel.launch @zero(%y) : (memref<f32>) -> ()
      kernel.launch @k(%x, %y) : (memref<20xf32>, memref<f32>) -> ()
      func.return
    }"""
    )
    (found,) = interpret(ctx, Parser(ctx, text).parse_module(), [X])
    assert found == X.sum()


def test_views_leave_no_buffer():
    with pytest.raises(InterpretError, match=r"reaches elements 0..19 of a buffer of 16"):
        launch(line(STORE), [X[:16]], "20xf32")


def test_sizes_are_arguments():
    text = """
    tile.kernel @k(%x: !tile.view<f32, [N, 4]>, %y: !tile.view<f32, [N], strides [4]>, %N: i32)
        attributes {sizes = ["N"], grid = affine_map<(d0) -> (d0 ceildiv 2)>, partial} {
      %p = tile.pid 0
      %two = arith.constant 2 : i32
      %base = arith.muli %p, %two : i32
      %b = tile.broadcast %base : i32 -> tensor<2xi32>
      %r = tile.arange 2 : tensor<2xi32>
      %i = arith.addi %b, %r : tensor<2xi32>
      %e = tile.expand %i axis 1 : tensor<2xi32> -> tensor<2x1xi32>
      %c = tile.arange 4 : tensor<4xi32>
      %f = tile.expand %c axis 0 : tensor<4xi32> -> tensor<1x4xi32>
      %v = tile.load %x[%e, %f] other 0.0 : f32 : !tile.view<f32, [N, 4]>[tensor<2x1xi32>, tensor<1x4xi32>]
        -> tensor<2x4xf32>
      %s = tile.reduce sum %v axis 1 : tensor<2x4xf32> -> tensor<2xf32>
      tile.store %s, %y[%i] : tensor<2xf32>, !tile.view<f32, [N], strides [4]>[tensor<2xi32>]
    }
    func.func @main(%x: memref<5x4xf32>, %y: memref<5x4xf32>) {
      %n = arith.constant 5 : i32
      kernel.launch @k(%x, %y, %n) : (memref<5x4xf32>, memref<5x4xf32>, i32) -> ()
      func.return
    }"""
    ctx = context()
    x = X.reshape(5, 4)
    (found,) = interpret(ctx, Parser(ctx, text).parse_module(), [x])
    np.testing.assert_array_equal(found[:, 0], x.sum(1))
    assert np.isnan(found[:, 1:]).all()
