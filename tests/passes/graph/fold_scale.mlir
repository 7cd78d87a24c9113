// RUN: aic opt %s -p "fold-scale{fast=true},fold-constants,dce" | filecheck %s
// RUN: aic opt %s -p "fold-scale" | filecheck %s --check-prefix=EXACT

// CHECK-LABEL: func.func @after
// CHECK:         %[[W:.*]] = graph.constant dense<{{\[\[}}2.000000e+00, 4.000000e+00], [6.000000e+00, 8.000000e+00]]>
// CHECK-NEXT:    %[[P:.*]] = graph.matmul %x, %[[W]]
// CHECK-NEXT:    %[[B:.*]] = graph.constant dense<[1.000000e+01, 1.200000e+01]>
// CHECK-NEXT:    %[[Y:.*]] = graph.add %[[P]], %[[B]]
// CHECK-NEXT:    func.return %[[Y]]
// EXACT-LABEL: func.func @after
// EXACT:         graph.mul
func.func @after(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %b = graph.constant dense<[5.0, 6.0]> : tensor<2xf32>
  %c = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.matmul %x, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  %1 = graph.add %0, %b : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %2 = graph.mul %1, %c : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  func.return %2 : tensor<3x2xf32>
}

// A column for each row of the weight, before the product.
// CHECK-LABEL: func.func @before
// CHECK-NOT:     graph.mul
// CHECK:         graph.constant dense<{{\[\[}}2.000000e+00, 4.000000e+00], [9.000000e+00, 1.200000e+01]]>
func.func @before(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = graph.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %0 = graph.mul %x, %c : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %1 = graph.matmul %0, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  func.return %1 : tensor<3x2xf32>
}

// Others read the product; the factor differs from row to row; the weight serves two products.
// CHECK-LABEL: func.func @stays
// CHECK-COUNT-3: graph.mul
func.func @stays(%x: tensor<2x2xf32>, %y: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %v = graph.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32>
  %u = graph.constant dense<[[1.0, 2.0], [3.0, 6.0]]> : tensor<2x2xf32>
  %c = graph.constant dense<2.0> : tensor<f32>
  %r = graph.constant dense<[[2.0], [3.0]]> : tensor<2x1xf32>
  %0 = graph.matmul %x, %w : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = graph.mul %0, %c : (tensor<2x2xf32>, tensor<f32>) -> tensor<2x2xf32>
  %2 = graph.matmul %x, %v : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %3 = graph.mul %2, %r : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  %4 = graph.matmul %x, %u : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %5 = graph.mul %4, %c : (tensor<2x2xf32>, tensor<f32>) -> tensor<2x2xf32>
  %6 = graph.matmul %y, %u : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  func.return %0, %1, %3, %5 : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>
}
