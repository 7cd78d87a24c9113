// RUN: aic opt %s -p lower-kernel-to-loop | filecheck %s
// RUN: aic opt %s -p "lower-kernel-to-loop{vector-bytes=4}" | filecheck %s --check-prefix=SCALAR
// RUN: aic opt %s -p "lower-kernel-to-loop{l1=8192 l2=8192}" | filecheck %s --check-prefix=AHEAD
// RUN: aic opt %s -p lower-kernel-to-loop | aic opt --print-op-generic | aic opt | filecheck %s

// A contraction with its epilogue: panels of 16 columns, 5 rows at a time, sums carried by the k loop, one store.

// CHECK-LABEL: kernel.func @matmul_bias_relu
// CHECK:         scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK-NEXT:      %[[B0:.*]] = loop.load %b[%[[N]]] : memref<48xf32> -> vector<8xf32>
// CHECK-NEXT:      %[[B1:.*]] = loop.load %b[%[[N]] + 8] : memref<48xf32> -> vector<8xf32>
// CHECK-NEXT:      scf.for %[[M:.*]] =
// CHECK-NEXT:        = scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(
// CHECK-NEXT:          loop.load %x[64 * %[[M]] + %[[K]]] : memref<20x64xf32> -> f32
// CHECK-NEXT:          loop.load %w[16 * %[[K]] + 64 * %[[N]]] : {{.*}} -> vector<8xf32>
// CHECK-NEXT:          loop.splat
// CHECK-NEXT:          arith.mulf
// CHECK-NEXT:          arith.addf
// CHECK:               scf.yield
// CHECK:             arith.addf %{{.*}}, %[[B0]] : vector<8xf32>
// CHECK-NEXT:        arith.maximumf
// CHECK-NEXT:        loop.store %{{.*}}, %y[48 * %[[M]] + %[[N]]] : vector<8xf32>
// CHECK-NOT:         linalg
// CHECK-NOT:         bufferization
// SCALAR-LABEL: kernel.func @matmul_bias_relu
// SCALAR-NOT:     vector<
// Weights that the second cache does not hold: while a panel of 1024 is used, the next is asked for line by line.
// AHEAD-LABEL:  kernel.func @matmul_bias_relu
// AHEAD:          iter_args(
// AHEAD-NEXT:       loop.prefetch %w[64 * %{{.*}} + 52 * %{{.*}} + 5 * %{{.*}} + 1024] : memref<64x48xf32,
kernel.func @matmul_bias_relu(%x: memref<20x64xf32>, %w: memref<64x48xf32, affine_map<(k, n) -> (n floordiv 16, k, n mod 16)>>, %b: memref<48xf32>, %y: memref<20x48xf32>) {
  %xt = bufferization.to_tensor %x : memref<20x64xf32> to tensor<20x64xf32>
  %wt = bufferization.to_tensor %w : memref<64x48xf32, affine_map<(k, n) -> (n floordiv 16, k, n mod 16)>> to tensor<64x48xf32>
  %bt = bufferization.to_tensor %b : memref<48xf32> to tensor<48xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%xt, %wt : tensor<20x64xf32>, tensor<64x48xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%c, %bt : tensor<20x48xf32>, tensor<48xf32>) outs(%e : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    %t = arith.maximumf %s, %zero : f32
    linalg.yield %t : f32
  } -> tensor<20x48xf32>
  bufferization.materialize_in_destination %r in writable %y : (tensor<20x48xf32>, memref<20x48xf32>) -> ()
  kernel.return
}

// A row kernel: three stages in one loop over rows; the exponentials wait in a buffer of one row.

// CHECK-LABEL: kernel.func @softmax
// CHECK:         %[[ROW:.*]] = memref.alloca() {{.*}} : memref<37xf32>
// CHECK:         scf.for %[[I:.*]] =
// CHECK-NOT:       scf.for
// CHECK:           loop.load %x[37 * %[[I]] + 32] : memref<6x37xf32> -> vector<4xf32>
// CHECK:           loop.load %x[37 * %[[I]] + 36] : memref<6x37xf32> -> f32
// CHECK:           loop.reduce max
// CHECK:           math.exp
// CHECK:           loop.store %{{.*}}, %[[ROW]][0]
// CHECK:           loop.reduce add
// CHECK:           arith.divf
// CHECK-NEXT:      loop.store %{{.*}}, %y[37 * %[[I]]]
kernel.func @softmax(%x: memref<6x37xf32>, %y: memref<6x37xf32>) {
  %xt = bufferization.to_tensor %x : memref<6x37xf32> to tensor<6x37xf32>
  %least = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x37xf32>
  %e1 = tensor.empty() : tensor<6xf32>
  %i = linalg.fill ins(%least : f32) outs(%e1 : tensor<6xf32>) -> tensor<6xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%xt : tensor<6x37xf32>) outs(%i : tensor<6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = arith.maximumf %o, %a : f32
    linalg.yield %v : f32
  } -> tensor<6xf32>
  %ex = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%xt, %m : tensor<6x37xf32>, tensor<6xf32>) outs(%e : tensor<6x37xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %v = arith.subf %a, %b : f32
    %t = math.exp %v : f32
    linalg.yield %t : f32
  } -> tensor<6x37xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%ex : tensor<6x37xf32>) outs(%i2 : tensor<6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = arith.addf %o, %a : f32
    linalg.yield %v : f32
  } -> tensor<6xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%ex, %s : tensor<6x37xf32>, tensor<6xf32>) outs(%e : tensor<6x37xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %v = arith.divf %a, %b : f32
    linalg.yield %v : f32
  } -> tensor<6x37xf32>
  bufferization.materialize_in_destination %d in writable %y : (tensor<6x37xf32>, memref<6x37xf32>) -> ()
  kernel.return
}

// Rows of two are less than a vector, and have functions worth one: eight rows at a time, though they lie apart.

// CHECK-LABEL: kernel.func @softmax_of_two
// CHECK:         %[[ROW:.*]] = memref.alloca() {{.*}} : memref<16xf32>
// CHECK:         scf.for %[[I:.*]] =
// CHECK:           loop.load %x[2 * %[[I]] + 1] stride 2 : memref<24x2xf32> -> vector<8xf32>
// CHECK:           math.exp %{{.*}} : vector<8xf32>
// CHECK:           loop.store %{{.*}}, %[[ROW]][
// CHECK:           arith.divf
// CHECK-NEXT:      loop.store %{{.*}}, %y[2 * %[[I]]{{.*}}] stride 2
kernel.func @softmax_of_two(%x: memref<24x2xf32>, %y: memref<24x2xf32>) {
  %xt = bufferization.to_tensor %x : memref<24x2xf32> to tensor<24x2xf32>
  %least = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x2xf32>
  %e1 = tensor.empty() : tensor<24xf32>
  %i = linalg.fill ins(%least : f32) outs(%e1 : tensor<24xf32>) -> tensor<24xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%xt : tensor<24x2xf32>) outs(%i : tensor<24xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = arith.maximumf %o, %a : f32
    linalg.yield %v : f32
  } -> tensor<24xf32>
  %ex = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%xt, %m : tensor<24x2xf32>, tensor<24xf32>) outs(%e : tensor<24x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %v = arith.subf %a, %b : f32
    %t = math.exp %v : f32
    linalg.yield %t : f32
  } -> tensor<24x2xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<24xf32>) -> tensor<24xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%ex : tensor<24x2xf32>) outs(%i2 : tensor<24xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = arith.addf %o, %a : f32
    linalg.yield %v : f32
  } -> tensor<24xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%ex, %s : tensor<24x2xf32>, tensor<24xf32>) outs(%e : tensor<24x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %v = arith.divf %a, %b : f32
    linalg.yield %v : f32
  } -> tensor<24x2xf32>
  bufferization.materialize_in_destination %d in writable %y : (tensor<24x2xf32>, memref<24x2xf32>) -> ()
  kernel.return
}

// Loops already: stays as it is.

// CHECK-LABEL: kernel.func @imperative
// CHECK:         memref.store
kernel.func @imperative(%x: memref<4xf32>, %y: memref<4xf32>) {
  %a = arith.constant 0 : index
  %b = arith.constant 4 : index
  %c = arith.constant 1 : index
  scf.for %i = %a to %b step %c {
    %v = memref.load %x[%i] : memref<4xf32>
    memref.store %v, %y[%i] : memref<4xf32>
  }
  kernel.return
}
