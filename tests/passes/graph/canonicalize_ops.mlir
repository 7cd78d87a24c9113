// RUN: aic opt %s -p "canonicalize-ops" --print-debuginfo | filecheck %s

// CHECK-LABEL: func.func @axes
// CHECK-NEXT:    graph.softmax %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("s")
// CHECK-NEXT:    graph.reduce_max %{{.*}} {axes = array<i64: 0, 1>, keepdims = false}
func.func @axes(%x: tensor<2x3xf32>) -> tensor<f32> {
  %0 = graph.softmax %x {axis = -1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("s")
  %1 = graph.reduce_max %0 {axes = array<i64: -1, -2>, keepdims = false} : (tensor<2x3xf32>) -> tensor<f32>
  func.return %1 : tensor<f32>
}
// CHECK-LABEL: func.func @constants
// CHECK:         graph.add %x, %{{.*}}
// CHECK-NEXT:    %[[N:.*]] = graph.constant dense<-2.000000e+00>
// CHECK-NEXT:    graph.add %{{.*}}, %[[N]]
// CHECK-NEXT:    graph.relu
func.func @constants(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = graph.constant dense<2.0> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.add %two, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.sub %0, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.max %1, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  func.return %2 : tensor<4xf32>
}
// What is canonical stays, and so does what has another meaning: max of a number but 0, alpha but 1.
// CHECK-LABEL: func.func @stays
// CHECK:         graph.max
// CHECK-NEXT:    graph.gemm %{{.*}}, %w {alpha = 2.000000e+00 : f64}
func.func @stays(%x: tensor<1x4xf32>, %w: tensor<4x2xf32>) -> tensor<1x2xf32> {
  %one = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.max %x, %one : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32>
  %1 = graph.gemm %0, %w {alpha = 2.0 : f64, beta = 1.0 : f64} : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}
