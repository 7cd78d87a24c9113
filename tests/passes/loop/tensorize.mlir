// RUN: aic opt %s -p "tensorize{loops=i,j,k lanes=4}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK:       kernel.func @product
// CHECK:         %[[A:.*]] = loop.load %c[0] : memref<2x8xf32> -> vector<4xf32>
// CHECK-NEXT:    %[[B:.*]] = loop.load %c[4] : memref<2x8xf32> -> vector<4xf32>
// CHECK-NEXT:    loop.load %c[8]
// CHECK-NEXT:    loop.load %c[12]
// CHECK-NEXT:    %{{.*}} = scf.for %k = %c0 to %c9 step %c1 iter_args
// CHECK-NEXT:      %[[Y:.*]] = loop.load %b[8 * %k] : memref<9x8xf32> -> vector<4xf32>
// CHECK-NEXT:      loop.load %b[8 * %k + 4]
// CHECK-NEXT:      %[[X:.*]] = loop.load %a[%k] : memref<2x9xf32> -> f32
// CHECK-NEXT:      %[[S:.*]] = loop.splat %[[X]]
// CHECK-NEXT:      %[[P:.*]] = arith.mulf %[[S]], %[[Y]] : vector<4xf32>
// CHECK-NEXT:      arith.addf %{{.*}}, %[[P]] : vector<4xf32>
// CHECK:           loop.load %a[%k + 9]
// CHECK:         loop.store %{{.*}}, %c[12] : vector<4xf32>, memref<2x8xf32>
// CHECK-NEXT:    kernel.return
kernel.func @product(%a: memref<2x9xf32>, %b: memref<9x8xf32>, %c: memref<2x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c0 to %c2 step %c1 {
    scf.for %k = %c0 to %c9 step %c1 {
      scf.for %j = %c0 to %c8 step %c1 {
        %x = memref.load %a[%i, %k] : memref<2x9xf32>
        %y = memref.load %b[%k, %j] : memref<9x8xf32>
        %z = memref.load %c[%i, %j] : memref<2x8xf32>
        %p = arith.mulf %x, %y : f32
        %s = arith.addf %z, %p : f32
        memref.store %s, %c[%i, %j] : memref<2x8xf32>
      }
    }
  }
  kernel.return
}

// -----

// The second operand lies transposed.
// CHECK:       tensorize: i, j, k are no outer-product
// CHECK-NEXT:  its operands do not lie as lhs *0*, rhs 01*, out *10 ask
kernel.func @transposed(%a: memref<2x9xf32>, %b: memref<8x9xf32>, %c: memref<2x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c0 to %c2 step %c1 {
    scf.for %j = %c0 to %c8 step %c1 {
      scf.for %k = %c0 to %c9 step %c1 {
        %x = memref.load %a[%i, %k] : memref<2x9xf32>
        %y = memref.load %b[%j, %k] : memref<8x9xf32>
        %z = memref.load %c[%i, %j] : memref<2x8xf32>
        %p = arith.mulf %x, %y : f32
        %s = arith.addf %z, %p : f32
        memref.store %s, %c[%i, %j] : memref<2x8xf32>
      }
    }
  }
  kernel.return
}

// -----

// What is multiplied is what is summed up: sums in registers would not be seen.
// CHECK:       tensorize: i, j, k are no outer-product
kernel.func @same(%b: memref<8x8xf32>, %c: memref<8x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c2 step %c1 {
    scf.for %j = %c0 to %c8 step %c1 {
      scf.for %k = %c2 to %c8 step %c1 {
        %x = memref.load %c[%i, %k] : memref<8x8xf32>
        %y = memref.load %b[%k, %j] : memref<8x8xf32>
        %z = memref.load %c[%i, %j] : memref<8x8xf32>
        %p = arith.mulf %x, %y : f32
        %s = arith.addf %z, %p : f32
        memref.store %s, %c[%i, %j] : memref<8x8xf32>
      }
    }
  }
  kernel.return
}

// -----

// CHECK:       tensorize: expected known rows, and columns by 4, found 2 and 6
kernel.func @narrow(%a: memref<8x8xf32>, %b: memref<8x8xf32>, %c: memref<8x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  scf.for %i = %c0 to %c2 step %c1 {
    scf.for %j = %c0 to %c6 step %c1 {
      scf.for %k = %c0 to %c6 step %c1 {
        %x = memref.load %a[%i, %k] : memref<8x8xf32>
        %y = memref.load %b[%k, %j] : memref<8x8xf32>
        %z = memref.load %c[%i, %j] : memref<8x8xf32>
        %p = arith.mulf %y, %x : f32
        %s = arith.addf %p, %z : f32
        memref.store %s, %c[%i, %j] : memref<8x8xf32>
      }
    }
  }
  kernel.return
}
