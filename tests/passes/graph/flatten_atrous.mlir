// RUN: aic opt %s -p "flatten-atrous,dce" --print-debuginfo | filecheck %s
// CHECK-LABEL: func.func @atrous
// CHECK-NEXT:    %[[Y:.*]] = graph.conv %x, %w {dilations = array<i64: 2, 2>, pads = array<i64: 2, 0, 2, 0>, group = 1 : i64} : {{.*}} -> tensor<1x9x8x4xf32> loc(fused["conv", "back"])
// CHECK-NEXT:    func.return %[[Y]]
func.func @atrous(%x: tensor<1x8x8x8xf32>, %w: tensor<9x8x3x3xf32>) -> tensor<1x9x8x4xf32> {
  %0 = graph.reshape %x {shape = array<i64: 1, 8, 4, 2, 4, 2>} : (tensor<1x8x8x8xf32>) -> tensor<1x8x4x2x4x2xf32>
  %1 = graph.transpose %0 {perm = array<i64: 3, 5, 0, 1, 2, 4>} : (tensor<1x8x4x2x4x2xf32>) -> tensor<2x2x1x8x4x4xf32>
  %2 = graph.reshape %1 {shape = array<i64: 4, 8, 4, 4>} : (tensor<2x2x1x8x4x4xf32>) -> tensor<4x8x4x4xf32>
  %3 = graph.conv %2, %w {pads = array<i64: 1, 0, 1, 0>} : (tensor<4x8x4x4xf32>, tensor<9x8x3x3xf32>) -> tensor<4x9x4x2xf32> loc("conv")
  %4 = graph.reshape %3 {shape = array<i64: 2, 2, 1, 9, 4, 2>} : (tensor<4x9x4x2xf32>) -> tensor<2x2x1x9x4x2xf32>
  %5 = graph.transpose %4 {perm = array<i64: 2, 3, 4, 0, 5, 1>} : (tensor<2x2x1x9x4x2xf32>) -> tensor<1x9x4x2x2x2xf32>
  %6 = graph.reshape %5 {shape = array<i64: 1, 9, 8, 4>} : (tensor<1x9x4x2x2x2xf32>) -> tensor<1x9x8x4xf32> loc("back")
  func.return %6 : tensor<1x9x8x4xf32>
}
// Columns and rows change places on the way back.
// CHECK-LABEL: func.func @another_place
// CHECK:         graph.conv {{.*}} -> tensor<4x9x4x4xf32>
func.func @another_place(%x: tensor<1x8x8x8xf32>, %w: tensor<9x8x1x1xf32>) -> tensor<1x9x8x8xf32> {
  %0 = graph.reshape %x {shape = array<i64: 1, 8, 4, 2, 4, 2>} : (tensor<1x8x8x8xf32>) -> tensor<1x8x4x2x4x2xf32>
  %1 = graph.transpose %0 {perm = array<i64: 3, 5, 0, 1, 2, 4>} : (tensor<1x8x4x2x4x2xf32>) -> tensor<2x2x1x8x4x4xf32>
  %2 = graph.reshape %1 {shape = array<i64: 4, 8, 4, 4>} : (tensor<2x2x1x8x4x4xf32>) -> tensor<4x8x4x4xf32>
  %3 = graph.conv %2, %w : (tensor<4x8x4x4xf32>, tensor<9x8x1x1xf32>) -> tensor<4x9x4x4xf32>
  %4 = graph.reshape %3 {shape = array<i64: 2, 2, 1, 9, 4, 4>} : (tensor<4x9x4x4xf32>) -> tensor<2x2x1x9x4x4xf32>
  %5 = graph.transpose %4 {perm = array<i64: 2, 3, 4, 1, 5, 0>} : (tensor<2x2x1x9x4x4xf32>) -> tensor<1x9x4x2x4x2xf32>
  %6 = graph.reshape %5 {shape = array<i64: 1, 9, 8, 8>} : (tensor<1x9x4x2x4x2xf32>) -> tensor<1x9x8x8xf32>
  func.return %6 : tensor<1x9x8x8xf32>
}
