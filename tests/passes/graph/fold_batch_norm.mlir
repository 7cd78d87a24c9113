// RUN: aic opt %s -p "fold-batch-norm,dce" --print-debuginfo | filecheck %s
// CHECK-LABEL: func.func @conv
// CHECK-NEXT:    %[[W:.*]] = graph.constant dense<{{.*}}2.000000e+00{{.*}}1.200000e+01{{.*}}> : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %[[B:.*]] = graph.constant dense<[3.000000e+00, -8.000000e+00]> : tensor<2xf32>
// CHECK-NEXT:    graph.conv %x, %[[W]], %[[B]] : {{.*}} loc(fused["conv", "norm"])
// CHECK-NOT:     batch_norm
func.func @conv(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = graph.constant dense<[[[[1.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>
  %b = graph.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %s = graph.constant dense<[2.0, 8.0]> : tensor<2xf32>
  %t = graph.constant dense<[1.0, 0.0]> : tensor<2xf32>
  %m = graph.constant dense<[0.0, 2.0]> : tensor<2xf32>
  %v = graph.constant dense<[0.0, 3.0]> : tensor<2xf32>
  %0 = graph.conv %x, %w, %b : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32> loc("conv")
  %1 = graph.batch_norm %0, %s, %t, %m, %v {epsilon = 1.0 : f64} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32> loc("norm")
  func.return %1 : tensor<1x2x4x4xf32>
}
// The result of the convolution is used twice.
// CHECK-LABEL: func.func @two_uses
// CHECK:         graph.mul
func.func @two_uses(%x: tensor<1x1x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) {
  %w = graph.constant dense<[[[[1.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>
  %c = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.conv %x, %w : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  func.return %0, %1 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
}
// A factor and an offset, one after the other; without an offset no bias is made.
// CHECK-LABEL: func.func @scalars
// CHECK-NEXT:    %[[W2:.*]] = graph.constant dense<{{.*}}2.000000e+00{{.*}}6.000000e+00{{.*}}> : tensor<2x1x1x1xf32>
// CHECK-NEXT:    %[[B2:.*]] = graph.constant dense<[5.000000e+00, 7.000000e+00]> : tensor<2xf32>
// CHECK-NEXT:    graph.conv %x, %[[W2]], %[[B2]]
// CHECK-NEXT:    func.return
func.func @scalars(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = graph.constant dense<[[[[1.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>
  %c = graph.constant dense<2.0> : tensor<f32>
  %d = graph.constant dense<[[[5.0]], [[7.0]]]> : tensor<2x1x1xf32>
  %0 = graph.conv %x, %w : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.mul %c, %0 : (tensor<f32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = graph.add %1, %d : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  func.return %2 : tensor<1x2x4x4xf32>
}
// These constants vary within a channel, and would make the result larger.
// CHECK-LABEL: func.func @not_per_channel
// CHECK:         graph.mul
// CHECK:         graph.add
func.func @not_per_channel(%x: tensor<1x1x1x2xf32>) -> tensor<2x2x1x2xf32> {
  %w = graph.constant dense<[[[[1.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>
  %c = graph.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %d = graph.constant dense<[[[[5.0]]], [[[7.0]]]]> : tensor<2x1x1x1xf32>
  %0 = graph.conv %x, %w : (tensor<1x1x1x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x1x2xf32>
  %1 = graph.mul %0, %c : (tensor<1x2x1x2xf32>, tensor<2xf32>) -> tensor<1x2x1x2xf32>
  %2 = graph.add %1, %d : (tensor<1x2x1x2xf32>, tensor<2x1x1x1xf32>) -> tensor<2x2x1x2xf32>
  func.return %2 : tensor<2x2x1x2xf32>
}
