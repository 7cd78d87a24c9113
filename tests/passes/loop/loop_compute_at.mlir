// RUN: aic opt %s -p "loop-compute-at{producer=p loop=i}" | filecheck %s
// RUN: aic opt %s -p "loop-compute-at{producer=p loop=j}" | filecheck %s --check-prefix=INNER
// RUN: not aic opt %s -p "loop-compute-at{producer=i loop=p}" | filecheck %s --check-prefix=BACK
// RUN: not aic opt %s -p "loop-compute-at{producer=a loop=b}" | filecheck %s --check-prefix=ADDS
// RUN: not aic opt %s -p "loop-compute-at{producer=c loop=d}" | filecheck %s --check-prefix=SEEN
// RUN: not aic opt %s -p "loop-compute-at{producer=e loop=f}" | filecheck %s --check-prefix=WRITTEN
// RUN: not aic opt %s -p "loop-compute-at{producer=g loop=h}" | filecheck %s --check-prefix=APART

// A line of a stencil makes the three lines that it reads; the sum of each element stays whole.
// CHECK:       scf.for %i = %c0 to %c6
// CHECK-NEXT:    %[[E:.*]] = arith.addi %i, %c3
// CHECK-NEXT:    scf.for %p = %i to %[[E]] step %c1
// CHECK-NEXT:      scf.for %q = %c0 to %c8 step %c1
// CHECK-NEXT:        loop.store %z
// CHECK-NEXT:        scf.for %k = %c0 to %c4
// CHECK:         scf.for %j = %c0 to %c8

// Or each of its elements makes the three that it reads.
// INNER:       scf.for %j = %c0 to %c8
// INNER-NEXT:    %[[E:.*]] = arith.addi %i, %c3
// INNER-NEXT:    scf.for %p = %i to %[[E]] step %c1
// INNER-NEXT:      %[[F:.*]] = arith.addi %j, %c1
// INNER-NEXT:      scf.for %q = %j to %[[F]] step %c1

// BACK:        i cannot be computed at p
func.func @stencil(%x: memref<8x8x4xf32>) -> memref<6x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<8x8xf32>
  %y = memref.alloc() : memref<6x8xf32>
  scf.for %p = %c0 to %c8 step %c1 {
    scf.for %q = %c0 to %c8 step %c1 {
      loop.store %z, %t[8 * %p + %q] : f32, memref<8x8xf32>
      scf.for %k = %c0 to %c4 step %c1 {
        %v = loop.load %x[32 * %p + 4 * %q + %k] : memref<8x8x4xf32> -> f32
        %s = loop.load %t[8 * %p + %q] : memref<8x8xf32> -> f32
        %w = arith.addf %v, %s : f32
        loop.store %w, %t[8 * %p + %q] : f32, memref<8x8xf32>
      }
    }
  } loc("/b/Conv")
  scf.for %i = %c0 to %c6 step %c1 {
    scf.for %j = %c0 to %c8 step %c1 {
      %a = loop.load %t[8 * %i + %j] : memref<8x8xf32> -> f32
      %b = loop.load %t[8 * %i + %j + 16] : memref<8x8xf32> -> f32
      %u = arith.addf %a, %b : f32
      loop.store %u, %y[8 * %i + %j] : f32, memref<6x8xf32>
    }
  }
  func.return %y : memref<6x8xf32>
}

// ADDS:        a cannot be computed at b
// ADDS-NEXT:   note        it adds to what was there: once more would be once too often
// ADDS:        do          let it write a first value, too

// SEEN:        c cannot be computed at d
// SEEN:        not all of its rounds are needed there, and %o : memref<9xf32> may be read elsewhere

// WRITTEN:     e cannot be computed at f: a dependence forbids it
// WRITTEN:     anti dependence through %x : memref<9xf32>, element [1]

// APART:       g cannot be computed at h: its rounds need each other
// APART:       flow dependence through %t : memref<9xf32>

// CLIPPED:     there is no such loop
func.func @refused(%x: memref<9xf32>, %o: memref<9xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<9xf32>
  scf.for %a = %c0 to %c8 step %c1 {
    %v = loop.load %t[%a] : memref<9xf32> -> f32
    %w = arith.addf %v, %v : f32
    loop.store %w, %t[%a] : f32, memref<9xf32>
  }
  scf.for %b = %c0 to %c8 step %c1 {
    %v = loop.load %t[%b] : memref<9xf32> -> f32
    loop.store %v, %o[%b] : f32, memref<9xf32>
  }
  scf.for %c = %c0 to %c8 step %c1 {
    %v = loop.load %x[%c] : memref<9xf32> -> f32
    loop.store %v, %o[%c] : f32, memref<9xf32>
  }
  scf.for %d = %c1 to %c8 step %c1 {
    %v = loop.load %o[%d] : memref<9xf32> -> f32
    loop.store %v, %t[%d] : f32, memref<9xf32>
  }
  scf.for %e = %c0 to %c8 step %c1 {
    %v = loop.load %x[%e] : memref<9xf32> -> f32
    loop.store %v, %t[%e] : f32, memref<9xf32>
  }
  scf.for %f = %c0 to %c8 step %c1 {
    %v = loop.load %t[%f] : memref<9xf32> -> f32
    loop.store %v, %x[%f + 1] : f32, memref<9xf32>
  }
  scf.for %g = %c0 to %c8 step %c1 {
    %v = loop.load %t[%g] : memref<9xf32> -> f32
    loop.store %v, %t[%g + 1] : f32, memref<9xf32>
  }
  scf.for %h = %c0 to %c8 step %c1 {
    %v = loop.load %t[%h] : memref<9xf32> -> f32
    loop.store %v, %o[%h] : f32, memref<9xf32>
  }
  func.return
}
