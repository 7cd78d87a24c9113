// RUN: aic opt %s -p "choose-tile-schedule,lower-kernel-to-tile" | filecheck %s
// RUN: aic opt %s -p "choose-tile-schedule,lower-kernel-to-tile{precision=f16}" | filecheck %s --check-prefix=HALF
// RUN: not aic opt %s -p "lower-kernel-to-tile" | filecheck %s --check-prefix=NONE

// Axes that are walked as one are one dimension of the view; the bias keeps its own.

// NONE: kernel @relu (loc(unknown)): it has no schedule

// CHECK:      tile.kernel @relu(%x: !tile.view<f32, [602112]>, %b: !tile.view<f32, [64]>, %y: !tile.view<f32, [602112]>)
// CHECK:        %[[PID:.*]] = tile.pid 0
// CHECK:        tile.load %x[%rx] bounds ["none"]
// CHECK:        tile.load %b[%{{.*}}] bounds ["none"]
// CHECK:        tile.store
kernel.func @relu(%x: memref<3x64x56x56xf32, strided<[200704, 1, 3584, 64]>>, %b: memref<64xf32>, %y: memref<3x64x56x56xf32, strided<[200704, 1, 3584, 64]>>) {
  %0 = bufferization.to_tensor %x : memref<3x64x56x56xf32, strided<[200704, 1, 3584, 64]>> to tensor<3x64x56x56xf32>
  %1 = bufferization.to_tensor %b : memref<64xf32> to tensor<64xf32>
  %e = tensor.empty() : tensor<3x64x56x56xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (n, c, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%0, %1 : tensor<3x64x56x56xf32>, tensor<64xf32>) outs(%e : tensor<3x64x56x56xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %s = arith.addf %p, %q : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<3x64x56x56xf32>
  bufferization.materialize_in_destination %2 in restrict writable %y : (tensor<3x64x56x56xf32>, memref<3x64x56x56xf32, strided<[200704, 1, 3584, 64]>>) -> ()
  kernel.return
}

// A convolution's left-hand side is read at sums of digits of pixels and of filter places; the sum's end is masked by
// the bounds of both.

// CHECK:      tile.kernel @conv(%x: !tile.view<f32, [2, 9, 9, 24]>, %w: !tile.view<f32, [216, 40]>, %y: !tile.view<f32, [98, 40]>)
// CHECK:        scf.for
// CHECK:        tile.dot {{.*}} precision "ieee"
// CHECK:        tile.store
// HALF:         tile.cast {{.*}} : tensor<{{.*}}xf32> -> tensor<{{.*}}xf16>
// HALF:         tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<{{.*}}xf16>
kernel.func @conv(%x: memref<2x24x9x9xf32, strided<[1944, 1, 216, 24]>>, %w: memref<40x24x3x3xf32, strided<[1, 40, 2880, 960]>>, %y: memref<2x40x7x7xf32, strided<[1960, 1, 280, 40]>>) {
  %0 = bufferization.to_tensor %x : memref<2x24x9x9xf32, strided<[1944, 1, 216, 24]>> to tensor<2x24x9x9xf32>
  %1 = bufferization.to_tensor %w : memref<40x24x3x3xf32, strided<[1, 40, 2880, 960]>> to tensor<40x24x3x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x40x7x7xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x40x7x7xf32>) -> tensor<2x40x7x7xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(n, o, h, w, c, kh, kw) -> (n, c, h + kh, w + kw)>, affine_map<(n, o, h, w, c, kh, kw) -> (o, c, kh, kw)>, affine_map<(n, o, h, w, c, kh, kw) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%0, %1 : tensor<2x24x9x9xf32>, tensor<40x24x3x3xf32>) outs(%i : tensor<2x40x7x7xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x40x7x7xf32>
  bufferization.materialize_in_destination %2 in restrict writable %y : (tensor<2x40x7x7xf32>, memref<2x40x7x7xf32, strided<[1960, 1, 280, 40]>>) -> ()
  kernel.return
}
