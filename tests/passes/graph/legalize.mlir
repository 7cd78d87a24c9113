// RUN: aic opt %s -p 'legalize{rules="aic.backends.npu"},dce' --print-debuginfo | filecheck %s
// RUN: aic opt %s -p 'legalize{rules="aic.backends.npu" fast=false},dce' | filecheck %s --check-prefix=EXACT
// RUN: aic opt %s -p 'legalize,dce' | filecheck %s --check-prefix=NONE

// CHECK-LABEL: func.func @attention
// CHECK-NEXT:    graph.constant dense<5.000000e-01>
// CHECK-NEXT:    %[[Q:.*]] = graph.mul %q
// CHECK-NEXT:    %[[K:.*]] = graph.transpose %k {perm = array<i64: 0, 1, 3, 2>}
// CHECK-NEXT:    %[[P:.*]] = graph.matmul %[[Q]], %[[K]]
// CHECK-NEXT:    %[[M:.*]] = graph.add %[[P]], %m
// CHECK-NEXT:    %[[S:.*]] = graph.softmax %[[M]] {axis = 3 : i64}
// CHECK-NEXT:    graph.matmul %[[S]], %v : {{.*}} loc("/att/Attention")
// EXACT-LABEL: func.func @attention
// EXACT-NEXT:    graph.attention
func.func @attention(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x6x8xf32>, %v: tensor<1x2x6x3xf32>, %m: tensor<4x6xf32>) -> tensor<1x2x4x3xf32> {
  %0 = graph.attention %q, %k, %v, %m {scale = 0.5 : f64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>} : (tensor<1x2x4x8xf32>, tensor<1x2x6x8xf32>, tensor<1x2x6x3xf32>, tensor<4x6xf32>) -> tensor<1x2x4x3xf32> loc("/att/Attention")
  func.return %0 : tensor<1x2x4x3xf32>
}

// Heads that share keys, bounds of sight and masks of bits are not among the rules.
// CHECK-LABEL: func.func @other_attention
// CHECK-NEXT:    graph.attention
// CHECK-NEXT:    graph.attention
func.func @other_attention(%q: tensor<1x2x4x8xf32>, %k: tensor<1x1x4x8xf32>) -> (tensor<1x2x4x8xf32>, tensor<1x1x4x8xf32>) {
  %0 = graph.attention %q, %k, %k {scale = 0.5 : f64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<1x2x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x2x4x8xf32>
  %1 = graph.attention %k, %k, %k {scale = 0.5 : f64, causal = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32>
  func.return %0, %1 : tensor<1x2x4x8xf32>, tensor<1x1x4x8xf32>
}

// Zeros go into the convolution, other numbers do not; nor do channels of zeros.
// CHECK-LABEL: func.func @pads
// CHECK-NEXT:    graph.constant
// CHECK-NEXT:    graph.conv %x, %w {pads = array<i64: 1, 1, 2, 1>}
// CHECK-NEXT:    %[[P:.*]] = graph.pad %x
// CHECK-NEXT:    graph.conv %[[P]], %w
// CHECK-NEXT:    %[[C:.*]] = graph.pad %y
// CHECK-NEXT:    graph.conv %[[C]], %w
// EXACT-LABEL: func.func @pads
// EXACT-NEXT:    graph.constant
// EXACT-NEXT:    graph.conv %x, %w {pads = array<i64: 1, 1, 2, 1>}
// NONE-LABEL: func.func @pads
// NONE-COUNT-2: graph.constant
// NONE-NEXT:     graph.pad
func.func @pads(%x: tensor<1x2x4x4xf32>, %y: tensor<1x1x7x6xf32>, %w: tensor<3x2x3x3xf32>) -> (tensor<1x3x5x4xf32>, tensor<1x3x5x4xf32>, tensor<1x3x5x4xf32>) {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.pad %x, %zero {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 2, 1>, mode = "constant"} : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x7x6xf32>
  %1 = graph.conv %0, %w : (tensor<1x2x7x6xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x5x4xf32>
  %2 = graph.pad %x, %one {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 2, 1>, mode = "constant"} : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x7x6xf32>
  %3 = graph.conv %2, %w : (tensor<1x2x7x6xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x5x4xf32>
  %4 = graph.pad %y {low = array<i64: 0, 1, 0, 0>, high = array<i64: 0, 0, 0, 0>, mode = "constant"} : (tensor<1x1x7x6xf32>) -> tensor<1x2x7x6xf32>
  %5 = graph.conv %4, %w : (tensor<1x2x7x6xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x5x4xf32>
  func.return %1, %3, %5 : tensor<1x3x5x4xf32>, tensor<1x3x5x4xf32>, tensor<1x3x5x4xf32>
}
