// RUN: aic opt %s -p "substitute-ops" | filecheck %s
// RUN: aic opt %s -p "substitute-ops{fast=true only=scale-for-norm,product-for-conv}" --print-debuginfo | filecheck %s --check-prefix=FAST
// RUN: aic opt %s -p "substitute-ops{fast=true only=conv-for-flat-product}" | filecheck %s --check-prefix=CONV

// All slopes have to be equal.
// CHECK-LABEL: func.func @slopes
// CHECK:         graph.leaky_relu %x {alpha = 2.500000e-01 : f64}
// CHECK-NEXT:    graph.prelu
func.func @slopes(%x: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %a = graph.constant dense<[[0.25], [0.25]]> : tensor<2x1xf32>
  %b = graph.constant dense<[[0.25], [0.5]]> : tensor<2x1xf32>
  %0 = graph.prelu %x, %a : (tensor<1x2x3xf32>, tensor<2x1xf32>) -> tensor<1x2x3xf32>
  %1 = graph.prelu %0, %b : (tensor<1x2x3xf32>, tensor<2x1xf32>) -> tensor<1x2x3xf32>
  func.return %1 : tensor<1x2x3xf32>
}
// CHECK-LABEL: func.func @norm
// CHECK:         graph.batch_norm
// FAST-LABEL: func.func @norm
// FAST-NOT:     graph.batch_norm
// FAST:         graph.mul %x, %{{.*}} loc("bn")
// FAST:         graph.add %{{.*}} loc("bn")
func.func @norm(%x: tensor<1x2x3xf32>) -> tensor<1x2x3xf32> {
  %c = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = graph.batch_norm %x, %c, %c, %c, %c {epsilon = 1.0e-5 : f64} : (tensor<1x2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x3xf32> loc("bn")
  func.return %0 : tensor<1x2x3xf32>
}
// FAST-LABEL: func.func @one_pixel
// FAST:         graph.gemm
// FAST:         graph.reshape %{{.*}} {shape = array<i64: 2, 5, 1, 1>}
// FAST-LABEL: func.func @many_pixels
// FAST-NEXT:    graph.conv
func.func @one_pixel(%x: tensor<2x3x1x1xf32>, %w: tensor<5x3x1x1xf32>) -> tensor<2x5x1x1xf32> {
  %0 = graph.conv %x, %w : (tensor<2x3x1x1xf32>, tensor<5x3x1x1xf32>) -> tensor<2x5x1x1xf32>
  func.return %0 : tensor<2x5x1x1xf32>
}
func.func @many_pixels(%x: tensor<2x3x1x2xf32>, %w: tensor<5x3x1x1xf32>) -> tensor<2x5x1x2xf32> {
  %0 = graph.conv %x, %w : (tensor<2x3x1x2xf32>, tensor<5x3x1x1xf32>) -> tensor<2x5x1x2xf32>
  func.return %0 : tensor<2x5x1x2xf32>
}
// CONV-LABEL: func.func @product
// CONV-NOT:     graph.matmul
// CONV:         graph.conv
func.func @product(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {
  %w = graph.constant dense<1.0> : tensor<4x3xf32>
  %0 = graph.matmul %x, %w : (tensor<2x4xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  func.return %0 : tensor<2x3xf32>
}
