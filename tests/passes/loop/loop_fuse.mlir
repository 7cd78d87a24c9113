// RUN: aic opt %s -p "loop-fuse{loops=i,j shift=1}" | filecheck %s
// RUN: not aic opt %s -p "loop-fuse{loops=i,j}" | filecheck %s --check-prefix=EARLY
// RUN: aic opt %s -p "loop-fuse{loops=k,l}" | filecheck %s --check-prefix=PLAIN
// RUN: not aic opt %s -p "loop-fuse{loops=j,k}" | filecheck %s --check-prefix=APART

// Round r of the second loop reads what round r + 1 of the first makes: it must be a round late.
// EARLY:       error[refused]: loop-fuse: i and j cannot be fused: a dependence forbids it
// EARLY-NEXT:    at          /b/Conv, /b/Slice
// EARLY-NEXT:    note        flow dependence through %a : memref<9xf32>, element [1]
// EARLY-NEXT:    note        first   loop.store %w, %a[%i]  (/b/Conv)  in round (i = 1)
// EARLY-NEXT:    note        then    %u = loop.load %a[%j + 1]  (/b/Slice)  in round (j = 0)
// EARLY:         do          loop-fuse{loops=i,j shift=1}

// CHECK:       scf.for %i_first = %c0 to %c1
// CHECK:         loop.store %{{.*}}, %a[%i_first]
// CHECK:       scf.for %i = %c1 to %c8
// CHECK:         loop.store %{{.*}}, %a[%i]
// CHECK:         %[[J:.*]] = arith.subi %i, %c1
// CHECK:         loop.load %a[%[[J]] + 1]
// CHECK:         loop.store %{{.*}}, %b[%[[J]]]
// CHECK:       scf.for %j_rest = %c7 to %c8
// CHECK:         loop.store %{{.*}}, %b[%j_rest]

// Loops of the same unknown bounds; what stands between is computed before.
// PLAIN:       %[[H:h]] = arith.addf %z, %z
// PLAIN-NEXT:  scf.for %k = %c0 to %n
// PLAIN-NEXT:    loop.store %z, %a[%k]
// PLAIN-NEXT:    loop.store %h, %b[%k]
// PLAIN-NEXT:  }
// PLAIN-NEXT:  kernel.return

// APART:       loop-fuse: j and k cannot be fused
// APART:       between them stands loop.store %z, %b[0]
kernel.func @k(%x: memref<9xf32>, %a: memref<9xf32>, %b: memref<9xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    %v = loop.load %x[%i] : memref<9xf32> -> f32
    %w = arith.addf %v, %v : f32
    loop.store %w, %a[%i] : f32, memref<9xf32> loc("/b/Conv")
  }
  scf.for %j = %c0 to %c8 step %c1 {
    %u = loop.load %a[%j + 1] : memref<9xf32> -> f32 loc("/b/Slice")
    loop.store %u, %b[%j] : f32, memref<9xf32>
  }
  loop.store %z, %b[0] : f32, memref<9xf32>
  scf.for %k = %c0 to %n step %c1 {
    loop.store %z, %a[%k] : f32, memref<9xf32>
  }
  %h = arith.addf %z, %z : f32
  scf.for %l = %c0 to %n step %c1 {
    loop.store %h, %b[%l] : f32, memref<9xf32>
  }
  kernel.return
}
