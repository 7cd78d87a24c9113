// RUN: aic opt %s -p 'narrow-weights{dtype=int8}' | filecheck %s
// RUN: aic opt %s -p narrow-weights | filecheck %s --check-prefix=BF16

// The large weight is read as 8-bit integers, and the product is scaled column by column; the small one stays.
// CHECK:      func.func @main
// CHECK:        %[[W:.*]] = graph.weight @w.int8 : tensor<256x512xi8>
// CHECK:        %[[P:.*]] = linalg.generic {{.*}}"reduction"]} ins(%x, %[[W]] : tensor<4x256xf32>, tensor<256x512xi8>)
// CHECK-NEXT:   ^bb0(%p: f32, %q: i8, %s: f32):
// CHECK-NEXT:     arith.sitofp %q : i8 to f32
// CHECK:        %[[S:.*]] = graph.weight @w.scale : tensor<512xf32>
// CHECK:        %y = linalg.generic {{.*}} affine_map<(d0, d1) -> (d1)>{{.*}} ins(%[[P]], %[[S]] :
// CHECK:          arith.mulf
// CHECK:        linalg.generic {{.*}} ins(%y, %v : tensor<4x512xf32>, tensor<512x8xf32>)
// BF16:         graph.weight @w.bf16 : tensor<256x512xbf16>
// BF16:         arith.extf %q : bf16 to f32
// BF16-NOT:     scale
func.func @main(%x: tensor<4x256xf32>) -> tensor<4x8xf32> {
  %w = graph.weight @w : tensor<256x512xf32>
  %v = graph.weight @v : tensor<512x8xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x512xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x512xf32>) -> tensor<4x512xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<4x256xf32>, tensor<256x512xf32>) outs(%i : tensor<4x512xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %a = arith.addf %s, %m : f32
    linalg.yield %a : f32
  } -> tensor<4x512xf32>
  %e2 = tensor.empty() : tensor<4x8xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x8xf32>) -> tensor<4x8xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%y, %v : tensor<4x512xf32>, tensor<512x8xf32>) outs(%i2 : tensor<4x8xf32>) {
  ^bb0(%p2: f32, %q2: f32, %s2: f32):
    %m2 = arith.mulf %p2, %q2 : f32
    %a2 = arith.addf %s2, %m2 : f32
    linalg.yield %a2 : f32
  } -> tensor<4x8xf32>
  func.return %z : tensor<4x8xf32>
}
