// RUN: aic opt %s -p "sink-pads" | filecheck %s
// RUN: aic opt %s -p "sink-pads,bufferize,choose-tile-schedule,lower-kernel-to-tile" | filecheck %s --check-prefix=TILE

// A border moves into the kernel that reads it; one that is returned, too, stays.

// CHECK:      kernel.func @sum_1(%x: tensor<4x6xf32>) -> tensor<4x6xf32>
// CHECK:        tensor.pad %x low[0, 1] high[0, 1]
// CHECK:      func.func @main
// CHECK-NOT:  tensor.pad %x
// CHECK:        kernel.launch @sum_1(%x)
// CHECK:        %q = tensor.pad %y
// CHECK:        kernel.launch @sum(%q)

// TILE:       tile.kernel @sum_1(%x: !tile.view<f32, [4, 6]>, %{{.*}}: !tile.view<f32, [24]>)
// TILE:         tile.load %x[{{.*}}] other 0.000000e+00 : f32 bounds ["upper", "both"]
// TILE:         tile.store
kernel.func @sum(%x: tensor<4x8xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %w = tensor.empty() : tensor<3xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(c, t, k) -> (c, t + k)>, affine_map<(c, t, k) -> (k)>, affine_map<(c, t, k) -> (c, t)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<4x8xf32>, tensor<3xf32>) outs(%i : tensor<4x6xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %a = arith.addf %sum, %p : f32
    linalg.yield %a : f32
  } -> tensor<4x6xf32>
  kernel.return %s : tensor<4x6xf32>
}
func.func @main(%x: tensor<4x6xf32>, %y: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<4x6xf32> to tensor<4x8xf32>
  %0 = kernel.launch @sum(%p) : (tensor<4x8xf32>) -> tensor<4x6xf32>
  %q = tensor.pad %y low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<4x6xf32> to tensor<4x8xf32>
  %1 = kernel.launch @sum(%q) : (tensor<4x8xf32>) -> tensor<4x6xf32>
  func.return %0, %1, %q : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x8xf32>
}
