// RUN: aic opt %s -p "decompose{fast=true groups=2},dce" | filecheck %s
// RUN: aic opt %s -p decompose | filecheck %s --check-prefix=EXACT

// CHECK-LABEL: func.func @softmax
// CHECK-NEXT:    %[[M:.*]] = graph.reduce_max %x
// CHECK-NEXT:    %[[D:.*]] = graph.sub %x, %[[M]]
// CHECK-NEXT:    %[[E:.*]] = graph.exp %[[D]]
// CHECK-NEXT:    %[[S:.*]] = graph.reduce_sum %[[E]]
// CHECK-NEXT:    graph.div %[[E]], %[[S]]
// EXACT-LABEL: func.func @softmax
// EXACT-NEXT:    graph.softmax
func.func @softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %0 : tensor<4x8xf32>
}

// Two groups are two convolutions; three are more than were asked for.
// CHECK-LABEL: func.func @groups
// CHECK-COUNT-2: graph.conv %{{.*}}, %{{.*}} : (tensor<1x2x4x4xf32>, tensor<3x2x1x1xf32>) -> tensor<1x3x4x4xf32>
// CHECK:         graph.concat %{{.*}} {axis = 1 : i64} : (tensor<1x3x4x4xf32>, tensor<1x3x4x4xf32>) -> tensor<1x6x4x4xf32>
// CHECK:         group = 3
// EXACT-LABEL: func.func @groups
// EXACT:         group = 2
func.func @groups(%x: tensor<1x4x4x4xf32>, %w: tensor<6x2x1x1xf32>, %y: tensor<1x3x4x4xf32>, %v: tensor<3x1x1x1xf32>) -> (tensor<1x6x4x4xf32>, tensor<1x3x4x4xf32>) {
  %0 = graph.conv %x, %w {group = 2 : i64} : (tensor<1x4x4x4xf32>, tensor<6x2x1x1xf32>) -> tensor<1x6x4x4xf32>
  %1 = graph.conv %y, %v {group = 3 : i64} : (tensor<1x3x4x4xf32>, tensor<3x1x1x1xf32>) -> tensor<1x3x4x4xf32>
  func.return %0, %1 : tensor<1x6x4x4xf32>, tensor<1x3x4x4xf32>
}

// Padding comes apart; where nothing is padded nothing does.
// CHECK-LABEL: func.func @padding
// CHECK-NEXT:    %[[P:.*]] = graph.pad %x {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 2, 1>, mode = "constant"}
// CHECK-NEXT:    graph.conv %[[P]], %w {strides = array<i64: 2, 1>}
// CHECK-NEXT:    graph.conv %x, %w {pads = array<i64: 0, 0, 0, 0>}
// CHECK-NEXT:    func.return
func.func @padding(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32>) -> (tensor<1x3x3x3xf32>, tensor<1x3x2x2xf32>) {
  %0 = graph.conv %x, %w {pads = array<i64: 1, 0, 2, 1>, strides = array<i64: 2, 1>} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x3x3xf32>
  %1 = graph.conv %x, %w {pads = array<i64: 0, 0, 0, 0>} : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x2x2xf32>
  func.return %0, %1 : tensor<1x3x3x3xf32>, tensor<1x3x2x2xf32>
}
