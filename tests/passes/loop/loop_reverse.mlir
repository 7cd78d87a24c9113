// RUN: aic opt %s -p "loop-reverse{loop=i}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK:       kernel.func @doubled
// CHECK:         scf.for %i = %c1 to %c9 step %c2
// CHECK-NEXT:      %[[I:.*]] = arith.subi %c8, %i
// CHECK-NEXT:      loop.load %x[%[[I]]]
kernel.func @doubled(%x: memref<9xf32>, %y: memref<9xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c1 to %c9 step %c2 {
    %v = loop.load %x[%i] : memref<9xf32> -> f32
    %w = arith.addf %v, %v : f32
    loop.store %w, %y[%i] : f32, memref<9xf32>
  }
  kernel.return
}

// -----

// CHECK:       loop-reverse: i cannot run backwards: a dependence forbids it
// CHECK-NEXT:  anti dependence through %a : memref<9xf32>, element [1]
// CHECK-NEXT:  first   %v = loop.load %a[%i + 1]  in round (i = 0)
// CHECK-NEXT:  then    loop.store %v, %a[%i]  in round (i = 1)
// CHECK-NEXT:  distance  i +1
kernel.func @moved(%a: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %v = loop.load %a[%i + 1] : memref<9xf32> -> f32
    loop.store %v, %a[%i] : f32, memref<9xf32>
  }
  kernel.return
}
