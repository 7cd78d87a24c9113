// RUN: aic opt %s -p "loop-unroll{loop=i factor=4}" --split-input-file | filecheck %s
// RUN: aic opt %s -p "loop-unroll{loop=i}" --split-input-file | filecheck %s --check-prefix=SIZE
// RUN: not aic opt %s -p "loop-unroll{loop=i factor=-1}" --split-input-file | filecheck %s --check-prefix=ODD

// ODD: loop-unroll: expected a factor above 0, or 0 for one by size, found -1

// Four rounds in one, each with the sum of the one before; two are left over. By size: ten rounds of 2 ops, all of them.
// CHECK:       kernel.func @sum
// CHECK:         %[[S:.*]] = scf.for %i = %c0 to %c8 step %c4 iter_args(%s = %z)
// CHECK-COUNT-4:   arith.addf
// CHECK-NOT:       arith.addf
// CHECK:           scf.yield
// CHECK:         %r = scf.for %i_rest = %c8 to %c10 step %c1 iter_args(%{{.*}} = %[[S]])
// CHECK:         loop.store %r
// SIZE:        kernel.func @sum
// SIZE-NOT:      scf.for
// SIZE-COUNT-10: arith.addf
kernel.func @sum(%x: memref<10xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c10 = arith.constant 10 : index
  %z = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c10 step %c1 iter_args(%s = %z) -> (f32) {
    %v = loop.load %x[%i] : memref<10xf32> -> f32
    %t = arith.addf %s, %v : f32
    scf.yield %t : f32
  }
  loop.store %r, %y[0] : f32, memref<1xf32>
  kernel.return
}

// -----

// A number of rounds that is not known: so many times four, then the others.
// CHECK:       kernel.func @upto
// CHECK:         %[[Q:.*]] = arith.divsi %n, %c4
// CHECK-NEXT:    %[[M:.*]] = arith.muli %[[Q]], %c4
// CHECK:         scf.for %i = %c0 to %[[M]] step %c4
// CHECK-COUNT-4:   loop.store
// CHECK:         scf.for %i_rest = %[[M]] to %n step %c1
// CHECK-COUNT-1:   loop.store
// SIZE:        kernel.func @upto
// SIZE:          scf.for %i = %c0 to %{{.*}} step %c8
kernel.func @upto(%y: memref<512xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  scf.for %i = %c0 to %n step %c1 {
    loop.store %z, %y[%i] : f32, memref<512xf32>
  }
  kernel.return
}
