// RUN: aic opt %s -p "simplify-algebra" --print-debuginfo | filecheck %s
// RUN: aic opt %s -p "simplify-algebra{fast=true}" | filecheck %s --check-prefix=FAST
// RUN: aic opt %s -p "simplify-algebra{skip=times-one}" | filecheck %s --check-prefix=SKIP

// CHECK-LABEL: func.func @neutral
// CHECK-NEXT:    func.return %x
// SKIP-LABEL: func.func @neutral
// SKIP:         graph.mul
func.func @neutral(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %one = graph.constant dense<1.0> : tensor<1xf32>
  %zero = graph.constant dense<0.0> : tensor<8xf32>
  %0 = graph.mul %one, %x : (tensor<1xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = graph.sub %0, %zero : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  func.return %1 : tensor<4x8xf32>
}
// -0.0 + 0.0 is 0.0, and a factor may spread what it is multiplied with.
// CHECK-LABEL: func.func @not_neutral
// CHECK:         graph.add
// CHECK:         graph.mul
// FAST-LABEL: func.func @not_neutral
// FAST-NOT:     graph.add
// FAST:         graph.mul
func.func @not_neutral(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  %ones = graph.constant dense<1.0> : tensor<4x1xf32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.add %x, %zero : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = graph.mul %0, %ones : (tensor<8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  func.return %1 : tensor<4x8xf32>
}
// CHECK-LABEL: func.func @quotients
// CHECK:         %[[Q:.*]] = graph.constant dense<2.500000e-01>
// CHECK-NEXT:    %[[M:.*]] = graph.mul %x, %[[Q]] : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> loc("quarter")
// CHECK-NEXT:    %[[D:.*]] = graph.div %x, %{{.*}} loc("third")
// CHECK-NEXT:    func.return %[[M]], %[[D]]
// FAST-LABEL: func.func @quotients
// FAST-NOT:     graph.div
func.func @quotients(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %four = graph.constant dense<4.0> : tensor<f32>
  %three = graph.constant dense<3.0> : tensor<f32>
  %0 = graph.div %x, %four : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> loc("quarter")
  %1 = graph.div %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> loc("third")
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
// CHECK-LABEL: func.func @locations
// CHECK-NEXT:    graph.sub %x, %y : {{.*}} loc(fused["negate", "add"])
func.func @locations(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.neg %y : (tensor<4xf32>) -> tensor<4xf32> loc("negate")
  %1 = graph.add %0, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("add")
  func.return %1 : tensor<4xf32>
}
// CHECK-LABEL: func.func @integers_meet
// CHECK-NEXT:    %[[C:.*]] = graph.constant dense<12> : tensor<i32>
// CHECK-NEXT:    graph.add %x, %[[C]]
func.func @integers_meet(%x: tensor<4xi32>) -> tensor<4xi32> {
  %c = graph.constant dense<5> : tensor<i32>
  %d = graph.constant dense<7> : tensor<i32>
  %0 = graph.add %x, %c : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %1 = graph.add %d, %0 : (tensor<i32>, tensor<4xi32>) -> tensor<4xi32>
  func.return %1 : tensor<4xi32>
}
// A factor that something else reads is not taken out: it would have to be computed twice.
// FAST-LABEL: func.func @common_factor
// FAST:         graph.add
// FAST-NEXT:    graph.mul
// FAST-LABEL: func.func @factor_in_use
// FAST:         graph.mul
// FAST:         graph.mul
// FAST:         graph.add
func.func @common_factor(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.mul %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.mul %c, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = graph.add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %2 : tensor<4xf32>
}
func.func @factor_in_use(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = graph.mul %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.mul %c, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = graph.add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  func.return %2, %0 : tensor<4xf32>, tensor<4xf32>
}
