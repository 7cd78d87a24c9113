// RUN: aic opt %s -p "lower-graph-to-tensor,fuse-kernels,fuse-attention" | filecheck %s
// RUN: aic opt %s -p "lower-graph-to-tensor,fuse-kernels" | filecheck %s --check-prefix=APART

// CHECK-NOT:  kernel.func @k
// CHECK:      kernel.func @attention0(%q: tensor<1x2x20x16xf32>, %k: tensor<1x2x16x24xf32>, %v: tensor<1x2x24x16xf32>) -> tensor<1x2x20x16xf32>
// CHECK:      func.func @main
// CHECK-NEXT:   %[[Y:.*]] = kernel.launch @attention0(%q, %k, %v)
// CHECK-NEXT:   func.return %[[Y]]
// APART-COUNT-3: kernel.launch
func.func @main(%q: tensor<1x2x20x16xf32>, %k: tensor<1x2x16x24xf32>, %v: tensor<1x2x24x16xf32>) -> tensor<1x2x20x16xf32> {
  %s = graph.matmul %q, %k : (tensor<1x2x20x16xf32>, tensor<1x2x16x24xf32>) -> tensor<1x2x20x24xf32>
  %p = graph.softmax %s {axis = -1 : i64} : (tensor<1x2x20x24xf32>) -> tensor<1x2x20x24xf32>
  %y = graph.matmul %p, %v : (tensor<1x2x20x24xf32>, tensor<1x2x24x16xf32>) -> tensor<1x2x20x16xf32>
  func.return %y : tensor<1x2x20x16xf32>
}
