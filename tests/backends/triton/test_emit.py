"""Triton source from tile kernels: names, folding, masks, loops."""

import pytest
from aic.backends.triton.emit import source
from aic.compiler.context import context
from aic.dialects.tile.kernel import KernelOp
from xdsl.parser import Parser

V = "!tile.view<f32, [8, 64]>"


def printed(body: str, args: str = f"%x: {V}, %y: {V}", fields: str = "grid = affine_map<() -> (1)>") -> str:
    """The lines of a kernel's body."""
    text = f"tile.kernel @k({args}) attributes {{{fields}}} {{ {body} }}"
    found = Parser(context(), text).parse_module()
    found.verify()
    (op,) = (op for op in found.ops if isinstance(op, KernelOp))
    head, *lines = source(op).split("def k(")[1].splitlines()
    assert head.endswith("):")
    return "\n".join(line[4:] for line in lines)


def test_what_is_read_once_and_has_no_name_folds():
    index = """
      %pid = tile.pid 0
      %_1 = arith.constant 64 : i32
      %_2 = arith.muli %pid, %_1 : i32
      %_3 = tile.broadcast %_2 : i32 -> tensor<64xi32>
      %_4 = tile.arange 64 : tensor<64xi32>
      """
    flat = "!tile.view<f32, [512]>"
    rest = f"""
      %v = tile.load %x[%r] bounds ["none"] : {flat}[tensor<64xi32>] -> tensor<64xf32>
      %_5 = arith.constant 2.5 : f32
      %_6 = tile.broadcast %_5 : f32 -> tensor<64xf32>
      %_7 = arith.subf %v, %_6 : tensor<64xf32>
      %_8 = arith.subf %_6, %_7 : tensor<64xf32>
      tile.store %_8, %y[%r] bounds ["none"] : tensor<64xf32>, {flat}[tensor<64xi32>]"""
    args = f"%x: {flat}, %y: {flat}"
    assert printed(
        index + "%r = arith.addi %_3, %_4 : tensor<64xi32>" + rest, args, "grid = affine_map<() -> (8)>"
    ) == ("r = tl.program_id(0) * 64 + tl.arange(0, 64)\nv = tl.load(x + r)\ntl.store(y + r, 2.5 - (v - 2.5))")


INDEX = """
  %i = tile.pid 0
  %c = tile.arange 64 : tensor<64xi32>
  """


@pytest.mark.parametrize(
    ("bounds", "mask"),
    [
        ("", ", mask=(i >= 0) & (i < 8) & (c >= 0) & (c < 64)"),
        ('bounds ["upper", "none"]', ", mask=i < 8"),
        ('bounds ["none", "none"]', ""),
    ],
)
def test_a_mask_is_what_is_left_to_check(bounds: str, mask: str):
    load = f"%v = tile.load %x[%i, %c] {bounds} : {V}[i32, tensor<64xi32>] -> tensor<64xf32> "
    store = f'tile.store %v, %y[%i, %c] bounds ["none", "none"] : tensor<64xf32>, {V}[i32, tensor<64xi32>]'
    assert f"v = tl.load(x + i * 64 + c{mask})" in printed(INDEX + load + store).splitlines()


def test_sizes_are_arguments_and_large_offsets_wide():
    load = (
        "%v = tile.load %x[%i, %c] : !tile.view<f32, [N, 64], strides [2*M, 1]>[i32, tensor<64xi32>] -> tensor<64xf32> "
    )
    args = f"%x: !tile.view<f32, [N, 64], strides [2*M, 1]>, %y: {V}, %n: i32, %m: i32"
    found = printed(INDEX + load, args, 'sizes = ["N", "M"], grid = affine_map<(d0, d1) -> (d0)>')
    assert "v = tl.load(x + i * (2 * M) + c, mask=(i >= 0) & (i < N) & (c >= 0) & (c < 64))" in found
    far = load.replace("[N, 64], strides [2*M, 1]", "[65536, 65536]").replace(" : !", ' bounds ["none", "none"] : !')
    assert "x + tl.program_id(0).to(tl.int64) * 65536 + tl.arange(0, 64).to(tl.int64)" in printed(
        INDEX + far, "%x: !tile.view<f32, [65536, 65536]>"
    )


LOOP = """
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4 : i32
  %one = arith.constant 1 : i32
  %zero = tile.full 0.0 : f32 -> tensor<64xf32>
  %inf = tile.full 0xFF800000 : f32 -> tensor<64xf32>
  """


def test_a_loop_variable_keeps_its_name():
    body = f"""
      %s = scf.for %k = %lo to %hi step %one iter_args(%acc = %zero) -> (tensor<64xf32>) : i32 {{
        %v = tile.load %x[%k, %c] bounds ["none", "none"] : {V}[i32, tensor<64xi32>] -> tensor<64xf32>
        %sum = arith.addf %acc, %v : tensor<64xf32>
        scf.yield %sum : tensor<64xf32>
      }} {{stages = 2 : i64}}
      tile.store %s, %y[%i, %c] bounds ["none", "none"] : tensor<64xf32>, {V}[i32, tensor<64xi32>]"""
    assert printed(INDEX + LOOP + body).splitlines()[-5:] == [
        "s = tl.zeros((64,), tl.float32)",
        "for k in tl.range(4, num_stages=2):",
        "    v = tl.load(x + k * 64 + c)",
        "    s = s + v",
        "tl.store(y + tl.program_id(0) * 64 + c, s)",
    ]


def test_a_variable_that_is_read_after_its_successor_is_made():
    body = f"""
      %s, %t = scf.for %k = %lo to %hi step %one iter_args(%a = %zero, %m = %inf) -> (tensor<64xf32>, tensor<64xf32>)
        : i32 {{
        %v = tile.load %x[%k, %c] bounds ["none", "none"] : {V}[i32, tensor<64xi32>] -> tensor<64xf32>
        %n = arith.maximumf %m, %v : tensor<64xf32>
        %d = arith.subf %m, %n : tensor<64xf32>
        %b = arith.addf %a, %d : tensor<64xf32>
        scf.yield %b, %n : tensor<64xf32>, tensor<64xf32>
      }}
      tile.store %s, %y[%i, %c] bounds ["none", "none"] : tensor<64xf32>, {V}[i32, tensor<64xi32>]"""
    assert printed(INDEX + LOOP + body).splitlines()[-7:] == [
        "for k in range(4):",
        "    v = tl.load(x + k * 64 + c)",
        "    n = tl.maximum(t, v, propagate_nan=tl.PropagateNan.ALL)",
        "    d = t - n",
        "    s = s + d",
        "    t = n",
        "tl.store(y + tl.program_id(0) * 64 + c, s)",
    ]


def test_variables_that_change_places():
    body = f"""
      %s, %t = scf.for %k = %lo to %hi step %one iter_args(%a = %zero, %b = %inf) -> (tensor<64xf32>, tensor<64xf32>)
        : i32 {{
        scf.yield %b, %a : tensor<64xf32>, tensor<64xf32>
      }}
      tile.store %s, %y[%i, %c] bounds ["none", "none"] : tensor<64xf32>, {V}[i32, tensor<64xi32>]"""
    assert "    s, t = t, s" in printed(INDEX + LOOP + body).splitlines()


def test_a_choice_sets_its_results():
    body = f"""
      %low = tile.cmp lt %i, %hi : i32, i32 -> i1
      %r = scf.if %low -> (tensor<64xf32>) {{
        %v = tile.load %x[%i, %c] bounds ["none", "none"] : {V}[i32, tensor<64xi32>] -> tensor<64xf32>
        scf.yield %v : tensor<64xf32>
      }} else {{
        scf.yield %zero : tensor<64xf32>
      }}
      tile.store %r, %y[%i, %c] bounds ["none", "none"] : tensor<64xf32>, {V}[i32, tensor<64xi32>]"""
    assert printed(INDEX + LOOP + body).splitlines()[-7:] == [
        "low = i < 4",
        "if low:",
        "    v = tl.load(x + i * 64 + c)",
        "    r = v",
        "else:",
        "    r = tl.zeros((64,), tl.float32)",
        "tl.store(y + i * 64 + c, r)",
    ]


def test_what_triton_lacks_is_refused():
    with pytest.raises(ValueError, match=r"no Triton for math.tanh: expected a pass to have lowered it"):
        printed("%z = arith.constant 0.0 : f32 %t = math.tanh %z : f32")


def test_the_comment_tells_nodes_and_costs():
    found = printed(
        "", fields="grid = affine_map<() -> (1)>, nodes = array<i64: 4, 5>, bytes = 64 : i64, flops = 9 : i64"
    )
    assert found == "# nodes 4, 5; 64 bytes; 9 FLOPs\npass"
