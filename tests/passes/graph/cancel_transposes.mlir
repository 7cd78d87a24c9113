// RUN: aic opt %s -p "cancel-transposes" --print-debuginfo | filecheck %s
// CHECK-LABEL: func.func @there_and_back
// CHECK-NEXT:    func.return %x
func.func @there_and_back(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = graph.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %1 = graph.transpose %0 {perm = array<i64: 1, 2, 0>} : (tensor<4x2x3xf32>) -> tensor<2x3x4xf32>
  func.return %1 : tensor<2x3x4xf32>
}
// CHECK-LABEL: func.func @composed
// CHECK-NEXT:    graph.transpose %x {perm = array<i64: 2, 1, 0>} : (tensor<2x3x4xf32>) -> tensor<4x3x2xf32> loc(fused["a", "b"])
// CHECK-NEXT:    func.return
func.func @composed(%x: tensor<2x3x4xf32>) -> tensor<4x3x2xf32> {
  %0 = graph.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32> loc("a")
  %1 = graph.transpose %0 {perm = array<i64: 0, 2, 1>} : (tensor<4x2x3xf32>) -> tensor<4x3x2xf32> loc("b")
  func.return %1 : tensor<4x3x2xf32>
}
// CHECK-LABEL: func.func @inner_is_used
// CHECK-NEXT:    %[[T:.*]] = graph.transpose
// CHECK-NEXT:    func.return %[[T]], %x
func.func @inner_is_used(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>) {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = graph.transpose %0 {perm = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  func.return %0, %1 : tensor<3x2xf32>, tensor<2x3xf32>
}
// CHECK-LABEL: func.func @only_ones_move
// CHECK-NEXT:    graph.reshape %x {shape = array<i64: 4, 1, 5>}
func.func @only_ones_move(%x: tensor<1x4x5xf32>) -> tensor<4x1x5xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0, 2>} : (tensor<1x4x5xf32>) -> tensor<4x1x5xf32>
  func.return %0 : tensor<4x1x5xf32>
}
// CHECK-LABEL: func.func @reshapes
// CHECK-NEXT:    %[[R:.*]] = graph.reshape %x {shape = array<i64: 3, 2>}
// CHECK-NEXT:    func.return %[[R]], %x
func.func @reshapes(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>) {
  %0 = graph.reshape %x {shape = array<i64: 6>} : (tensor<2x3xf32>) -> tensor<6xf32>
  %1 = graph.reshape %0 {shape = array<i64: 3, 2>} : (tensor<6xf32>) -> tensor<3x2xf32>
  %2 = graph.reshape %1 {shape = array<i64: 2, 3>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  func.return %1, %2 : tensor<3x2xf32>, tensor<2x3xf32>
}
// CHECK-LABEL: func.func @through_a_reshape
// CHECK-NEXT:    graph.transpose
// CHECK-NEXT:    graph.reshape
// CHECK-NEXT:    graph.transpose
func.func @through_a_reshape(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = graph.reshape %0 {shape = array<i64: 2, 3>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %2 = graph.transpose %1 {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  func.return %2 : tensor<3x2xf32>
}
