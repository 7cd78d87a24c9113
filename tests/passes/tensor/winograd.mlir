// RUN: aic opt %s --split-input-file -p 'winograd{tile=2}' | filecheck %s

// One kernel: 16 planes of transformed tiles, a product for each, and four images of pixels with the bias; what joins the
// pixels are views.
// CHECK:      kernel.func @k0(%x: tensor<1x4x6x6xf32>, %[[U:.*]]: tensor<16x4x8xf32>, %b: tensor<8x1x1xf32>)
// CHECK-SAME:   attributes {common = [0 : i64, 1 : i64]}
// CHECK:        linalg.generic {{.*}} -> (d0, d4, (((d1 * 4) + (d2 * 2)) + 1), ((d3 * 2) + 3))
// CHECK:        %[[V:.*]] = tensor.concat dim(0)
// CHECK:        linalg.generic {{.*}}"reduction"]} ins(%[[V]], %[[U]] :
// CHECK:        linalg.generic {{.*}} -> (15, d0, d2, d3, d4, d1)
// CHECK:        %a = arith.addf
// CHECK:        kernel.return
// CHECK:      func.func @main
// CHECK:        %[[W:.*]] = graph.weight @w.f2
// CHECK-NEXT:   kernel.launch @k0(%x, %[[W]], %b)
// CHECK-NOT:    linalg
// CHECK:        tensor.concat dim(5)
// CHECK:        tensor.concat dim(3)
func.func @main(%x: tensor<1x4x6x6xf32>) -> tensor<1x8x4x4xf32> {
  %w = graph.weight @w : tensor<8x4x3x3xf32>
  %b = graph.weight @b : tensor<8x1x1xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x4x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, o, h, w, c, i, j) -> (n, c, h + i, w + j)>, affine_map<(n, o, h, w, c, i, j) -> (o, c, i, j)>, affine_map<(n, o, h, w, c, i, j) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x3x3xf32>) outs(%i : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %a = arith.addf %s, %m : f32
    linalg.yield %a : f32
  } -> tensor<1x8x4x4xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(n, o, h, w) -> (n, o, h, w)>, affine_map<(n, o, h, w) -> (o, 0, 0)>, affine_map<(n, o, h, w) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%y, %b : tensor<1x8x4x4xf32>, tensor<8x1x1xf32>) outs(%e : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %a = arith.addf %p, %q : f32
    linalg.yield %a : f32
  } -> tensor<1x8x4x4xf32>
  func.return %z : tensor<1x8x4x4xf32>
}

// -----

// Strides, and filters of another size, stay.
// CHECK:      func.func @main
// CHECK:        %y = linalg.generic
// CHECK-NOT:    kernel.launch
func.func @main(%x: tensor<1x4x6x6xf32>) -> tensor<1x8x2x2xf32> {
  %w = graph.weight @w : tensor<8x4x3x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x2x2xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x2x2xf32>) -> tensor<1x8x2x2xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, o, h, w, c, i, j) -> (n, c, 2 * h + i, 2 * w + j)>, affine_map<(n, o, h, w, c, i, j) -> (o, c, i, j)>, affine_map<(n, o, h, w, c, i, j) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%x, %w : tensor<1x4x6x6xf32>, tensor<8x4x3x3xf32>) outs(%i : tensor<1x8x2x2xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %a = arith.addf %s, %m : f32
    linalg.yield %a : f32
  } -> tensor<1x8x2x2xf32>
  func.return %y : tensor<1x8x2x2xf32>
}
