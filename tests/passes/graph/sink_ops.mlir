// RUN: aic opt %s -p "sink-ops" --print-debuginfo | filecheck %s
// RUN: aic opt %s -p "sink-ops,cancel-inverse" | filecheck %s --check-prefix=MEET

// CHECK-LABEL: func.func @functions
// CHECK-NEXT:    graph.relu %x : {{.*}} loc(fused["t", "r"])
// CHECK:         graph.mul
// CHECK-NEXT:    graph.transpose
// CHECK-NEXT:    func.return
// MEET-LABEL: func.func @meets
// MEET-NEXT:    graph.sigmoid
// MEET-NEXT:    func.return
func.func @functions(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %c = graph.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32> loc("t")
  %1 = graph.relu %0 : (tensor<3x2xf32>) -> tensor<3x2xf32> loc("r")
  %2 = graph.mul %1, %c : (tensor<3x2xf32>, tensor<1x2xf32>) -> tensor<3x2xf32> loc("m")
  func.return %2 : tensor<3x2xf32>
}
func.func @meets(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = graph.sigmoid %0 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = graph.transpose %1 {perm = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  func.return %2 : tensor<2x3xf32>
}
// CHECK-LABEL: func.func @pairs
// CHECK-NEXT:    graph.add %x, %y
// CHECK-NEXT:    graph.transpose
func.func @pairs(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = graph.transpose %y {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = graph.add %0, %1 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  func.return %2 : tensor<3x2xf32>
}
// Other orders do not meet; what something else reads has to be moved anyway; a row of known numbers would be spread.
// CHECK-LABEL: func.func @stays
// CHECK-NEXT:    graph.transpose
// CHECK-NEXT:    graph.transpose
// CHECK-NEXT:    graph.add
// CHECK-NEXT:    graph.relu
func.func @stays(%x: tensor<2x2x2xf32>, %y: tensor<2x2x2xf32>) -> (tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>) {
  %0 = graph.transpose %x {perm = array<i64: 1, 0, 2>} : (tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %1 = graph.transpose %y {perm = array<i64: 2, 0, 1>} : (tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %2 = graph.add %0, %1 : (tensor<2x2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  %3 = graph.relu %0 : (tensor<2x2x2xf32>) -> tensor<2x2x2xf32>
  func.return %2, %3, %0 : tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>
}
// CHECK-LABEL: func.func @extremes
// CHECK-NEXT:    graph.reduce_max %x {axes = array<i64: 0>, keepdims = false}
// CHECK-NEXT:    func.return
func.func @extremes(%x: tensor<2x3xf32>) -> tensor<3xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = graph.reduce_max %0 {axes = array<i64: 1>, keepdims = false} : (tensor<3x2xf32>) -> tensor<3xf32>
  func.return %1 : tensor<3xf32>
}
