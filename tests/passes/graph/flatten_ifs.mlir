// RUN: aic opt %s -p "flatten-ifs" | filecheck %s
// CHECK-LABEL: func.func @choice
// CHECK-NEXT:    %[[A:.*]] = graph.relu %x
// CHECK-NEXT:    %[[B:.*]] = graph.neg %x
// CHECK-NEXT:    %[[R:.*]] = graph.where %c, %[[A]], %[[B]]
// CHECK-NEXT:    func.return %[[R]]
func.func @choice(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %r = graph.if %c ({
    %a = graph.relu %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %a : tensor<4xf32>
  }) ({
    %b = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %b : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  func.return %r : tensor<4xf32>
}
// What both compute is computed once, and what does not differ is not chosen from.
// CHECK-LABEL: func.func @alike
// CHECK-NEXT:    %[[A:.*]] = graph.relu %x
// CHECK-NEXT:    %[[B:.*]] = graph.neg %[[A]]
// CHECK-NEXT:    %[[R:.*]] = graph.where %c, %[[A]], %[[B]]
// CHECK-NEXT:    func.return %[[A]], %[[R]]
func.func @alike(%c: tensor<i1>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %p, %q = graph.if %c ({
    %a = graph.relu %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %a, %a : tensor<4xf32>, tensor<4xf32>
  }) ({
    %b = graph.relu %x : (tensor<4xf32>) -> tensor<4xf32>
    %n = graph.neg %b : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %b, %n : tensor<4xf32>, tensor<4xf32>
  }) : (tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %p, %q : tensor<4xf32>, tensor<4xf32>
}
// CHECK-LABEL: func.func @nested
// CHECK-NOT:     graph.if
// CHECK:         graph.where %d
// CHECK:         graph.where %c
func.func @nested(%c: tensor<i1>, %d: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %r = graph.if %c ({
    %i = graph.if %d ({
      %a = graph.relu %x : (tensor<4xf32>) -> tensor<4xf32>
      graph.yield %a : tensor<4xf32>
    }) ({
      graph.yield %x : tensor<4xf32>
    }) : (tensor<i1>) -> tensor<4xf32>
    graph.yield %i : tensor<4xf32>
  }) ({
    %b = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %b : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  func.return %r : tensor<4xf32>
}
// CHECK-LABEL: func.func @loop_inside
// CHECK:         graph.if %c
func.func @loop_inside(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %r = graph.if %c ({
    %s = graph.loop %x ({
    ^bb0(%i: tensor<i64>, %s: tensor<4xf32>):
      %t = graph.neg %s : (tensor<4xf32>) -> tensor<4xf32>
      graph.yield %t : tensor<4xf32>
    }) {steps = 3 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %s : tensor<4xf32>
  }) ({
    graph.yield %x : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  func.return %r : tensor<4xf32>
}
