// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s
// CHECK:      graph.lstm %x, %w, %r, %h
// CHECK-SAME: (tensor<7x1x3xf32>, tensor<1x20x3xf32>, tensor<1x20x5xf32>, tensor<1x1x5xf32>) -> (tensor<7x1x1x5xf32>, tensor<1x1x5xf32>, tensor<1x1x5xf32>)
func.func @f(%x: tensor<7x1x3xf32>, %w: tensor<1x20x3xf32>, %r: tensor<1x20x5xf32>, %h: tensor<1x1x5xf32>) {
  %y, %h1, %c1 = graph.lstm %x, %w, %r, %h {direction = "reverse", activations = ["sigmoid", "tanh", "tanh"], alpha = array<f64: 0.0, 0.0, 0.0>, beta = array<f64: 0.0, 0.0, 0.0>, coupled = false, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1, 0, 0>} : (tensor<7x1x3xf32>, tensor<1x20x3xf32>, tensor<1x20x5xf32>, tensor<1x1x5xf32>) -> (tensor<7x1x1x5xf32>, tensor<1x1x5xf32>, tensor<1x1x5xf32>)
  func.return
}
