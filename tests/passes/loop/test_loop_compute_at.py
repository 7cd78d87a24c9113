"""A producer computed in a loop that reads it keeps every bit; what it says it needs is what is read."""

from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from aic.passes.loop._naming import loop_named, named
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser

from .loop_programs import module_of, results

HEAD = """func.func @main(%x: memref<12x12xf32>) -> memref<12x12xf32> {
  %z = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<12x12xf32>
  %y = memref.alloc() : memref<12x12xf32>
  scf.for %f = %c0 to %c12 step %c1 {
    scf.for %g = %c0 to %c12 step %c1 {
      memref.store %z, %y[%f, %g] : memref<12x12xf32>
    }
  }
"""


@st.composite
def pairs(draw: st.DrawFn) -> str:
    """A producer of `%t`, a sum of a few elements of `%x`, and a consumer that reads it at one to three places."""
    terms = draw(st.integers(1, 3))
    down, across = draw(st.sampled_from([(1, 1), (2, 1), (1, 2), (2, 2), (0, 1), (1, 0)]))
    reads = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=3))
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    a, b = draw(st.permutations("pq"))
    lines = [f"  %c{i} = arith.constant {i} : index" for i in range(13)]
    lines += [
        "  scf.for %p = %c0 to %c12 step %c1 {",
        "  scf.for %q = %c0 to %c12 step %c1 {",
        f"    loop.store %z, %t[12 * %{a} + %{b}] : f32, memref<12x12xf32>",
        f"    scf.for %k = %c0 to %c{terms} step %c1 {{",
        f"      %v = loop.load %x[12 * %{a} + %k] : memref<12x12xf32> -> f32",
        f"      %s = loop.load %t[12 * %{a} + %{b}] : memref<12x12xf32> -> f32",
        "      %w = arith.addf %v, %s : f32",
        f"      loop.store %w, %t[12 * %{a} + %{b}] : f32, memref<12x12xf32>",
        "    }",
        "  }}",
        f"  scf.for %i = %c0 to %c{n} step %c1 {{",
        f"  scf.for %j = %c0 to %c{m} step %c{draw(st.integers(1, 2))} {{",
    ]
    total = "z"
    for i, (r, c) in enumerate(reads):
        place = [f"{12 * down} * %i"] * (down > 0) + [f"{across} * %j"] * (across > 0) + [str(12 * r + c)]
        lines.append(f"    %r{i} = loop.load %t[{' + '.join(place)}] : memref<12x12xf32> -> f32")
        lines.append(f"    %s{i} = arith.addf %{total}, %r{i} : f32")
        total = f"s{i}"
    lines.append(f"    loop.store %{total}, %y[12 * %i + %j] : f32, memref<12x12xf32>")
    head, body = HEAD.split("\n", 1)
    constants = [line for line in lines if "arith.constant" in line]
    rest = [line for line in lines if "arith.constant" not in line]
    return "\n".join([head, *constants, body, *rest, "  }}", "  func.return %y : memref<12x12xf32>", "}"])


@settings(max_examples=30, deadline=None)
@given(pairs(), st.sampled_from("ij"))
def test_what_is_computed_where_it_is_read_keeps_every_bit(text: str, at: str) -> None:
    module = module_of(text)
    before = [r.tobytes() for r in results(module)]
    run_pipeline(context(), module, f"loop-compute-at{{producer=p loop={at}}}", verify_each=True)
    assert loop_named(module, "p", "").parent is loop_named(module, at, "").body.block
    assert [r.tobytes() for r in results(module)] == before


STENCIL = """kernel.func @k(%x: memref<99xf32>, %y: memref<32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c66 = arith.constant 66 : index
  %t = memref.alloc() : memref<66xf32>
  scf.for %p = %c0 to %c66 step %c1 {
    %v = loop.load %x[%p] : memref<99xf32> -> f32
    loop.store %v, %t[%p] : f32, memref<66xf32>
  }
  scf.for %i = %c0 to %c32 step %c1 {
    %a = loop.load %t[2 * %i] : memref<66xf32> -> f32
    %b = loop.load %t[2 * %i + 2] : memref<66xf32> -> f32
    %u = arith.addf %a, %b : f32
    loop.store %u, %y[%i] : f32, memref<32xf32>
  }
  kernel.return
}"""


def test_a_line_of_a_strided_stencil_needs_three_rounds():
    module = Parser(context(), STENCIL).parse_module()
    run_pipeline(context(), module, "loop-compute-at{producer=p loop=i}", verify_each=True)
    assert [each.name for each in named(module)] == ["i", "p"]
    text = str(module)
    assert "%0 = arith.muli %i, %c2" in text and "%1 = arith.addi %0, %c3" in text
    assert "scf.for %p = %0 to %1" in text
