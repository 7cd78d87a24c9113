// RUN: aic opt %s -p "loop-strip-mine{loop=i size=8}" --split-input-file --verify-diagnostics | filecheck %s

// Steps stay; bounds may be anything.
// CHECK:       kernel.func @upto
// CHECK:         scf.for %i_o = %c1 to %n step %c16
// CHECK-NEXT:      %[[A:.*]] = arith.addi %i_o, %c16
// CHECK-NEXT:      %[[B:.*]] = arith.minsi %[[A]], %n
// CHECK-NEXT:      scf.for %i = %i_o to %[[B]] step %c2
kernel.func @upto(%y: memref<512xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %z = arith.constant 0.0 : f32
  scf.for %i = %c1 to %n step %c2 {
    loop.store %z, %y[%i] : f32, memref<512xf32>
  }
  kernel.return
}

// -----

// CHECK:       loop-strip-mine: i is not cut: a dependence forbids it
// CHECK-NEXT:  flow dependence through a value: each round of i hands %s : f32 to the next
kernel.func @carried(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %z) -> (f32) {
    %t = arith.addf %s, %s : f32
    scf.yield %t : f32
  }
  kernel.return
}

// -----

// CHECK:       loop-strip-mine: 2 loops are named 'i'
// CHECK-NEXT:  they are: L0 in @twice, L1 in @twice
kernel.func @twice(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %c1 step %c1 {
  }
  scf.for %i = %c0 to %c1 step %c1 {
  }
  kernel.return
}
