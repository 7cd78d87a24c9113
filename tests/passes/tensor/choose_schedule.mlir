// RUN: aic opt %s -p "choose-schedule" --weights random:0 | filecheck %s
// RUN: aic opt %s -p "choose-schedule{vector-bytes=64 registers=32}" --weights random:0 | filecheck %s --check-prefix=WIDE

// A weight is packed in panels as wide as the tile; one that several columns of activations share is not a weight.

// CHECK:      kernel.func @dense({{.*}} %w: tensor<64x48xf32, affine_map<(d0, d1) -> ((d1 floordiv 16), d0, (d1 mod 16))>>)
// CHECK-SAME: attributes {schedule = #kernel.schedule<[{row = 0 : i64, rows = 6 : i64, stage = 0 : i64, vector = 1 : i64, vectors = 2 : i64}]>
// CHECK:      kernel.func @product({{.*}} %w: tensor<64x48xf32>)
// CHECK:      graph.weight @w0 : tensor<64x48xf32, affine_map
// WIDE:       kernel.func @dense({{.*}} %w: tensor<64x48xf32>)
kernel.func @dense(%x: tensor<20x64xf32>, %w: tensor<64x48xf32>) -> tensor<20x48xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<20x64xf32>, tensor<64x48xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  kernel.return %c : tensor<20x48xf32>
}
kernel.func @product(%x: tensor<20x64xf32>, %w: tensor<64x48xf32>) -> tensor<20x48xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<20x64xf32>, tensor<64x48xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  kernel.return %c : tensor<20x48xf32>
}
func.func @main(%x: tensor<20x64xf32>, %v: tensor<64x48xf32>) -> (tensor<20x48xf32>, tensor<20x48xf32>) {
  %w = graph.weight @w0 : tensor<64x48xf32>
  %0 = kernel.launch @dense(%x, %w) : (tensor<20x64xf32>, tensor<64x48xf32>) -> tensor<20x48xf32>
  %1 = kernel.launch @product(%x, %v) : (tensor<20x64xf32>, tensor<64x48xf32>) -> tensor<20x48xf32>
  func.return %0, %1 : tensor<20x48xf32>, tensor<20x48xf32>
}
