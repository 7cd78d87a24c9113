// RUN: aic opt %s -p "recompose{fast=true},dce" --print-debuginfo | filecheck %s
// RUN: aic opt %s -p "recompose,dce" | filecheck %s --check-prefix=EXACT

// CHECK-LABEL: func.func @gelu
// CHECK-NEXT:    graph.gelu %x {approximate = "none"} : {{.*}} loc(fused[
// CHECK-NEXT:    func.return
// EXACT-LABEL: func.func @gelu
// EXACT:         graph.erf
func.func @gelu(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = graph.constant dense<1.41421354> : tensor<f32>
  %o = graph.constant dense<1.0> : tensor<f32>
  %h = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.div %x, %r : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32> loc("div")
  %1 = graph.erf %0 : (tensor<4x8xf32>) -> tensor<4x8xf32> loc("erf")
  %2 = graph.add %1, %o : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32> loc("add")
  %3 = graph.mul %x, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> loc("mul")
  %4 = graph.mul %3, %h : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32> loc("half")
  func.return %4 : tensor<4x8xf32>
}

// A quotient by something else is no GELU, and what reads another value is none.
// CHECK-LABEL: func.func @no_gelu
// CHECK-NOT:     graph.gelu
// EXACT-LABEL: func.func @no_gelu
func.func @no_gelu(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r = graph.constant dense<1.41421354> : tensor<f32>
  %t = graph.constant dense<1.5> : tensor<f32>
  %o = graph.constant dense<1.0> : tensor<f32>
  %h = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.div %x, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.erf %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = graph.add %1, %o : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = graph.mul %3, %h : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %5 = graph.div %x, %r : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.erf %5 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = graph.add %6, %o : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.mul %y, %7 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %9 = graph.mul %8, %h : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  func.return %4, %9 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @hard_swish
// CHECK-NEXT:    %[[H:.*]] = graph.hard_sigmoid %x
// CHECK-NEXT:    graph.mul %x, %[[H]]
// CHECK-NEXT:    func.return
// EXACT-LABEL: func.func @hard_swish
// EXACT:         graph.relu
// EXACT:         graph.div
func.func @hard_swish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = graph.constant dense<3.0> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %six = graph.constant dense<6.0> : tensor<f32>
  %0 = graph.add %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.max %0, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.min %1, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = graph.div %3, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  func.return %4 : tensor<4xf32>
}

// Slopes that differ stay a PReLU's; equal ones are a leaky ReLU's.
// CHECK-LABEL: func.func @slopes
// CHECK:         graph.prelu
// CHECK:         graph.leaky_relu %x {alpha = 2.500000e-01 : f64}
func.func @slopes(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s = graph.constant dense<[0.25, 0.5, 0.25, 0.25]> : tensor<4xf32>
  %e = graph.constant dense<0.25> : tensor<4xf32>
  %0 = graph.prelu %x, %s : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.prelu %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
