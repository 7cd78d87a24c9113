// RUN: aic opt %s -p cse --print-debuginfo | filecheck %s

// The course's example: v4 and v6 are one, v5 is another. The one that stays has both places.
// CHECK-LABEL: func.func @commutative
// CHECK-NEXT:    %v4 = graph.add %v1, %v2 : {{.*}} loc(fused["four", "six"])
// CHECK-NEXT:    %v5 = graph.add %v2, %v3
// CHECK-NEXT:    func.return %v4, %v5, %v4
func.func @commutative(%v1: tensor<4xf32>, %v2: tensor<4xf32>, %v3: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %v4 = graph.add %v1, %v2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("four")
  %v5 = graph.add %v2, %v3 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("five")
  %v6 = graph.add %v2, %v1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("six")
  func.return %v4, %v5, %v6 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// A difference is not commutative; another attribute, another number (0.0 is not -0.0) is another op.
// CHECK-LABEL: func.func @different
// CHECK-COUNT-2: graph.sub
// CHECK-COUNT-2: graph.softmax
// CHECK-COUNT-2: arith.constant
func.func @different(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, f32, f32) {
  %0 = graph.sub %x, %y : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = graph.sub %y, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = graph.softmax %x {axis = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = graph.softmax %x {axis = 1 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = arith.constant 0.0 : f32
  %5 = arith.constant -0.0 : f32
  func.return %0, %1, %2, %3, %4, %5 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, f32, f32
}

// What stands round a region is in sight there; what stands in one region is not in the other. Equal regions make equal ops.
// CHECK-LABEL: func.func @regions
// CHECK-NEXT:    %[[E:.*]] = graph.exp %x
// CHECK-NEXT:    %[[A:.*]] = graph.if %c
// CHECK-NEXT:      %[[N:.*]] = graph.neg %x
// CHECK-NEXT:      graph.yield %[[N]]
// CHECK:           graph.yield %[[E]]
// CHECK:         %[[B:.*]] = graph.if %c
// CHECK:           graph.abs
// CHECK:         func.return %[[A]], %[[A]], %[[B]]
func.func @regions(%x: tensor<4xf32>, %c: tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %0 = graph.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.if %c ({
    %n = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %n : tensor<4xf32>
  }) ({
    %e = graph.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %e : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %2 = graph.if %c ({
    %n = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %n : tensor<4xf32>
  }) ({
    graph.yield %0 : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %3 = graph.if %c ({
    %n = graph.abs %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %n : tensor<4xf32>
  }) ({
    graph.yield %0 : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  func.return %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// Reads of memory are not one: something may write between them.
// CHECK-LABEL: func.func @memory
// CHECK-COUNT-2: memref.load
func.func @memory(%m: memref<4xf32>, %i: index) -> (f32, f32) {
  %0 = memref.load %m[%i] : memref<4xf32>
  memref.store %0, %m[%i] : memref<4xf32>
  %1 = memref.load %m[%i] : memref<4xf32>
  func.return %0, %1 : f32, f32
}
