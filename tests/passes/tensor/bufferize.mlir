// RUN: aic opt %s --split-input-file -p bufferize | filecheck %s

// A concatenation that is returned: the kernel writes its part of the output, an argument is copied into its own.
// CHECK:      kernel.func @twice(%x: memref<2x8xf32>, %{{.*}}: memref<2x8xf32, strided<[12, 1]>>) {
// CHECK-NEXT:   bufferization.to_tensor %x
// CHECK:        bufferization.materialize_in_destination %{{.*}} in restrict writable
// CHECK-NEXT:   kernel.return
// CHECK:      func.func @main(%x: memref<2x8xf32>, %y: memref<2x4xf32>, %[[O:.*]]: memref<2x12xf32>) {
// CHECK-NEXT:   %[[A:.*]] = memref.reinterpret_cast %[[O]] to offset: [0], sizes: [2, 8], strides: [12, 1]
// CHECK-NEXT:   kernel.launch @twice(%x, %[[A]])
// CHECK-NEXT:   %[[B:.*]] = memref.reinterpret_cast %[[O]] to offset: [8], sizes: [2, 4], strides: [12, 1]
// CHECK-NEXT:   kernel.launch @copy(%y, %[[B]])
// CHECK-NEXT:   func.return
kernel.func @twice(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %e = tensor.empty() : tensor<2x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x8xf32>) outs(%e : tensor<2x8xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.addf %p, %p : f32
    linalg.yield %m : f32
  } -> tensor<2x8xf32>
  kernel.return %y : tensor<2x8xf32>
}
func.func @main(%x: tensor<2x8xf32>, %y: tensor<2x4xf32>) -> tensor<2x12xf32> {
  %0 = kernel.launch @twice(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = tensor.concat dim(1) %0, %y : (tensor<2x8xf32>, tensor<2x4xf32>) -> tensor<2x12xf32>
  func.return %1 : tensor<2x12xf32>
}

// -----

// The middle of a padded tensor is written by its producer; a pointwise kernel writes over a dying input, one that is
// read again is spared.
// CHECK:      kernel.func @more(%x: memref<6xf32>, %{{.*}}: memref<6xf32>) {
// CHECK:      kernel.func @more_1(%x: memref<6xf32>, %{{.*}}: memref<6xf32>) attributes {inplace = [array<i64: 0, 1>]} {
// CHECK:      func.func @main(%x: memref<6xf32>, %[[O:.*]]: memref<6xf32>, %[[P:.*]]: memref<8xf32>) {
// CHECK-NEXT:   %[[A:.*]] = memref.alloc() {alignment = 64 : i64} : memref<6xf32>
// CHECK-NEXT:   kernel.launch @more(%x, %[[A]])
// CHECK-NEXT:   kernel.launch @more_1(%[[A]], %[[A]])
// CHECK-NEXT:   kernel.launch @more(%[[A]], %[[O]])
// CHECK-NEXT:   %[[M:.*]] = memref.reinterpret_cast %[[P]] to offset: [1], sizes: [6], strides: [1]
// CHECK-NEXT:   kernel.launch @more(%[[A]], %[[M]])
// CHECK-NEXT:   %[[L:.*]] = memref.reinterpret_cast %[[P]] to offset: [0], sizes: [1]
// CHECK-NEXT:   %[[H:.*]] = memref.reinterpret_cast %[[P]] to offset: [7], sizes: [1]
// CHECK-NEXT:   kernel.launch @fill(%[[L]], %[[H]])
// CHECK-NEXT:   func.return
kernel.func @more(%x: tensor<6xf32>) -> tensor<6xf32> {
  %e = tensor.empty() : tensor<6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]} ins(%x : tensor<6xf32>) outs(%e : tensor<6xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.addf %p, %p : f32
    linalg.yield %m : f32
  } -> tensor<6xf32>
  kernel.return %y : tensor<6xf32>
}
func.func @main(%x: tensor<6xf32>) -> (tensor<6xf32>, tensor<8xf32>) {
  %0 = kernel.launch @more(%x) : (tensor<6xf32>) -> tensor<6xf32>
  %1 = kernel.launch @more(%0) : (tensor<6xf32>) -> tensor<6xf32>
  %2 = kernel.launch @more(%1) : (tensor<6xf32>) -> tensor<6xf32>
  %3 = kernel.launch @more(%1) : (tensor<6xf32>) -> tensor<6xf32>
  %4 = tensor.pad %3 low[1] high[1] {
  ^bb0(%i: index):
    %c = arith.constant 0.0 : f32
    tensor.yield %c : f32
  } : tensor<6xf32> to tensor<8xf32>
  func.return %2, %4 : tensor<6xf32>, tensor<8xf32>
}

// -----

// A loop carries a tensor in one buffer, here the output; its rows are made where they are gathered.
// CHECK:      func.func @main(%x: memref<6xf32>, %[[H:.*]]: memref<6xf32>, %[[R:.*]]: memref<3x6xf32>) {
// CHECK:        kernel.launch @copy(%x, %[[H]])
// CHECK-NEXT:   scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK-NEXT:     kernel.launch @more(%[[H]], %[[H]])
// CHECK-NEXT:     %[[W:.*]] = arith.constant 6 : index
// CHECK-NEXT:     %[[S:.*]] = arith.muli %[[I]], %[[W]] : index
// CHECK-NEXT:     %[[T:.*]] = memref.reinterpret_cast %[[R]] to offset: [%[[S]]], sizes: [6], strides: [1]
// CHECK-NEXT:     kernel.launch @more_1(%[[H]], %[[T]])
// CHECK-NEXT:   }
// CHECK-NEXT:   func.return
kernel.func @more(%x: tensor<6xf32>) -> tensor<6xf32> {
  %e = tensor.empty() : tensor<6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]} ins(%x : tensor<6xf32>) outs(%e : tensor<6xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.addf %p, %p : f32
    linalg.yield %m : f32
  } -> tensor<6xf32>
  kernel.return %y : tensor<6xf32>
}
func.func @main(%x: tensor<6xf32>) -> (tensor<6xf32>, tensor<3x6xf32>) {
  %l = arith.constant 0 : index
  %u = arith.constant 3 : index
  %s = arith.constant 1 : index
  %e = tensor.empty() : tensor<3x6xf32>
  %a, %b = scf.for %i = %l to %u step %s iter_args(%c = %x, %r = %e) -> (tensor<6xf32>, tensor<3x6xf32>) {
    %0 = kernel.launch @more(%c) : (tensor<6xf32>) -> tensor<6xf32>
    %1 = kernel.launch @more(%0) : (tensor<6xf32>) -> tensor<6xf32>
    %2 = tensor.insert_slice %1 into %r[%i, 0] [1, 6] [1, 1] : tensor<6xf32> into tensor<3x6xf32>
    scf.yield %0, %2 : tensor<6xf32>, tensor<3x6xf32>
  }
  func.return %a, %b : tensor<6xf32>, tensor<3x6xf32>
}

// -----

// A kernel of loops updates the copy of its argument; what it extracts it loads.
// CHECK:      kernel.func @put(%i: memref<2xindex>, %[[X:.*]]: memref<9xf32>) attributes {updates = array<i64: 1>} {
// CHECK:        scf.for
// CHECK-NEXT:     memref.load %i
// CHECK-NEXT:     memref.store %{{.*}}, %[[X]]
// CHECK:      func.func @main(%x: memref<9xf32>, %i: memref<2xindex>, %[[O:.*]]: memref<9xf32>) {
// CHECK-NEXT:   kernel.launch @copy(%x, %[[O]])
// CHECK-NEXT:   kernel.launch @put(%i, %[[O]])
kernel.func @put(%x: tensor<9xf32>, %i: tensor<2xindex>) -> tensor<9xf32> {
  %l = arith.constant 0 : index
  %u = arith.constant 2 : index
  %s = arith.constant 1 : index
  %v = arith.constant 5.0 : f32
  %r = scf.for %n = %l to %u step %s iter_args(%c = %x) -> (tensor<9xf32>) {
    %p = tensor.extract %i[%n] : tensor<2xindex>
    %d = tensor.insert %v into %c[%p] : tensor<9xf32>
    scf.yield %d : tensor<9xf32>
  }
  kernel.return %r : tensor<9xf32>
}
func.func @main(%x: tensor<9xf32>, %i: tensor<2xindex>) -> tensor<9xf32> {
  %0 = kernel.launch @put(%x, %i) : (tensor<9xf32>, tensor<2xindex>) -> tensor<9xf32>
  func.return %0 : tensor<9xf32>
}

// -----

// What is inserted is made before the tensor that it goes into: it cannot lie there yet, so it is copied.
// CHECK:      func.func @main(%x: memref<6xf32>, %[[O:.*]]: memref<3x6xf32>) {
// CHECK-NEXT:   %[[A:.*]] = memref.alloc() {alignment = 64 : i64} : memref<6xf32>
// CHECK-NEXT:   kernel.launch @one(%x, %[[A]])
// CHECK-NEXT:   kernel.launch @all(%[[A]], %[[O]])
// CHECK-NEXT:   %[[R:.*]] = memref.reinterpret_cast %[[O]]
// CHECK-NEXT:   kernel.launch @copy(%[[A]], %[[R]])
kernel.func @one(%x: tensor<6xf32>) -> tensor<6xf32> {
  %e = tensor.empty() : tensor<6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a) -> (a)>, affine_map<(a) -> (a)>], iterator_types = ["parallel"]} ins(%x : tensor<6xf32>) outs(%e : tensor<6xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.addf %p, %p : f32
    linalg.yield %m : f32
  } -> tensor<6xf32>
  kernel.return %y : tensor<6xf32>
}
kernel.func @all(%x: tensor<6xf32>) -> tensor<3x6xf32> {
  %e = tensor.empty() : tensor<3x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<6xf32>) outs(%e : tensor<3x6xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %p, %p : f32
    linalg.yield %m : f32
  } -> tensor<3x6xf32>
  kernel.return %y : tensor<3x6xf32>
}
func.func @main(%x: tensor<6xf32>) -> tensor<3x6xf32> {
  %a = kernel.launch @one(%x) : (tensor<6xf32>) -> tensor<6xf32>
  %b = kernel.launch @all(%a) : (tensor<6xf32>) -> tensor<3x6xf32>
  %c = tensor.insert_slice %a into %b[1, 0] [1, 6] [1, 1] : tensor<6xf32> into tensor<3x6xf32>
  func.return %c : tensor<3x6xf32>
}
