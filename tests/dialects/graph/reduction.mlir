// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      graph.reduce_sum %x {axes = array<i64: 1, 2>, keepdims = false} : (tensor<4x8x8xf32>) -> tensor<4xf32>
// CHECK-NEXT: graph.reduce_mean %x {axes = array<i64: -1>, keepdims = true} : (tensor<4x8x8xf32>) -> tensor<4x8x1xf32>
// CHECK-NEXT: graph.arg_max %x {axis = 1 : i64, keepdims = true, last = false} : (tensor<4x8x8xf32>) -> tensor<4x1x8xi64>
func.func @f(%x: tensor<4x8x8xf32>) -> (tensor<4xf32>, tensor<4x8x1xf32>, tensor<4x1x8xi64>) {
  %0 = graph.reduce_sum %x {axes = array<i64: 1, 2>, keepdims = false} : (tensor<4x8x8xf32>) -> tensor<4xf32>
  %1 = graph.reduce_mean %x {axes = array<i64: -1>, keepdims = true} : (tensor<4x8x8xf32>) -> tensor<4x8x1xf32>
  %2 = graph.arg_max %x {axis = 1 : i64, keepdims = true, last = false} : (tensor<4x8x8xf32>) -> tensor<4x1x8xi64>
  func.return %0, %1, %2 : tensor<4xf32>, tensor<4x8x1xf32>, tensor<4x1x8xi64>
}
