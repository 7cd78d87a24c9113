// RUN: aic opt %s -p "loop-parallel{loop=i threads=4}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK:       kernel.func @rows
// CHECK:         loop.parallel 4 : i64 {
// CHECK-NEXT:    ^bb0(%part: index, %parts: index):
// CHECK:           arith.divui
// CHECK:           scf.for %i = %{{.*}} to %{{.*}} step
kernel.func @rows(%y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    scf.for %j = %c1 to %c8 step %c1 {
      %v = loop.load %y[8 * %i + %j + -1] : memref<64xf32> -> f32
      loop.store %v, %y[8 * %i + %j] : f32, memref<64xf32>
    }
  }
  kernel.return
}

// -----

// All rounds write one element.
// CHECK:       loop-parallel: rounds of i cannot run at the same time: a dependence forbids it
// CHECK-NEXT:  output dependence through %y : memref<64xf32>, element [0]
// CHECK:       distance  i +1
kernel.func @one(%x: memref<64xf32>, %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %v = loop.load %x[%i] : memref<64xf32> -> f32
    loop.store %v, %y[0] : f32, memref<64xf32>
  }
  kernel.return
}

// -----

// CHECK:       loop-parallel: how many rounds i has is not known
kernel.func @upto(%y: memref<64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
  }
  kernel.return
}
