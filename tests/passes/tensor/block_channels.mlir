// RUN: aic opt %s --split-input-file -p block-channels{block=4} --weights random:0 | filecheck %s

// The input is read as it lies, the weight and the result are in blocks; the whole result is a copy, joined again.
// CHECK-LABEL: func.func @main
// CHECK:         %[[W:.*]] = graph.weight @w_1 : tensor<2x3x4xf32>
// CHECK:         %[[Y:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d5, d2, d3)>, affine_map<(d0, d1, d2, d3, d4, d5) -> (d1, d5, d4)>, affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4)>]
// CHECK-SAME:      ins(%x, %[[W]] : tensor<1x3x5x5xf32>, tensor<2x3x4xf32>)
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4, d2)>
// CHECK:         tensor.collapse_shape {{.*}} : tensor<1x2x4x5x5xf32> into tensor<1x8x5x5xf32>
func.func @main(%x: tensor<1x3x5x5xf32>) -> tensor<1x8x5x5xf32> {
  %w = graph.weight @w : tensor<8x3xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x5x5xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x8x5x5xf32>) -> tensor<1x8x5x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, o, h, w, i) -> (n, i, h, w)>, affine_map<(n, o, h, w, i) -> (o, i)>, affine_map<(n, o, h, w, i) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<1x3x5x5xf32>, tensor<8x3xf32>) outs(%f : tensor<1x8x5x5xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x8x5x5xf32>
  func.return %y : tensor<1x8x5x5xf32>
}

// -----

// A product of two activations has no weight whose channels could be in blocks.
// CHECK-LABEL: func.func @main
// CHECK:         linalg.generic
// CHECK-SAME:      outs(%{{.*}} : tensor<1x8x5x5xf32>)
// CHECK-NOT:     linalg.generic
func.func @main(%x: tensor<1x3x5x5xf32>, %w: tensor<8x3xf32>) -> tensor<1x8x5x5xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x5x5xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x8x5x5xf32>) -> tensor<1x8x5x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, o, h, w, i) -> (n, i, h, w)>, affine_map<(n, o, h, w, i) -> (o, i)>, affine_map<(n, o, h, w, i) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<1x3x5x5xf32>, tensor<8x3xf32>) outs(%f : tensor<1x8x5x5xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x8x5x5xf32>
  func.return %y : tensor<1x8x5x5xf32>
}
