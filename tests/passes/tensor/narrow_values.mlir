// RUN: aic opt %s -p narrow-values | filecheck %s
// RUN: aic opt %s -p 'narrow-values{dtype=bf16}' | filecheck %s --check-prefix=BF16

// What @k0 gives to @k1 is f16, through the view as well, and so is the weight; the bias, the input and the output stay.
// CHECK:        kernel.func @k0(%x: tensor<64x256xf32>, %w: tensor<256x128xf16>, %b: tensor<128xf32>) -> tensor<64x128xf16>
// CHECK:        ^bb0(%p: f32, %[[Q:.*]]: f16, %s: f32):
// CHECK-NEXT:     arith.extf %[[Q]] : f16 to f32
// CHECK:          arith.addf
// CHECK:          arith.truncf {{.*}} : f32 to f16
// CHECK-NEXT:     linalg.yield {{.*}} : f16
// CHECK:        kernel.func @k1(%x: tensor<8192xf16>) -> tensor<8192xf32>
// CHECK:        func.func @main(%x: tensor<64x256xf32>, {{.*}}) -> tensor<8192xf32>
// CHECK:          %[[W:.*]] = graph.weight @w.f16 : tensor<256x128xf16>
// CHECK:          graph.weight @b : tensor<128xf32>
// CHECK:          %[[Y:.*]] = kernel.launch @k0({{.*}}) : {{.*}} -> tensor<64x128xf16>
// CHECK:          %[[V:.*]] = tensor.collapse_shape {{.*}} : tensor<64x128xf16> into tensor<8192xf16>
// CHECK:          kernel.launch @k1(%[[V]]) : (tensor<8192xf16>) -> tensor<8192xf32>
// BF16:           graph.weight @w.bf16 : tensor<256x128xbf16>
kernel.func @k0(%x: tensor<64x256xf32>, %w: tensor<256x128xf32>, %b: tensor<128xf32>) -> tensor<64x128xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x128xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<64x128xf32>) -> tensor<64x128xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<64x256xf32>, tensor<256x128xf32>) outs(%i : tensor<64x128xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %a = arith.addf %s, %m : f32
    linalg.yield %a : f32
  } -> tensor<64x128xf32>
  %e2 = tensor.empty() : tensor<64x128xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%y, %b : tensor<64x128xf32>, tensor<128xf32>) outs(%e2 : tensor<64x128xf32>) {
  ^bb0(%p: f32, %q: f32, %s: f32):
    %a = arith.addf %p, %q : f32
    linalg.yield %a : f32
  } -> tensor<64x128xf32>
  kernel.return %z : tensor<64x128xf32>
}
kernel.func @k1(%x: tensor<8192xf32>) -> tensor<8192xf32> {
  %e = tensor.empty() : tensor<8192xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%x : tensor<8192xf32>) outs(%e : tensor<8192xf32>) {
  ^bb0(%p: f32, %s: f32):
    %a = math.exp %p : f32
    linalg.yield %a : f32
  } -> tensor<8192xf32>
  kernel.return %y : tensor<8192xf32>
}
func.func @main(%x: tensor<64x256xf32>, %unused: tensor<8xf32>) -> tensor<8192xf32> {
  %w = graph.weight @w : tensor<256x128xf32>
  %b = graph.weight @b : tensor<128xf32>
  %y = kernel.launch @k0(%x, %w, %b) : (tensor<64x256xf32>, tensor<256x128xf32>, tensor<128xf32>) -> tensor<64x128xf32>
  %v = tensor.collapse_shape %y [[0, 1]] : tensor<64x128xf32> into tensor<8192xf32>
  %z = kernel.launch @k1(%v) : (tensor<8192xf32>) -> tensor<8192xf32>
  func.return %z : tensor<8192xf32>
}
