// RUN: aic opt %s -p "cancel-inverse" --print-debuginfo | filecheck %s

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
// A reshape between two transposes keeps them apart.
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
// There and back only through a type that holds every number: f16 in f32, but not i32 in f32, nor f32 in f16.
// CHECK-LABEL: func.func @casts
// CHECK-NEXT:    graph.cast
// CHECK-NEXT:    %[[B:.*]] = graph.cast
// CHECK-NEXT:    graph.cast
// CHECK-NEXT:    %[[C:.*]] = graph.cast
// CHECK-NEXT:    func.return %x, %[[B]], %[[C]]
func.func @casts(%x: tensor<4xf16>, %y: tensor<4xi32>, %z: tensor<4xf32>) -> (tensor<4xf16>, tensor<4xi32>, tensor<4xf32>) {
  %0 = graph.cast %x {to = f32} : (tensor<4xf16>) -> tensor<4xf32>
  %1 = graph.cast %0 {to = f16} : (tensor<4xf32>) -> tensor<4xf16>
  %2 = graph.cast %y {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.cast %2 {to = i32} : (tensor<4xf32>) -> tensor<4xi32>
  %4 = graph.cast %z {to = f16} : (tensor<4xf32>) -> tensor<4xf16>
  %5 = graph.cast %4 {to = f32} : (tensor<4xf16>) -> tensor<4xf32>
  func.return %1, %3, %5 : tensor<4xf16>, tensor<4xi32>, tensor<4xf32>
}
// CHECK-LABEL: func.func @integers_and_back
// CHECK-NEXT:    func.return %q
func.func @integers_and_back(%q: tensor<4xui8>) -> tensor<4xui8> {
  %s = graph.constant dense<0.1> : tensor<f32>
  %z = graph.constant dense<3> : tensor<ui8>
  %0 = graph.dequantize %q, %s, %z {to = f32} : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %1 = graph.quantize %0, %s, %z {to = ui8} : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  func.return %1 : tensor<4xui8>
}
// Other scales requantise, and floats do not survive as integers.
// CHECK-LABEL: func.func @other_scale
// CHECK:         graph.dequantize
// CHECK:         graph.quantize
// CHECK-LABEL: func.func @floats_and_back
// CHECK:         graph.quantize
// CHECK:         graph.dequantize
func.func @other_scale(%q: tensor<4xui8>) -> tensor<4xui8> {
  %s = graph.constant dense<0.1> : tensor<f32>
  %t = graph.constant dense<0.2> : tensor<f32>
  %z = graph.constant dense<3> : tensor<ui8>
  %0 = graph.dequantize %q, %s, %z {to = f32} : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %1 = graph.quantize %0, %t, %z {to = ui8} : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  func.return %1 : tensor<4xui8>
}
func.func @floats_and_back(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = graph.constant dense<0.1> : tensor<f32>
  %z = graph.constant dense<3> : tensor<ui8>
  %0 = graph.quantize %x, %s, %z {to = ui8} : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  %1 = graph.dequantize %0, %s, %z {to = f32} : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
// CHECK-LABEL: func.func @slices_of_a_concatenation
// CHECK-NEXT:    %[[C:.*]] = graph.concat %x, %y
// CHECK-NEXT:    %[[A:.*]] = graph.slice %y {offsets = array<i64: 1>, sizes = array<i64: 2>, strides = array<i64: 1>}
// CHECK-NEXT:    %[[B:.*]] = graph.slice %[[C]]
// CHECK-NEXT:    func.return %x, %[[A]], %[[B]]
func.func @slices_of_a_concatenation(%x: tensor<3xf32>, %y: tensor<4xf32>) -> (tensor<3xf32>, tensor<2xf32>, tensor<3xf32>) {
  %c = graph.concat %x, %y {axis = 0 : i64} : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
  %0 = graph.slice %c {offsets = array<i64: 0>, sizes = array<i64: 3>, strides = array<i64: 1>} : (tensor<7xf32>) -> tensor<3xf32>
  %1 = graph.slice %c {offsets = array<i64: 4>, sizes = array<i64: 2>, strides = array<i64: 1>} : (tensor<7xf32>) -> tensor<2xf32>
  %2 = graph.slice %c {offsets = array<i64: 2>, sizes = array<i64: 3>, strides = array<i64: 1>} : (tensor<7xf32>) -> tensor<3xf32>
  func.return %0, %1, %2 : tensor<3xf32>, tensor<2xf32>, tensor<3xf32>
}
// CHECK-LABEL: func.func @cut_and_put_together
// CHECK-NEXT:    func.return %x
// CHECK-LABEL: func.func @put_together_otherwise
// CHECK:         graph.concat
func.func @cut_and_put_together(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  %0 = graph.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 2, 2>, strides = array<i64: 1, 1>} : (tensor<2x6xf32>) -> tensor<2x2xf32>
  %1 = graph.slice %x {offsets = array<i64: 0, 2>, sizes = array<i64: 2, 4>, strides = array<i64: 1, 1>} : (tensor<2x6xf32>) -> tensor<2x4xf32>
  %2 = graph.concat %0, %1 {axis = -1 : i64} : (tensor<2x2xf32>, tensor<2x4xf32>) -> tensor<2x6xf32>
  func.return %2 : tensor<2x6xf32>
}
func.func @put_together_otherwise(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  %0 = graph.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 2, 2>, strides = array<i64: 1, 1>} : (tensor<2x6xf32>) -> tensor<2x2xf32>
  %1 = graph.slice %x {offsets = array<i64: 0, 2>, sizes = array<i64: 2, 4>, strides = array<i64: 1, 1>} : (tensor<2x6xf32>) -> tensor<2x4xf32>
  %2 = graph.concat %1, %0 {axis = -1 : i64} : (tensor<2x4xf32>, tensor<2x2xf32>) -> tensor<2x6xf32>
  func.return %2 : tensor<2x6xf32>
}
// Together they move ones only; one of them alone moves more.
// CHECK-LABEL: func.func @transposes_of_ones
// CHECK-NEXT:    graph.reshape %x {shape = array<i64: 4, 1, 5>}
// CHECK-NEXT:    func.return
func.func @transposes_of_ones(%x: tensor<1x4x5xf32>) -> tensor<4x1x5xf32> {
  %0 = graph.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<1x4x5xf32>) -> tensor<5x1x4xf32>
  %1 = graph.transpose %0 {perm = array<i64: 2, 1, 0>} : (tensor<5x1x4xf32>) -> tensor<4x1x5xf32>
  func.return %1 : tensor<4x1x5xf32>
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
// CHECK-LABEL: func.func @slices_of_slices
// CHECK-NEXT:    graph.slice %x {offsets = array<i64: 5>, sizes = array<i64: 2>, strides = array<i64: 4>}
// CHECK-NEXT:    func.return
func.func @slices_of_slices(%x: tensor<12xf32>) -> tensor<2xf32> {
  %0 = graph.slice %x {offsets = array<i64: 1>, sizes = array<i64: 5>, strides = array<i64: 2>} : (tensor<12xf32>) -> tensor<5xf32>
  %1 = graph.slice %0 {offsets = array<i64: 2>, sizes = array<i64: 2>, strides = array<i64: 2>} : (tensor<5xf32>) -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}
