// RUN: aic opt %s -p "loop-unswitch{loop=i}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK:       kernel.func @asked
// CHECK:         %c = arith.cmpi
// CHECK-NEXT:    %r = scf.if %c -> (f32) {
// CHECK-NEXT:      %{{.*}} = scf.for %i = %c0 to %c9
// CHECK-NEXT:        loop.load
// CHECK-NEXT:        arith.addf
// CHECK-NEXT:        scf.yield
// CHECK:         } else {
// CHECK-NEXT:      %{{.*}} = scf.for %{{.*}} = %c0 to %c9
// CHECK-NEXT:        loop.load
// CHECK-NEXT:        scf.yield
kernel.func @asked(%x: memref<9xf32>, %y: memref<1xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %z = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%s = %z) -> (f32) {
    %v = loop.load %x[%i] : memref<9xf32> -> f32
    %c = arith.cmpi slt, %n, %c9 : index
    %t = scf.if %c -> (f32) {
      %u = arith.addf %s, %v : f32
      scf.yield %u : f32
    } else {
      scf.yield %v : f32
    }
    scf.yield %t : f32
  }
  loop.store %r, %y[0] : f32, memref<1xf32>
  kernel.return
}

// -----

// CHECK:       loop-unswitch: the answer may differ from round to round
// CHECK-NEXT:  its condition depends on %i, which the loop changes
kernel.func @differs(%y: memref<9xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %z = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c9 step %c1 {
    %c = arith.cmpi slt, %i, %n : index
    scf.if %c {
      loop.store %z, %y[%i] : f32, memref<9xf32>
    }
  }
  kernel.return
}

// -----

// CHECK:       loop-unswitch: no scf.if stands in the body of i
kernel.func @none(%y: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %c1 step %c1 {
  }
  kernel.return
}
