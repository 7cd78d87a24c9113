// RUN: aic opt %s -p derive-masks | filecheck %s
// RUN: aic opt %s -p "derive-masks,derive-masks" | filecheck %s

// Rows come in blocks of 128 and their number is odd; columns fit. The grid goes through groups of two row blocks.
// CHECK-LABEL: tile.kernel @blocks
tile.kernel @blocks(%x: !tile.view<f32, [600, 128]>, %y: !tile.view<f32, [640, 128]>)
    attributes {grid = affine_map<() -> (10)>} {
  %p = tile.pid 0
  %two = arith.constant 2 : i32
  %four = arith.constant 4 : i32
  %five = arith.constant 5 : i32
  %c = arith.constant 128 : i32
  %c64 = arith.constant 64 : i32
  %g = arith.divsi %p, %four : i32
  %first = arith.muli %g, %two : i32
  %rest = arith.subi %five, %first : i32
  %size = arith.minsi %rest, %two : i32
  %in = arith.remsi %p, %four : i32
  %mod = arith.remsi %in, %size : i32
  %pm = arith.addi %first, %mod : i32
  %pn = arith.divsi %in, %size : i32
  %m0 = arith.muli %pm, %c : i32
  %n0 = arith.muli %pn, %c64 : i32
  %r = tile.arange 128 : tensor<128xi32>
  %mb = tile.broadcast %m0 : i32 -> tensor<128xi32>
  %rm = arith.addi %mb, %r : tensor<128xi32>
  %i = tile.expand %rm axis 1 : tensor<128xi32> -> tensor<128x1xi32>
  %s = tile.arange 64 : tensor<64xi32>
  %nb = tile.broadcast %n0 : i32 -> tensor<64xi32>
  %rn = arith.addi %nb, %s : tensor<64xi32>
  %j = tile.expand %rn axis 0 : tensor<64xi32> -> tensor<1x64xi32>
  // CHECK: tile.load %x[%i, %j] other 0.000000e+00 : f32 bounds ["upper", "none"] :
  %v = tile.load %x[%i, %j] other 0.0 : f32 : !tile.view<f32, [600, 128]>[tensor<128x1xi32>, tensor<1x64xi32>]
    -> tensor<128x64xf32>
  // CHECK: tile.store %v, %y[%i, %j] bounds ["none", "none"] :
  tile.store %v, %y[%i, %j] : tensor<128x64xf32>, !tile.view<f32, [640, 128]>[tensor<128x1xi32>, tensor<1x64xi32>]
}

// A window of 3 with a padding of 1, over flat pixels of 7 rows of 9.
// CHECK-LABEL: tile.kernel @window
tile.kernel @window(%x: !tile.view<f32, [7, 9]>, %y: !tile.view<f32, [63]>) attributes {grid = affine_map<() -> (4)>} {
  %p = tile.pid 0
  %c16 = arith.constant 16 : i32
  %b = arith.muli %p, %c16 : i32
  %bb = tile.broadcast %b : i32 -> tensor<16xi32>
  %r = tile.arange 16 : tensor<16xi32>
  %o = arith.addi %bb, %r : tensor<16xi32>
  %nine = tile.full 9 : i32 -> tensor<16xi32>
  %one = tile.full 1 : i32 -> tensor<16xi32>
  %h = arith.divsi %o, %nine : tensor<16xi32>
  %w = arith.remsi %o, %nine : tensor<16xi32>
  %zero = tile.full 0.0 : f32 -> tensor<16xf32>
  %lo = arith.constant 0 : i32
  %hi = arith.constant 3 : i32
  %step = arith.constant 1 : i32
  %sum = scf.for %k = %lo to %hi step %step iter_args(%s = %zero) -> (tensor<16xf32>) : i32 {
    %kb = tile.broadcast %k : i32 -> tensor<16xi32>
    %wk = arith.addi %w, %kb : tensor<16xi32>
    %at = arith.subi %wk, %one : tensor<16xi32>
    // CHECK: tile.load %x[%h, %at] other 0.000000e+00 : f32 bounds ["upper", "both"]
    %v = tile.load %x[%h, %at] other 0.0 : f32 : !tile.view<f32, [7, 9]>[tensor<16xi32>, tensor<16xi32>]
      -> tensor<16xf32>
    %t = arith.addf %s, %v : tensor<16xf32>
    scf.yield %t : tensor<16xf32>
  }
  // CHECK: tile.store %sum, %y[%o] bounds ["upper"]
  tile.store %sum, %y[%o] : tensor<16xf32>, !tile.view<f32, [63]>[tensor<16xi32>]
}

// Sizes that are arguments are checked, what is said already stands, what is loaded may be anything.
// CHECK-LABEL: tile.kernel @sizes
tile.kernel @sizes(%x: !tile.view<f32, [N, 8]>, %i: !tile.view<i32, [8]>, %y: !tile.view<f32, [N, 8]>, %N: i32)
    attributes {sizes = ["N"], grid = affine_map<(d0) -> (d0)>} {
  %p = tile.pid 0
  %r = tile.arange 8 : tensor<8xi32>
  // CHECK: tile.load %i[%r] bounds ["none"]
  %g = tile.load %i[%r] : !tile.view<i32, [8]>[tensor<8xi32>] -> tensor<8xi32>
  // CHECK: tile.load %x[%g, %r] bounds ["both", "none"]
  %v = tile.load %x[%g, %r] : !tile.view<f32, [N, 8]>[tensor<8xi32>, tensor<8xi32>] -> tensor<8xf32>
  // CHECK: tile.load %x[%p, %r] bounds ["upper", "none"]
  %u = tile.load %x[%p, %r] : !tile.view<f32, [N, 8]>[i32, tensor<8xi32>] -> tensor<8xf32>
  // CHECK: tile.store %v, %y[%p, %r] bounds ["none", "none"]
  tile.store %v, %y[%p, %r] bounds ["none", "none"] : tensor<8xf32>, !tile.view<f32, [N, 8]>[i32, tensor<8xi32>]
}
