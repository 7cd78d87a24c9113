// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      graph.reshape %x {shape = array<i64: 8, 4>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: graph.expand %x {shape = array<i64: 2, 4, 8>} : (tensor<4x8xf32>) -> tensor<2x4x8xf32>
// CHECK-NEXT: graph.slice %x {offsets = array<i64: 0, 7>, sizes = array<i64: 4, 4>, strides = array<i64: 1, -2>}
// CHECK-NEXT: graph.concat %x, %x, %x {axis = 1 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x24xf32>
// CHECK-NEXT: graph.pad %x {low = array<i64: -1, 2>, high = array<i64: 0, 0>, mode = "edge"} : (tensor<4x8xf32>) -> tensor<3x10xf32>
// CHECK-NEXT: graph.pad %x, %v {low = array<i64: 1, 0>, high = array<i64: 1, 0>, mode = "constant"}
func.func @f(%x: tensor<4x8xf32>, %v: tensor<f32>) {
  %0 = graph.reshape %x {shape = array<i64: 8, 4>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %1 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %2 = graph.expand %x {shape = array<i64: 2, 4, 8>} : (tensor<4x8xf32>) -> tensor<2x4x8xf32>
  %3 = graph.slice %x {offsets = array<i64: 0, 7>, sizes = array<i64: 4, 4>, strides = array<i64: 1, -2>} : (tensor<4x8xf32>) -> tensor<4x4xf32>
  %4 = graph.concat %x, %x, %x {axis = 1 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x24xf32>
  %5 = graph.pad %x {low = array<i64: -1, 2>, high = array<i64: 0, 0>, mode = "edge"} : (tensor<4x8xf32>) -> tensor<3x10xf32>
  %6 = graph.pad %x, %v {low = array<i64: 1, 0>, high = array<i64: 1, 0>, mode = "constant"} : (tensor<4x8xf32>, tensor<f32>) -> tensor<6x8xf32>
  func.return
}
