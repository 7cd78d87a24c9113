// RUN: aic opt %s -p "fold-constants,dce" | filecheck %s
// RUN: aic opt %s -p "fold-constants{growth=8},dce" | filecheck %s --check-prefix=SMALL
// RUN: aic opt %s -p "fold-constants{keep=add,expand},dce" | filecheck %s --check-prefix=KEEP
// KEEP-LABEL:  func.func @chain
// KEEP:          graph.add %{{.*}}, %{{.*}}
// CHECK-LABEL: func.func @chain
// CHECK-NEXT:    graph.constant dense<[4.000000e+00, 6.000000e+00]> : tensor<2xf32>
// CHECK-NEXT:    graph.add %x
func.func @chain(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = graph.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %0 = graph.add %a, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = graph.add %x, %0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}
// CHECK-LABEL: func.func @runtime
// CHECK:         graph.add %x, %x
func.func @runtime(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = graph.add %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}
// CHECK-LABEL: func.func @large
// CHECK-NEXT:    graph.weight @c_expand : tensor<16x8xf32>
// SMALL-LABEL: func.func @large
// SMALL:         graph.expand
func.func @large() -> tensor<16x8xf32> {
  %c = graph.constant dense<1.0> : tensor<1xf32>
  %0 = graph.expand %c {shape = array<i64: 16, 8>} : (tensor<1xf32>) -> tensor<16x8xf32>
  func.return %0 : tensor<16x8xf32>
}
// CHECK-LABEL: func.func @two_results
// CHECK-NEXT:    graph.constant dense<[7, 5]> : tensor<2xi32>
// CHECK-NEXT:    graph.constant dense<[1, 0]> : tensor<2xi64>
func.func @two_results() -> (tensor<2xi32>, tensor<2xi64>) {
  %c = graph.constant dense<[5, 7, 2]> : tensor<3xi32>
  %v, %i = graph.top_k %c {axis = 0 : i64, k = 2 : i64, largest = true} : (tensor<3xi32>) -> (tensor<2xi32>, tensor<2xi64>)
  func.return %v, %i : tensor<2xi32>, tensor<2xi64>
}
// CHECK-LABEL: func.func @bounded
// CHECK:         graph.expand
func.func @bounded() -> tensor<1048576x1024xf32> {
  %c = graph.constant dense<1.0> : tensor<1xf32>
  %0 = graph.expand %c {shape = array<i64: 1048576, 1024>} : (tensor<1xf32>) -> tensor<1048576x1024xf32>
  func.return %0 : tensor<1048576x1024xf32>
}
