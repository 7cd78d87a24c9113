// RUN: aic opt %s -p "loop-tile{loops=i,j sizes=16,8}" --split-input-file --verify-diagnostics | filecheck %s

// 64 rounds are 4 tiles of 16; 30 are 4 of 8, the last one of which ends where the loop does.
// CHECK:       kernel.func @transposed
// CHECK:         scf.for %i_o = %c0 to %c64 step %c16
// CHECK-NEXT:      scf.for %j_o = %c0 to %c30 step %c8
// CHECK-NEXT:        %[[A:.*]] = arith.addi %i_o, %c16
// CHECK-NEXT:        %[[B:.*]] = arith.addi %j_o, %c8
// CHECK-NEXT:        %[[C:.*]] = arith.minsi %[[B]], %c30
// CHECK-NEXT:        scf.for %i = %i_o to %[[A]] step %c1
// CHECK-NEXT:          scf.for %j = %j_o to %[[C]] step %c1
// CHECK-NEXT:            loop.load %x[30 * %i + %j]
kernel.func @transposed(%x: memref<1920xf32>, %y: memref<1920xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c30 = arith.constant 30 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c1 {
    scf.for %j = %c0 to %c30 step %c1 {
      %v = loop.load %x[30 * %i + %j] : memref<1920xf32> -> f32
      loop.store %v, %y[64 * %j + %i] : f32, memref<1920xf32>
    }
  }
  kernel.return
}

// -----

// Round (i + 1, j - 1) needs what (i, j) wrote: it may lie in the tile before.
// CHECK:       loop-tile: i, j cannot be tiled: a dependence forbids it
// CHECK-NEXT:  flow dependence through %a : memref<4096xf32>, element [72]
// CHECK:       distance  i +1, j -1
kernel.func @skewed(%a: memref<4096xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c60 = arith.constant 60 : index
  scf.for %i = %c0 to %c60 step %c1 {
    scf.for %j = %c1 to %c60 step %c1 {
      %v = loop.load %a[64 * %i + %j] : memref<4096xf32> -> f32
      loop.store %v, %a[64 * %i + %j + 63] : f32, memref<4096xf32>
    }
  }
  kernel.return
}

// -----

// CHECK:       loop-tile: expected a size above 0 for each of a band's loops, found 3 loops (i, k, j), sizes 16, 8
kernel.func @gap(%a: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %c1 step %c1 {
    scf.for %k = %c0 to %c1 step %c1 {
      scf.for %j = %c0 to %c1 step %c1 {
      }
    }
  }
  kernel.return
}
