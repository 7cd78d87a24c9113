// RUN: aic opt %s -p "apply-rules" | filecheck %s
// CHECK: graph.neg
// CHECK: graph.neg
func.func @nothing_without_rules(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
