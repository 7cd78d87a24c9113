// RUN: aic opt %s -p "recompose-layers{fast=true},cancel-inverse,dce" --print-debuginfo | filecheck %s
// RUN: aic opt %s -p "recompose-layers,dce" | filecheck %s --check-prefix=EXACT
// RUN: aic opt %s -p "recompose-layers{fast=true only=global-pool},dce" | filecheck %s --check-prefix=ONLY

// CHECK-LABEL: func.func @attention
// CHECK-NEXT:    graph.attention %q, %k, %v, %m {scale = 1.250000e-01 : f64, {{.*}} loc(fused["p", "s", "m", "w", "y"])
// CHECK-NEXT:    func.return
// EXACT-LABEL: func.func @attention
// EXACT:         graph.softmax
// ONLY-LABEL: func.func @attention
// ONLY:          graph.softmax
func.func @attention(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x6x8xf32>, %v: tensor<1x2x6x3xf32>, %m: tensor<1x1x4x6xf32>) -> tensor<1x2x4x3xf32> {
  %c = graph.constant dense<0.125> : tensor<f32>
  %0 = graph.transpose %k {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x2x6x8xf32>) -> tensor<1x2x8x6xf32>
  %1 = graph.matmul %q, %0 : (tensor<1x2x4x8xf32>, tensor<1x2x8x6xf32>) -> tensor<1x2x4x6xf32> loc("p")
  %2 = graph.mul %1, %c : (tensor<1x2x4x6xf32>, tensor<f32>) -> tensor<1x2x4x6xf32> loc("s")
  %3 = graph.add %2, %m : (tensor<1x2x4x6xf32>, tensor<1x1x4x6xf32>) -> tensor<1x2x4x6xf32> loc("m")
  %4 = graph.softmax %3 {axis = -1 : i64} : (tensor<1x2x4x6xf32>) -> tensor<1x2x4x6xf32> loc("w")
  %5 = graph.matmul %4, %v : (tensor<1x2x4x6xf32>, tensor<1x2x6x3xf32>) -> tensor<1x2x4x3xf32> loc("y")
  func.return %5 : tensor<1x2x4x3xf32>
}

// Softmax of another axis, scales of each head, and a mask that makes more queries of the scores are no attention.
// CHECK-LABEL: func.func @no_attention
// CHECK-NOT:     graph.attention
// CHECK:         func.return
func.func @no_attention(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x8x4xf32>, %v: tensor<1x2x4x4xf32>, %m: tensor<3x2x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<3x2x4x4xf32>) {
  %c = graph.constant dense<[[[0.5]], [[0.25]]]> : tensor<2x1x1xf32>
  %0 = graph.matmul %q, %k : (tensor<1x2x4x8xf32>, tensor<1x2x8x4xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = graph.matmul %1, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %3 = graph.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %4 = graph.softmax %3 {axis = 3 : i64} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %5 = graph.matmul %4, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %6 = graph.add %0, %m : (tensor<1x2x4x4xf32>, tensor<3x2x4x4xf32>) -> tensor<3x2x4x4xf32>
  %7 = graph.softmax %6 {axis = 3 : i64} : (tensor<3x2x4x4xf32>) -> tensor<3x2x4x4xf32>
  %8 = graph.matmul %7, %v : (tensor<3x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<3x2x4x4xf32>
  func.return %2, %5, %8 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>, tensor<3x2x4x4xf32>
}

// Only matrices have a Gemm; a bias that makes the result larger is none.
// CHECK-LABEL: func.func @products
// CHECK-NEXT:    %[[T:.*]] = graph.transpose %w
// CHECK-NEXT:    %[[H:.*]] = graph.gemm %x, %w {trans_b = true
// CHECK-NEXT:    %[[G:.*]] = graph.gemm %x, %w, %b {trans_b = true
// CHECK-NEXT:    %[[M:.*]] = graph.matmul %y, %[[T]]
// CHECK-NEXT:    %[[A:.*]] = graph.add %[[H]], %y
// CHECK-NEXT:    func.return %[[G]], %[[M]], %[[A]]
// EXACT-LABEL: func.func @products
// EXACT-NOT:     graph.gemm
func.func @products(%x: tensor<3x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>, %y: tensor<2x3x4xf32>) -> (tensor<3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %0 = graph.transpose %w {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = graph.matmul %x, %0 : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  %2 = graph.add %1, %b : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %3 = graph.matmul %y, %0 : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %4 = graph.add %1, %y : (tensor<3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return %2, %3, %4 : tensor<3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// Of all pixels and nothing else; rows of numbers have none.
// CHECK-LABEL: func.func @pools
// CHECK-NEXT:    %[[P:.*]] = graph.average_pool %x {kernel = array<i64: 3, 4>}
// CHECK-NEXT:    graph.average_pool %x {kernel = array<i64: 3, 4>}
// CHECK-NEXT:    %[[F:.*]] = graph.reshape %{{.*}} {shape = array<i64: 1, 2>}
// CHECK-NEXT:    %[[R:.*]] = graph.reduce_mean %x {axes = array<i64: 3>
// CHECK-NEXT:    %[[S:.*]] = graph.reduce_mean %y
// CHECK-NEXT:    func.return %[[P]], %[[F]], %[[R]], %[[S]]
// ONLY-LABEL: func.func @pools
// ONLY-NEXT:     graph.average_pool
// ONLY-NEXT:     graph.reduce_mean
// ONLY-NEXT:     graph.reduce_mean
func.func @pools(%x: tensor<1x2x3x4xf32>, %y: tensor<2x3x4xf32>) -> (tensor<1x2x1x1xf32>, tensor<1x2xf32>, tensor<1x2x3xf32>, tensor<2x3x1xf32>) {
  %0 = graph.reduce_mean %x {axes = array<i64: 2, 3>, keepdims = true} : (tensor<1x2x3x4xf32>) -> tensor<1x2x1x1xf32>
  %1 = graph.reduce_mean %x {axes = array<i64: -1, -2>, keepdims = false} : (tensor<1x2x3x4xf32>) -> tensor<1x2xf32>
  %2 = graph.reduce_mean %x {axes = array<i64: 3>, keepdims = false} : (tensor<1x2x3x4xf32>) -> tensor<1x2x3xf32>
  %3 = graph.reduce_mean %y {axes = array<i64: 2>, keepdims = true} : (tensor<2x3x4xf32>) -> tensor<2x3x1xf32>
  func.return %0, %1, %2, %3 : tensor<1x2x1x1xf32>, tensor<1x2xf32>, tensor<1x2x3xf32>, tensor<2x3x1xf32>
}
