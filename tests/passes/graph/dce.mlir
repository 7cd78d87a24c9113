// RUN: aic opt %s -p dce | filecheck %s

// What only dead ops read is dead; what a region alone reads is not.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT:    %[[E:.*]] = graph.exp %x
// CHECK-NEXT:    graph.if
// CHECK-NEXT:      graph.yield %[[E]]
// CHECK-NOT:     graph.neg
// CHECK-NOT:     graph.abs
func.func @chain(%x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  %0 = graph.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = graph.abs %1 : (tensor<4xf32>) -> tensor<4xf32>
  %3 = graph.if %c ({
    %4 = graph.abs %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %0 : tensor<4xf32>
  }) ({
    graph.yield %x : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  func.return %3 : tensor<4xf32>
}

// Effects are kept, and so is what they read; a read alone, and room that nobody uses, go.
// CHECK-LABEL: func.func @effects
// CHECK-NEXT:    arith.constant 1.0
// CHECK-NEXT:    memref.store
// CHECK-NEXT:    func.call @chain
// CHECK-NEXT:    kernel.launch @k(%m)
// CHECK-NEXT:    func.return
kernel.func @k(%y: memref<4xf32>) {
  kernel.return
}
func.func @effects(%m: memref<4xf32>, %i: index, %x: tensor<4xf32>, %c: tensor<i1>) {
  %0 = arith.constant 1.0 : f32
  memref.store %0, %m[%i] : memref<4xf32>
  %1 = memref.load %m[%i] : memref<4xf32>
  %2 = memref.alloc() : memref<8xf32>
  %3 = func.call @chain(%x, %c) : (tensor<4xf32>, tensor<i1>) -> tensor<4xf32>
  kernel.launch @k(%m) : (memref<4xf32>) -> ()
  func.return
}
