// RUN: aic opt %s -p 'legalize{rules="aic.backends.npu"},npu-select{machine=edge}' | filecheck %s
// RUN: aic opt %s -p 'npu-select{machine=edge}' | filecheck %s --check-prefix=HOST

// What legalize puts in an op's place is the NPU's: no op that computes is left to the host.
// CHECK:         kernel.launch @npu0
// CHECK-NOT:     npu.reason
// CHECK:       kernel.func @npu0
// CHECK:         graph.softmax
// HOST:          graph.attention {{.*}}npu.reason = "the NPU has no layer for graph.attention"
func.func @main(%x: tensor<1x2x16x16xf32>, %k: tensor<1x2x16x16xf32>) -> tensor<1x2x16x16xf32> {
  %0 = graph.attention %x, %k, %k {scale = 0.25 : f64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<1x2x16x16xf32>, tensor<1x2x16x16xf32>, tensor<1x2x16x16xf32>) -> tensor<1x2x16x16xf32>
  func.return %0 : tensor<1x2x16x16xf32>
}
