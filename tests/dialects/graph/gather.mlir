// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      graph.gather %x, %i {axis = 0 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2x3x8xf32>
// CHECK-NEXT: graph.gather_elements %x, %i {axis = 1 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
// CHECK-NEXT: graph.gather_nd %x, %p {batch_dims = 0 : i64} : (tensor<4x8xf32>, tensor<3x1xi64>) -> tensor<3x8xf32>
// CHECK-NEXT: graph.reverse_sequence %x, %n {batch_axis = 0 : i64, time_axis = 1 : i64}
// CHECK-NEXT: graph.scatter_elements %x, %i, %u {reduction = "add", axis = 1 : i64}
// CHECK-NEXT: graph.scatter_nd %x, %p, %w {reduction = "none"}
// CHECK-NEXT: graph.trilu %x {k = -1 : i64, upper = true} : (tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT: graph.one_hot %n, %b {axis = 1 : i64, depth = 5 : i64} : (tensor<4xi64>, tensor<2xf32>) -> tensor<4x5xf32>
// CHECK-NEXT: graph.resize %x {sizes = array<i64: 4, 16>, scales = array<f64: 1.000000e+00, 2.000000e+00>, mode = "linear"
func.func @f(%x: tensor<4x8xf32>, %i: tensor<2x3xi64>, %p: tensor<3x1xi64>, %n: tensor<4xi64>, %u: tensor<2x3xf32>, %w: tensor<3x8xf32>, %b: tensor<2xf32>) {
  %0 = graph.gather %x, %i {axis = 0 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2x3x8xf32>
  %1 = graph.gather_elements %x, %i {axis = 1 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  %2 = graph.gather_nd %x, %p {batch_dims = 0 : i64} : (tensor<4x8xf32>, tensor<3x1xi64>) -> tensor<3x8xf32>
  %3 = graph.reverse_sequence %x, %n {batch_axis = 0 : i64, time_axis = 1 : i64} : (tensor<4x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
  %4 = graph.scatter_elements %x, %i, %u {reduction = "add", axis = 1 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<4x8xf32>
  %5 = graph.scatter_nd %x, %p, %w {reduction = "none"} : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>
  %6 = graph.trilu %x {k = -1 : i64, upper = true} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %7 = graph.one_hot %n, %b {axis = 1 : i64, depth = 5 : i64} : (tensor<4xi64>, tensor<2xf32>) -> tensor<4x5xf32>
  %8 = graph.resize %x {sizes = array<i64: 4, 16>, scales = array<f64: 1.0, 2.0>, mode = "linear", coordinates = "half_pixel", rounding = "floor", cubic_a = -0.75 : f64, exclude_outside = false, antialias = false, extrapolation = 0.0 : f64} : (tensor<4x8xf32>) -> tensor<4x16xf32>
  func.return
}
