// RUN: aic opt %s -p lower-graph-to-tensor | filecheck %s
// RUN: aic opt %s -p lower-graph-to-tensor | aic opt | aic opt --print-op-generic | aic opt | filecheck %s

// Types lose their signedness; the function remembers it. The input that is repeated is read at a constant 0 there.
// CHECK:      func.func @main(%{{.*}}: tensor<2x3xi8>, %{{.*}}: tensor<1x3xi8>) -> tensor<2x3xi1> attributes {arg_types = [tensor<2x3xui8>, tensor<1x3xui8>], res_types = [tensor<2x3xi1>]} {
// CHECK-NEXT:   %[[INIT:.*]] = tensor.empty() : tensor<2x3xi1>
// CHECK-NEXT:   %[[RES:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
// CHECK-NEXT:   ^bb0(%[[X:.*]]: i8, %[[Y:.*]]: i8, %{{.*}}: i1):
// CHECK-NEXT:     %[[LESS:.*]] = arith.cmpi ult, %[[X]], %[[Y]] : i8
// CHECK-NEXT:     linalg.yield %[[LESS]] : i1
// CHECK-NEXT:   } -> tensor<2x3xi1>
// CHECK-NEXT:   func.return %[[RES]] : tensor<2x3xi1>
func.func @main(%x: tensor<2x3xui8>, %y: tensor<1x3xui8>) -> tensor<2x3xi1> {
  %0 = graph.less %x, %y : (tensor<2x3xui8>, tensor<1x3xui8>) -> tensor<2x3xi1>
  func.return %0 : tensor<2x3xi1>
}

// Halves are computed in f32, a constant of one number stands in the body, and nothing that is unused stays.
// CHECK-LABEL: func.func @half
// CHECK-NEXT:    tensor.empty() : tensor<4xf16>
// CHECK-NEXT:    linalg.generic
// CHECK-NEXT:    ^bb0(%[[X:.*]]: f16, %{{.*}}: f16):
// CHECK-NEXT:      %[[WIDE:.*]] = arith.extf %[[X]] : f16 to f32
// CHECK-NEXT:      %[[TWO:.*]] = arith.constant 2.000000e+00 : f32
// CHECK-NEXT:      %[[SUM:.*]] = arith.addf %[[WIDE]], %[[TWO]] : f32
// CHECK-NEXT:      %[[RES:.*]] = arith.truncf %[[SUM]] : f32 to f16
// CHECK-NEXT:      linalg.yield %[[RES]] : f16
// CHECK-NEXT:    } -> tensor<4xf16>
// CHECK-NEXT:    func.return
func.func @half(%x: tensor<4xf16>) -> tensor<4xf16> {
  %c = graph.constant dense<2.0> : tensor<1xf16>
  %0 = graph.add %x, %c : (tensor<4xf16>, tensor<1xf16>) -> tensor<4xf16>
  %1 = graph.exp %0 : (tensor<4xf16>) -> tensor<4xf16>
  func.return %0 : tensor<4xf16>
}
