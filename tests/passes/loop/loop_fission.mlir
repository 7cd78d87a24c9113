// RUN: aic opt %s -p "loop-fission{loop=i}" --split-input-file --verify-diagnostics | filecheck %s

// What both need is loaded in both; what one needs alone, there alone.
// CHECK:       kernel.func @both
// CHECK:         scf.for %i = %c0 to %c9
// CHECK-NEXT:      loop.load %x[%i]
// CHECK-NEXT:      arith.addf
// CHECK-NEXT:      loop.store %{{.*}}, %y[%i]
// CHECK-NEXT:    }
// CHECK-NEXT:    scf.for %i_then = %c0 to %c9
// CHECK-NEXT:      loop.load %x[%i_then]
// CHECK-NEXT:      arith.mulf
// CHECK-NEXT:      loop.store %{{.*}}, %z[%i_then]
kernel.func @both(%x: memref<9xf32>, %y: memref<9xf32>, %z: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c0 to %c9 step %c1 {
    %v = loop.load %x[%i] : memref<9xf32> -> f32
    %w = arith.addf %v, %v : f32
    loop.store %w, %y[%i] : f32, memref<9xf32>
    %u = arith.mulf %v, %v : f32
    loop.store %u, %z[%i] : f32, memref<9xf32>
  }
  kernel.return
}

// -----

// Round i reads what round i + 1 overwrites.
// CHECK:       loop-fission: i cannot be split: a dependence forbids it
// CHECK-NEXT:  anti dependence through %y : memref<9xf32>, element [1]
// CHECK-NEXT:  first   %v = loop.load %y[%i + 1]  in round (i = 0)
// CHECK-NEXT:  then    loop.store %w, %y[%i]  in round (i = 1)
kernel.func @overwritten(%y: memref<9xf32>, %z: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %w = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    loop.store %w, %y[%i] : f32, memref<9xf32>
    %v = loop.load %y[%i + 1] : memref<9xf32> -> f32
    loop.store %v, %z[%i] : f32, memref<9xf32>
  }
  kernel.return
}

// -----

// What the second loop would load again the first one has overwritten by then.
// CHECK:       loop-fission: i cannot be split: a dependence forbids it
// CHECK-NEXT:  anti dependence through %y
kernel.func @again(%y: memref<9xf32>, %z: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %v = loop.load %y[%i] : memref<9xf32> -> f32
    %w = arith.addf %v, %v : f32
    loop.store %w, %y[%i] : f32, memref<9xf32>
    loop.store %v, %z[%i] : f32, memref<9xf32>
  }
  kernel.return
}

// -----

// CHECK:       loop-fission: expected a place between two of its writes: i has 1 ops that write, found after=1
kernel.func @one(%y: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %w = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c1 step %c1 {
    loop.store %w, %y[%i] : f32, memref<9xf32>
  }
  kernel.return
}
