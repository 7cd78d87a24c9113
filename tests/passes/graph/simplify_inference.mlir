// RUN: aic opt %s -p "simplify-inference" | filecheck %s
// CHECK-LABEL: func.func @nothing
// CHECK-NEXT:    func.return %x
func.func @nothing(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.cast %x {to = f32} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = graph.expand %0 {shape = array<i64: 2, 3>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = graph.slice %1 {offsets = array<i64: 0, 0>, sizes = array<i64: 2, 3>, strides = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = graph.pad %2 {low = array<i64: 0, 0>, high = array<i64: 0, 0>, mode = "constant"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = graph.concat %3 {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %4 : tensor<2x3xf32>
}
// CHECK-LABEL: func.func @something
// CHECK-NEXT:    graph.cast
// CHECK-NEXT:    graph.slice
// CHECK-NEXT:    graph.pad
// CHECK-NEXT:    graph.concat
func.func @something(%x: tensor<2x3xf32>) -> tensor<4x3xf16> {
  %0 = graph.cast %x {to = f16} : (tensor<2x3xf32>) -> tensor<2x3xf16>
  %1 = graph.slice %0 {offsets = array<i64: 1, 0>, sizes = array<i64: 2, 3>, strides = array<i64: -1, 1>} : (tensor<2x3xf16>) -> tensor<2x3xf16>
  %2 = graph.pad %1 {low = array<i64: 1, 0>, high = array<i64: -1, 0>, mode = "constant"} : (tensor<2x3xf16>) -> tensor<2x3xf16>
  %3 = graph.concat %2, %2 {axis = 0 : i64} : (tensor<2x3xf16>, tensor<2x3xf16>) -> tensor<4x3xf16>
  func.return %3 : tensor<4x3xf16>
}
