// RUN: aic opt %s -p "drop-redundant" --print-debuginfo | filecheck %s

// CHECK-LABEL: func.func @views
// CHECK-NEXT:    func.return %x
func.func @views(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.cast %x {to = f32} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = graph.slice %0 {offsets = array<i64: 0, 0>, sizes = array<i64: 2, 3>, strides = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = graph.pad %1 {low = array<i64: 0, 0>, high = array<i64: 0, 0>, mode = "edge"} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = graph.concat %2 {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %4 = graph.expand %3 {shape = array<i64: 2, 3>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %4 : tensor<2x3xf32>
}
// From the start, but backwards; to the end, but not from the start.
// CHECK-LABEL: func.func @slices_that_do_something
// CHECK-NEXT:    graph.slice
// CHECK-NEXT:    graph.slice
func.func @slices_that_do_something(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<3xf32>) {
  %0 = graph.slice %x {offsets = array<i64: 3>, sizes = array<i64: 4>, strides = array<i64: -1>} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.slice %x {offsets = array<i64: 1>, sizes = array<i64: 3>, strides = array<i64: 1>} : (tensor<4xf32>) -> tensor<3xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<3xf32>
}
// A 1 x 1 pool that leaves pixels out, or adds some, does something.
// CHECK-LABEL: func.func @pools
// CHECK-NEXT:    %[[A:.*]] = graph.max_pool %x
// CHECK-NEXT:    func.return %x, %[[A]]
func.func @pools(%x: tensor<1x2x4xf32>) -> (tensor<1x2x4xf32>, tensor<1x2x2xf32>) {
  %0 = graph.max_pool %x {kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>} : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  %1 = graph.max_pool %x {kernel = array<i64: 1>, strides = array<i64: 2>, pads = array<i64: 0, 0>} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>
  func.return %0, %1 : tensor<1x2x4xf32>, tensor<1x2x2xf32>
}
// A sum begins at 0.0, so that of one -0.0 is 0.0.
// CHECK-LABEL: func.func @reductions
// CHECK-NEXT:    %[[R:.*]] = graph.reshape %x {shape = array<i64: 4>}
// CHECK-NEXT:    %[[S:.*]] = graph.reduce_sum %x
// CHECK-NEXT:    func.return %[[R]], %[[S]]
func.func @reductions(%x: tensor<4x1xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = graph.reduce_max %x {axes = array<i64: -1>, keepdims = false} : (tensor<4x1xf32>) -> tensor<4xf32>
  %1 = graph.reduce_sum %x {axes = array<i64: -1>, keepdims = false} : (tensor<4x1xf32>) -> tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
// What spreads anyway need not be spread first; but something has to spread it.
// CHECK-LABEL: func.func @expansions
// CHECK-NEXT:    %[[A:.*]] = graph.add %x, %y : {{.*}} loc(fused["e", "a"])
// CHECK-NEXT:    %[[E:.*]] = graph.expand %x
// CHECK-NEXT:    %[[N:.*]] = graph.mul %[[E]], %x
// CHECK-NEXT:    func.return %[[A]], %[[N]]
func.func @expansions(%x: tensor<4xf32>, %y: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %0 = graph.expand %x {shape = array<i64: 2, 4>} : (tensor<4xf32>) -> tensor<2x4xf32> loc("e")
  %1 = graph.add %0, %y : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> loc("a")
  %2 = graph.expand %x {shape = array<i64: 2, 4>} : (tensor<4xf32>) -> tensor<2x4xf32>
  %3 = graph.mul %2, %x : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  func.return %1, %3 : tensor<2x4xf32>, tensor<2x4xf32>
}
// CHECK-LABEL: func.func @only_ones_move
// CHECK-NEXT:    graph.reshape %x {shape = array<i64: 4, 1, 5>}
// CHECK-NEXT:    graph.transpose %x {perm = array<i64: 2, 0, 1>}
func.func @only_ones_move(%x: tensor<1x4x5xf32>) -> (tensor<4x1x5xf32>, tensor<5x1x4xf32>) {
  %0 = graph.transpose %x {perm = array<i64: 1, 0, 2>} : (tensor<1x4x5xf32>) -> tensor<4x1x5xf32>
  %1 = graph.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<1x4x5xf32>) -> tensor<5x1x4xf32>
  func.return %0, %1 : tensor<4x1x5xf32>, tensor<5x1x4xf32>
}
// CHECK-LABEL: func.func @something
// CHECK-NEXT:    graph.cast
// CHECK-NEXT:    graph.slice
// CHECK-NEXT:    graph.pad
// CHECK-NEXT:    graph.concat
func.func @something(%x: tensor<2x3xf32>) -> tensor<4x3xf16> {
  %0 = graph.cast %x {to = f16} : (tensor<2x3xf32>) -> tensor<2x3xf16>
  %1 = graph.slice %0 {offsets = array<i64: 1, 0>, sizes = array<i64: 2, 3>, strides = array<i64: -1, 1>} : (tensor<2x3xf16>) -> tensor<2x3xf16>
  %2 = graph.pad %1 {low = array<i64: 1, 0>, high = array<i64: -1, 0>, mode = "constant"} : (tensor<2x3xf16>) -> tensor<2x3xf16>
  %3 = graph.concat %2, %2 {axis = 0 : i64} : (tensor<2x3xf16>, tensor<2x3xf16>) -> tensor<4x3xf16>
  func.return %3 : tensor<4x3xf16>
}
// CHECK-LABEL: func.func @parts_without_elements
// CHECK-NEXT:    graph.concat %x, %x {axis = 1 : i64} : {{.*}} loc("c")
// CHECK-NEXT:    func.return %{{.*}}, %x
func.func @parts_without_elements(%x: tensor<2x3xf32>, %e: tensor<2x0xf32>) -> (tensor<2x6xf32>, tensor<2x3xf32>) {
  %0 = graph.concat %e, %x, %e, %x {axis = 1 : i64} : (tensor<2x0xf32>, tensor<2x3xf32>, tensor<2x0xf32>, tensor<2x3xf32>) -> tensor<2x6xf32> loc("c")
  %1 = graph.concat %x, %e {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x0xf32>) -> tensor<2x3xf32>
  func.return %0, %1 : tensor<2x6xf32>, tensor<2x3xf32>
}
// Of several results only those that are read are made.
// CHECK-LABEL: func.func @unread
// CHECK-NEXT:    %[[P:.*]] = graph.max_pool %x {kernel = array<i64: 2>} : {{.*}} loc("pool")
// CHECK-NEXT:    %[[M:.*]] = graph.reduce_max %x
// CHECK-NEXT:    %[[A:.*]] = graph.arg_max %x
// CHECK-NEXT:    func.return %[[P]], %[[M]], %[[A]]
func.func @unread(%x: tensor<1x2x4xf32>) -> (tensor<1x2x3xf32>, tensor<1x2x1xf32>, tensor<1x2x1xi64>) {
  %0, %1 = graph.max_pool_indices %x {kernel = array<i64: 2>} : (tensor<1x2x4xf32>) -> (tensor<1x2x3xf32>, tensor<1x2x3xi64>) loc("pool")
  %2, %3 = graph.top_k %x {axis = 2 : i64, k = 1 : i64, largest = true} : (tensor<1x2x4xf32>) -> (tensor<1x2x1xf32>, tensor<1x2x1xi64>)
  %4, %5 = graph.top_k %x {axis = 2 : i64, k = 1 : i64, largest = true} : (tensor<1x2x4xf32>) -> (tensor<1x2x1xf32>, tensor<1x2x1xi64>)
  func.return %0, %2, %5 : tensor<1x2x3xf32>, tensor<1x2x1xf32>, tensor<1x2x1xi64>
}
// Both are read; two largest are no maximum.
// CHECK-LABEL: func.func @read
// CHECK-NEXT:    graph.max_pool_indices
// CHECK-NEXT:    graph.top_k
func.func @read(%x: tensor<1x2x4xf32>) -> (tensor<1x2x3xf32>, tensor<1x2x3xi64>, tensor<1x2x2xf32>) {
  %0, %1 = graph.max_pool_indices %x {kernel = array<i64: 2>} : (tensor<1x2x4xf32>) -> (tensor<1x2x3xf32>, tensor<1x2x3xi64>)
  %2, %3 = graph.top_k %x {axis = 2 : i64, k = 2 : i64, largest = true} : (tensor<1x2x4xf32>) -> (tensor<1x2x2xf32>, tensor<1x2x2xi64>)
  func.return %0, %1, %2 : tensor<1x2x3xf32>, tensor<1x2x3xi64>, tensor<1x2x2xf32>
}
