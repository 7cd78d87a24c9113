// RUN: aic opt %s -p join-copies | filecheck %s

// Two parts of each of two concatenations: side by side in memory, in rows between each other's rows.

// CHECK:      kernel.func @copies(%{{.*}}: memref<12x128xf32>, %{{.*}}: memref<12x64xf32>, %{{.*}}: memref<12x128xf32, strided<[192, 1]>>, %{{.*}}: memref<12x64xf32, strided<[192, 1]>>)
// CHECK-COUNT-2: linalg.generic
// CHECK:      func.func @concat
// CHECK-COUNT-1: kernel.launch
// CHECK-NOT:  kernel.launch
// CHECK:      func.return
kernel.func @copy(%x: memref<12x128xf32>, %y: memref<12x128xf32, strided<[192, 1]>>) {
  %0 = bufferization.to_tensor %x : memref<12x128xf32> to tensor<12x128xf32>
  %e = tensor.empty() : tensor<12x128xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<12x128xf32>) outs(%e : tensor<12x128xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<12x128xf32>
  bufferization.materialize_in_destination %1 in restrict writable %y : (tensor<12x128xf32>, memref<12x128xf32, strided<[192, 1]>>) -> ()
  kernel.return
}
kernel.func @copy_1(%x: memref<12x64xf32>, %y: memref<12x64xf32, strided<[192, 1]>>) {
  %0 = bufferization.to_tensor %x : memref<12x64xf32> to tensor<12x64xf32>
  %e = tensor.empty() : tensor<12x64xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<12x64xf32>) outs(%e : tensor<12x64xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<12x64xf32>
  bufferization.materialize_in_destination %1 in restrict writable %y : (tensor<12x64xf32>, memref<12x64xf32, strided<[192, 1]>>) -> ()
  kernel.return
}
func.func @concat(%past: memref<12x128xf32>, %new: memref<12x64xf32>, %o: memref<12x192xf32>) {
  %0 = memref.reinterpret_cast %o to offset: [0], sizes: [12, 128], strides: [192, 1] : memref<12x192xf32> to memref<12x128xf32, strided<[192, 1]>>
  kernel.launch @copy(%past, %0) : (memref<12x128xf32>, memref<12x128xf32, strided<[192, 1]>>) -> ()
  %1 = memref.reinterpret_cast %o to offset: [128], sizes: [12, 64], strides: [192, 1] : memref<12x192xf32> to memref<12x64xf32, strided<[192, 1]>>
  kernel.launch @copy_1(%new, %1) : (memref<12x64xf32>, memref<12x64xf32, strided<[192, 1]>>) -> ()
  func.return
}

// What reads what another copy writes comes after it, and so does what writes to the same place.

// CHECK:      func.func @chain
// CHECK-COUNT-2: kernel.launch @copy
// CHECK:      func.return
func.func @chain(%past: memref<12x128xf32>, %o: memref<12x192xf32>) {
  %0 = memref.reinterpret_cast %o to offset: [0], sizes: [12, 128], strides: [192, 1] : memref<12x192xf32> to memref<12x128xf32, strided<[192, 1]>>
  kernel.launch @copy(%past, %0) : (memref<12x128xf32>, memref<12x128xf32, strided<[192, 1]>>) -> ()
  %1 = memref.reinterpret_cast %o to offset: [64], sizes: [12, 128], strides: [192, 1] : memref<12x192xf32> to memref<12x128xf32, strided<[192, 1]>>
  kernel.launch @copy(%past, %1) : (memref<12x128xf32>, memref<12x128xf32, strided<[192, 1]>>) -> ()
  func.return
}
