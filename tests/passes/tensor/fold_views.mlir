// RUN: aic opt %s --split-input-file -p fold-views | filecheck %s

// The reader of a transpose permutes its map; a bias with axes of size 1 loses them.
// CHECK:      func.func @main
// CHECK-NEXT:   tensor.empty
// CHECK-NEXT:   %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], {{.*}} ins(%x, %b :
// CHECK-NOT:    linalg.transpose
func.func @main(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  %c = tensor.expand_shape %b [[0, 1]] output_shape [8, 1] : tensor<8xf32> into tensor<8x1xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%t, %c : tensor<8x4xf32>, tensor<8x1xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.addf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<8x4xf32>
  func.return %y : tensor<8x4xf32>
}

// -----

// A transpose that something else than a generic reads is a generic itself.
// CHECK:      func.func @main
// CHECK:        %t = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], {{.*}} ins(%x :
// CHECK:        func.return %t
func.func @main(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  func.return %t : tensor<8x4xf32>
}

// -----

// What follows a product of rows runs over its rows; the residual is looked at as rows, the result goes back to the
// shape it had.
// CHECK:      func.func @main
// CHECK:        %p = linalg.generic {{.*}}"reduction"
// CHECK:        %[[R:.*]] = tensor.collapse_shape %r {{.*}} : tensor<2x3x4xf32> into tensor<6x4xf32>
// CHECK:        %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], {{.*}} ins(%p, %[[R]], %b :
// CHECK:        %[[Y:.*]] = tensor.expand_shape %y
// CHECK:        func.return %[[Y]]
func.func @main(%x: tensor<6x5xf32>, %w: tensor<5x4xf32>, %r: tensor<2x3x4xf32>, %b: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x4xf32>
  %e3 = tensor.empty() : tensor<2x3x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<6x4xf32>) -> tensor<6x4xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x5xf32>, tensor<5x4xf32>) outs(%init : tensor<6x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.mulf %i, %j : f32
    %s = arith.addf %o, %v : f32
    linalg.yield %s : f32
  } -> tensor<6x4xf32>
  %p3 = tensor.expand_shape %p [[0, 1], [2]] output_shape [2, 3, 4] : tensor<6x4xf32> into tensor<2x3x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b, n) -> (a, b, n)>, affine_map<(a, b, n) -> (a, b, n)>, affine_map<(a, b, n) -> (n)>, affine_map<(a, b, n) -> (a, b, n)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%p3, %r, %b : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4xf32>) outs(%e3 : tensor<2x3x4xf32>) {
  ^bb0(%i: f32, %j: f32, %k: f32, %o: f32):
    %v = arith.addf %i, %j : f32
    %s = arith.addf %v, %k : f32
    linalg.yield %s : f32
  } -> tensor<2x3x4xf32>
  func.return %y : tensor<2x3x4xf32>
}

// -----

// A product that is transposed comes out transposed, if its innermost axis stays.
// CHECK:      func.func @main
// CHECK:        %[[P:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d1, d0, d3)>, affine_map<(d0, d1, d2, d3) -> (d1, d3, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK-NEXT:   ^{{.*}}
// CHECK:        %c = tensor.collapse_shape %[[P]] {{.*}} : tensor<3x2x4xf32> into tensor<3x8xf32>
func.func @main(%x: tensor<2x3x5xf32>, %w: tensor<2x5x4xf32>) -> tensor<3x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x4xf32>
  %et = tensor.empty() : tensor<3x2x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(h, m, n, k) -> (h, m, k)>, affine_map<(h, m, n, k) -> (h, k, n)>, affine_map<(h, m, n, k) -> (h, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<2x3x5xf32>, tensor<2x5x4xf32>) outs(%init : tensor<2x3x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.mulf %i, %j : f32
    %s = arith.addf %o, %v : f32
    linalg.yield %s : f32
  } -> tensor<2x3x4xf32>
  %t = linalg.transpose ins(%p : tensor<2x3x4xf32>) outs(%et : tensor<3x2x4xf32>) permutation = [1, 0, 2]
  %c = tensor.collapse_shape %t [[0], [1, 2]] : tensor<3x2x4xf32> into tensor<3x8xf32>
  func.return %c : tensor<3x8xf32>
}
