// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      graph.softmax %x {axis = -1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
// CHECK-NEXT: graph.layer_norm %{{.*}}, %s {axis = -1 : i64, epsilon = 1.000000e-05 : f64}
// CHECK-NEXT: graph.layer_norm %{{.*}}, %s, %s {axis = -1 : i64, epsilon = 1.000000e-05 : f64}
// CHECK-NEXT: graph.batch_norm %{{.*}}, %c, %c, %c, %c {epsilon = 1.000000e-05 : f64}
// CHECK-NEXT: graph.lrn %{{.*}} {size = 3 : i64, alpha = 1.000000e-04 : f64, beta = 7.500000e-01 : f64, bias = 1.000000e+00 : f64}
func.func @f(%x: tensor<2x4x8xf32>, %s: tensor<8xf32>, %c: tensor<4xf32>) -> tensor<2x4x8xf32> {
  %0 = graph.softmax %x {axis = -1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %1 = graph.layer_norm %0, %s {axis = -1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  %2 = graph.layer_norm %1, %s, %s {axis = -1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  %3 = graph.batch_norm %2, %c, %c, %c, %c {epsilon = 1.0e-5 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  %4 = graph.lrn %3 {size = 3 : i64, alpha = 1.0e-4 : f64, beta = 0.75 : f64, bias = 1.0 : f64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  func.return %4 : tensor<2x4x8xf32>
}
