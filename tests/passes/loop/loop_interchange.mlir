// RUN: aic opt %s -p "loop-interchange{loops=i,k}" --split-input-file --verify-diagnostics | filecheck %s

// The two loops, bounds and variables; that between stays. Numbers computed between loops go inwards.
// CHECK:       kernel.func @copied
// CHECK:         scf.for %k = %c0 to %c8
// CHECK-NEXT:      scf.for %j = %c0 to %c4
// CHECK-NEXT:        scf.for %i = %c0 to %c16
// CHECK-NEXT:          %o = arith.muli %i, %c8
// CHECK-NEXT:          loop.load %x[32 * %j + %o + %k]
kernel.func @copied(%x: memref<512xf32>, %y: memref<512xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    %o = arith.muli %i, %c8 : index
    scf.for %j = %c0 to %c4 step %c1 {
      scf.for %k = %c0 to %c8 step %c1 {
        %v = loop.load %x[32 * %j + %o + %k] : memref<512xf32> -> f32
        loop.store %v, %y[32 * %i + 8 * %j + %k] : f32, memref<512xf32>
      }
    }
  }
  kernel.return
}

// -----

// What round (i, k) writes round (i + 1, k - 1) reads: exchanged, it would read before.
// CHECK:       loop-interchange: i and k cannot be exchanged: a dependence forbids it
// CHECK-NEXT:  flow dependence through %a : memref<8x8xf32>, element [1, 1]
// CHECK-NEXT:  first   memref.store %v, %a[%o, %p]  (/st/Conv)  in round (i = 0, k = 2)
// CHECK-NEXT:  then    %v = memref.load %a[%i, %k]  (/in/Pad)  in round (i = 1, k = 1)
// CHECK-NEXT:  distance  i +1, k -1
kernel.func @skewed(%a: memref<8x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  scf.for %i = %c0 to %c7 step %c1 {
    scf.for %k = %c1 to %c7 step %c1 {
      %v = memref.load %a[%i, %k] : memref<8x8xf32> loc("/in/Pad")
      %o = arith.addi %i, %c1 : index
      %p = arith.subi %k, %c1 : index
      memref.store %v, %a[%o, %p] : memref<8x8xf32> loc("/st/Conv")
    }
  }
  kernel.return
}

// -----

// A triangle, a sum that is handed on, a store between the loops, an element that is looked up.
// CHECK:       loop-interchange: the rounds of k differ
// CHECK-NEXT:  a bound of k depends on %i: their order is fixed
kernel.func @triangle(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    scf.for %k = %c0 to %i step %c1 {
      %v = loop.load %a[8 * %i + %k] : memref<64xf32> -> f32
      loop.store %v, %a[8 * %i + %k] : f32, memref<64xf32>
    }
  }
  kernel.return
}

// -----

// CHECK:       loop-interchange: i and k are not perfectly nested
// CHECK-NEXT:  between them stands loop.store %z, %a[%i]
kernel.func @between(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    loop.store %z, %a[%i] : f32, memref<64xf32>
    scf.for %k = %c0 to %c8 step %c1 {
      loop.store %z, %a[8 * %i + %k] : f32, memref<64xf32>
    }
  }
  kernel.return
}

// -----

// CHECK:       loop-interchange: i and k cannot be exchanged: a dependence forbids it
// CHECK-NEXT:  flow dependence through a value: each round of i hands %s : f32 to the next
kernel.func @carried(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %z) -> (f32) {
    scf.for %k = %c0 to %c8 step %c1 {
      loop.store %z, %a[8 * %i + %k] : f32, memref<64xf32>
    }
    scf.yield %s : f32
  }
  kernel.return
}

// -----

// CHECK:       loop-interchange: whether the order may change is not known
// CHECK-NEXT:  %n, made in the nest, is no affine form of loop variables
// CHECK-NEXT:  at loop.store %v, %a[%n]
kernel.func @looked_up(%a: memref<64xf32>, %x: memref<64xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    scf.for %k = %c0 to %c8 step %c1 {
      %n = loop.load %x[8 * %i + %k] : memref<64xindex> -> index
      %v = loop.load %a[%i] : memref<64xf32> -> f32
      loop.store %v, %a[%n] : f32, memref<64xf32>
    }
  }
  kernel.return
}

// -----

// CHECK:       loop-interchange: no loop 'i'
// CHECK-NEXT:  the loops are: @k j (L0)
kernel.func @k(%a: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %j = %c0 to %c1 step %c1 {
  }
  kernel.return
}
