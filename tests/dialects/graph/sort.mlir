// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      %{{.*}}, %{{.*}} = graph.top_k %x {axis = -1 : i64, k = 3 : i64, largest = true} : (tensor<4x8xui8>) -> (tensor<4x3xui8>, tensor<4x3xi64>)
// CHECK-NEXT: graph.cum_sum %x {axis = 0 : i64, exclusive = true, reverse = false} : (tensor<4x8xui8>) -> tensor<4x8xui8>
func.func @f(%x: tensor<4x8xui8>) -> (tensor<4x3xui8>, tensor<4x3xi64>, tensor<4x8xui8>) {
  %v, %i = graph.top_k %x {axis = -1 : i64, k = 3 : i64, largest = true} : (tensor<4x8xui8>) -> (tensor<4x3xui8>, tensor<4x3xi64>)
  %s = graph.cum_sum %x {axis = 0 : i64, exclusive = true, reverse = false} : (tensor<4x8xui8>) -> tensor<4x8xui8>
  func.return %v, %i, %s : tensor<4x3xui8>, tensor<4x3xi64>, tensor<4x8xui8>
}
