// RUN: aic opt %s | filecheck %s
// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      tile.kernel @matmul(%x: !tile.view<f16, [M, 768]>, %w: !tile.view<f16, [768, 256], strides [1, 768], align 4>, %y: !tile.view<f32, [M, 256]>, %M: i32)
// CHECK-SAME:   sizes = ["M"]
// CHECK-SAME:   grid = affine_map<(d0) -> ((d0 ceildiv 128), 4)>
tile.kernel @matmul(
    %x: !tile.view<f16, [M, 768]>, %w: !tile.view<f16, [768, 256], strides [1, 768], align 4>,
    %y: !tile.view<f32, [M, 256]>, %M: i32) attributes {
    sizes = ["M"], grid = affine_map<(d0) -> (d0 ceildiv 128, 4)>, schedule = {warps = 8 : i64, stages = 3 : i64},
    nodes = array<i64: 4, 5>, bytes = 4096 : i64, flops = 8192 : i64} {
  // CHECK-NEXT: %pm = tile.pid 0
  // CHECK-NEXT: %n = tile.nprog 1
  // CHECK-NEXT: %r = tile.arange 128 : tensor<128xi32>
  // CHECK-NEXT: %rows = tile.expand %r axis 1 : tensor<128xi32> -> tensor<128x1xi32>
  %pm = tile.pid 0
  %n = tile.nprog 1
  %r = tile.arange 128 : tensor<128xi32>
  %rows = tile.expand %r axis 1 : tensor<128xi32> -> tensor<128x1xi32>
  %k = tile.arange 32 : tensor<32xi32>
  %kr = tile.expand %k axis 0 : tensor<32xi32> -> tensor<1x32xi32>
  %kc = tile.expand %k axis 1 : tensor<32xi32> -> tensor<32x1xi32>
  %c = tile.arange 64 : tensor<64xi32>
  %cols = tile.expand %c axis 0 : tensor<64xi32> -> tensor<1x64xi32>
  // CHECK: %zero = tile.full 0.000000e+00 : f32 -> tensor<128x64xf32>
  %zero = tile.full 0.0 : f32 -> tensor<128x64xf32>
  %lo = arith.constant 0 : i32
  %hi = arith.constant 768 : i32
  %step = arith.constant 32 : i32
  // CHECK: %acc = scf.for %i = %lo to %hi step %step iter_args(%s = %zero) -> (tensor<128x64xf32>) : i32 {
  %acc = scf.for %i = %lo to %hi step %step iter_args(%s = %zero) -> (tensor<128x64xf32>) : i32 {
    %base = tile.broadcast %i : i32 -> tensor<1x32xi32>
    %ks = arith.addi %base, %kr : tensor<1x32xi32>
    %sb = tile.broadcast %i : i32 -> tensor<32x1xi32>
    %kt = arith.addi %sb, %kc : tensor<32x1xi32>
    // CHECK: %a = tile.load %x[%rows, %ks] other 0.000000e+00 : f16 bounds ["upper", "none"] : !tile.view<f16, [M, 768]>[tensor<128x1xi32>, tensor<1x32xi32>] -> tensor<128x32xf16>
    %a = tile.load %x[%rows, %ks] other 0.0 : f16 bounds ["upper", "none"]
      : !tile.view<f16, [M, 768]>[tensor<128x1xi32>, tensor<1x32xi32>] -> tensor<128x32xf16>
    %b = tile.load %w[%kt, %cols] bounds ["none", "none"] evict "evict_last"
      : !tile.view<f16, [768, 256], strides [1, 768], align 4>[tensor<32x1xi32>, tensor<1x64xi32>] -> tensor<32x64xf16>
    // CHECK: tile.dot %a, %b, %s : tensor<128x32xf16>, tensor<32x64xf16>, tensor<128x64xf32> -> tensor<128x64xf32>
    %d = tile.dot %a, %b, %s : tensor<128x32xf16>, tensor<32x64xf16>, tensor<128x64xf32> -> tensor<128x64xf32>
    scf.yield %d : tensor<128x64xf32>
  } {stages = 3 : i64}
  // CHECK: {stages = 3 : i64}
  %m = tile.cmp lt %r, %r : tensor<128xi32>, tensor<128xi32> -> tensor<128xi1>
  %mask = tile.expand %m axis 1 : tensor<128xi1> -> tensor<128x1xi1>
  // CHECK: tile.store %acc, %y[%rows, %cols] if %mask : tensor<128x1xi1> cache ".cg" : tensor<128x64xf32>, !tile.view<f32, [M, 256]>[tensor<128x1xi32>, tensor<1x64xi32>]
  tile.store %acc, %y[%rows, %cols] if %mask : tensor<128x1xi1> cache ".cg"
    : tensor<128x64xf32>, !tile.view<f32, [M, 256]>[tensor<128x1xi32>, tensor<1x64xi32>]
}

// CHECK: tile.kernel @rest(%x: !tile.view<f32, [2*S, 64], align 4>, %n: !tile.view<f32, []>, %S: i32) attributes {
tile.kernel @rest(%x: !tile.view<f32, [S*2, 64], align 4>, %n: !tile.view<f32, []>, %S: i32)
    attributes {sizes = ["S"], grid = affine_map<(d0) -> (d0)>} {
  %p = tile.pid 0
  %r = tile.arange 64 : tensor<64xi32>
  // CHECK: %v = tile.load %x[%p, %r] other 0.000000e+00 : f32 : !tile.view<f32, [2*S, 64], align 4>[i32, tensor<64xi32>] -> tensor<64xf32>
  %v = tile.load %x[%p, %r] other 0.0 : f32 : !tile.view<f32, [2*S, 64], align 4>[i32, tensor<64xi32>] -> tensor<64xf32>
  // CHECK-NEXT: tile.reduce sum %v axis 0 : tensor<64xf32> -> f32
  %s = tile.reduce sum %v axis 0 : tensor<64xf32> -> f32
  %f = arith.addf %s, %s : f32
  // CHECK: tile.scan max %v axis 0 reverse : tensor<64xf32> -> tensor<64xf32>
  %q = tile.scan max %v axis 0 reverse : tensor<64xf32> -> tensor<64xf32>
  // CHECK-NEXT: tile.cast %q : tensor<64xf32> -> tensor<64xbf16>
  %h = tile.cast %q : tensor<64xf32> -> tensor<64xbf16>
  // CHECK-NEXT: tile.reshape %h : tensor<64xbf16> -> tensor<16x4xbf16>
  %g = tile.reshape %h : tensor<64xbf16> -> tensor<16x4xbf16>
  // CHECK-NEXT: tile.trans %g [1, 0] : tensor<16x4xbf16> -> tensor<4x16xbf16>
  %t = tile.trans %g [1, 0] : tensor<16x4xbf16> -> tensor<4x16xbf16>
  // CHECK-NEXT: tile.join %t, %t : tensor<4x16xbf16>, tensor<4x16xbf16> -> tensor<4x16x2xbf16>
  %j = tile.join %t, %t : tensor<4x16xbf16>, tensor<4x16xbf16> -> tensor<4x16x2xbf16>
  // CHECK-NEXT: tile.split %j : tensor<4x16x2xbf16> -> tensor<4x16xbf16>, tensor<4x16xbf16>
  %a, %b = tile.split %j : tensor<4x16x2xbf16> -> tensor<4x16xbf16>, tensor<4x16xbf16>
  %c = tile.cmp gt %v, %q : tensor<64xf32>, tensor<64xf32> -> tensor<64xi1>
  // CHECK: tile.select %c, %v, %q : tensor<64xi1>, tensor<64xf32>, tensor<64xf32>
  %u = tile.select %c, %v, %q : tensor<64xi1>, tensor<64xf32>, tensor<64xf32> -> tensor<64xf32>
  // CHECK-NEXT: tile.atomic add %f, %n[] : f32, !tile.view<f32, []>[] -> f32
  %old = tile.atomic add %f, %n[] : f32, !tile.view<f32, []>[] -> f32
}
