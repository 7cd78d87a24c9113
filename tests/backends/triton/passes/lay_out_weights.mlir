// RUN: aic opt %s -p "lay-out-weights" --weights random:0 | filecheck %s

// The columns of a contraction's weight lie side by side, unless they are no whole number of 16 bytes; a weight that is
// looked up, or an activation, stays.

// CHECK:      kernel.func @dense(%x: tensor<20x64xf32>, %w: tensor<48x64xf32, strided<[1, 48]>>)
// CHECK:      kernel.func @odd(%x: tensor<20x64xf32>, %w: tensor<64x49xf32, strided<[1, 64]>>)
// CHECK:      %[[PLAIN:.*]] = graph.weight @w0 : tensor<48x64xf32>
// CHECK:      %[[COLUMNS:.*]] = graph.weight @w0 : tensor<48x64xf32, strided<[1, 48]>>
// CHECK:      kernel.launch @dense(%x, %[[COLUMNS]])
// CHECK:      kernel.launch @product(%x, %v)
// CHECK:      kernel.launch @look_up(%i, %[[PLAIN]])
// CHECK:      kernel.launch @odd
kernel.func @dense(%x: tensor<20x64xf32>, %w: tensor<48x64xf32>) -> tensor<20x48xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<20x64xf32>, tensor<48x64xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  kernel.return %c : tensor<20x48xf32>
}
kernel.func @odd(%x: tensor<20x64xf32>, %w: tensor<64x49xf32>) -> tensor<20x49xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x49xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x49xf32>) -> tensor<20x49xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<20x64xf32>, tensor<64x49xf32>) outs(%i : tensor<20x49xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x49xf32>
  kernel.return %c : tensor<20x49xf32>
}
kernel.func @look_up(%i: tensor<5xi64>, %t: tensor<48x64xf32>) -> tensor<5x64xf32> {
  %e = tensor.empty() : tensor<5x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<5xi64>) outs(%e : tensor<5x64xf32>) {
  ^bb0(%p: i64, %o: f32):
    %at = arith.index_cast %p : i64 to index
    %c = linalg.index 1 : index
    %v = tensor.extract %t[%at, %c] : tensor<48x64xf32>
    linalg.yield %v : f32
  } -> tensor<5x64xf32>
  kernel.return %y : tensor<5x64xf32>
}
kernel.func @product(%x: tensor<20x64xf32>, %v: tensor<48x64xf32>) -> tensor<20x48xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<20x64xf32>, tensor<48x64xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  kernel.return %c : tensor<20x48xf32>
}
func.func @main(%x: tensor<20x64xf32>, %v: tensor<48x64xf32>, %i: tensor<5xi64>) -> (tensor<20x48xf32>, tensor<20x48xf32>, tensor<5x64xf32>, tensor<20x49xf32>) {
  %w = graph.weight @w0 : tensor<48x64xf32>
  %0 = kernel.launch @dense(%x, %w) : (tensor<20x64xf32>, tensor<48x64xf32>) -> tensor<20x48xf32>
  %1 = kernel.launch @product(%x, %v) : (tensor<20x64xf32>, tensor<48x64xf32>) -> tensor<20x48xf32>
  %2 = kernel.launch @look_up(%i, %w) : (tensor<5xi64>, tensor<48x64xf32>) -> tensor<5x64xf32>
  %u = graph.weight @w1 : tensor<64x49xf32>
  %3 = kernel.launch @odd(%x, %u) : (tensor<20x64xf32>, tensor<64x49xf32>) -> tensor<20x49xf32>
  func.return %0, %1, %2, %3 : tensor<20x48xf32>, tensor<20x48xf32>, tensor<5x64xf32>, tensor<20x49xf32>
}
