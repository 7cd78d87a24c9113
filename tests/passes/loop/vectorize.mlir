// RUN: aic opt %s -p "vectorize{loop=i lanes=4}" --split-input-file --verify-diagnostics | filecheck %s
// RUN: aic opt %s -p "vectorize{loop=i lanes=4 reassociate=true}" --split-input-file --verify-diagnostics \
// RUN: | filecheck %s --check-prefix=ROUNDED

// Neighbours are loaded as vectors, what is far apart with a stride, what is the same for all lanes once; 2 are left over.
// CHECK:       kernel.func @mixed
// CHECK:         scf.for %i = %c0 to %c8 step %c4
// CHECK-NEXT:      %v = loop.load %x[%i + 1] : memref<40xf32> -> vector<4xf32>
// CHECK-NEXT:      %w = loop.load %x[-3 * %i + 30] stride -3 : memref<40xf32> -> vector<4xf32>
// CHECK-NEXT:      %u = loop.load %x[2] : memref<40xf32> -> f32
// CHECK-NEXT:      %a = arith.addf %v, %w : vector<4xf32>
// CHECK-NEXT:      %[[U:.*]] = loop.splat %u : f32 -> vector<4xf32>
// CHECK-NEXT:      %b = arith.mulf %a, %[[U]] : vector<4xf32>
// CHECK-NEXT:      loop.store %b, %y[%i] : vector<4xf32>, memref<10xf32>
// CHECK:         scf.for %i_rest = %c8 to %c10 step %c1
// CHECK:           loop.store %{{.*}}, %y[%i_rest] : f32, memref<10xf32>
kernel.func @mixed(%x: memref<40xf32>, %y: memref<10xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c10 = arith.constant 10 : index
  scf.for %i = %c0 to %c10 step %c1 {
    %v = loop.load %x[%i + 1] : memref<40xf32> -> f32
    %w = loop.load %x[-3 * %i + 30] : memref<40xf32> -> f32
    %u = memref.load %x[%c2] : memref<40xf32>
    %a = arith.addf %v, %w : f32
    %b = arith.mulf %a, %u : f32
    loop.store %b, %y[%i] : f32, memref<10xf32>
  }
  kernel.return
}

// -----

// What round i writes round i + 4 reads: four at once are right. Round i + 3, and they are not.
// CHECK:       kernel.func @far
// CHECK:         vector<4xf32>
kernel.func @far(%y: memref<40xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %v = loop.load %y[%i] : memref<40xf32> -> f32
    loop.store %v, %y[%i + 4] : f32, memref<40xf32>
  }
  kernel.return
}

// -----

// CHECK:       vectorize: 4 rounds of i cannot run at once: a dependence forbids it
// CHECK-NEXT:  flow dependence through %y : memref<40xf32>, element [3]
// CHECK-NEXT:  first   loop.store %v, %y[%i + 3]  in round (i = 0)
// CHECK-NEXT:  then    %v = loop.load %y[%i]  in round (i = 3)
// CHECK-NEXT:  distance  i +3
kernel.func @near(%y: memref<40xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %v = loop.load %y[%i] : memref<40xf32> -> f32
    loop.store %v, %y[%i + 3] : f32, memref<40xf32>
  }
  kernel.return
}

// -----

// A greatest value is the same in any order; a sum of floats is not.
// CHECK:       kernel.func @greatest
// CHECK:         %[[S:.*]] = loop.splat %z : f32 -> vector<4xf32>
// CHECK:         %[[V:.*]] = scf.for %i = %c0 to %c8 step %c4 iter_args(%{{.*}} = %[[S]]) -> (vector<4xf32>)
// CHECK:         %[[M:.*]] = loop.reduce max %[[V]] : vector<4xf32> -> f32
// CHECK-NEXT:    loop.store %[[M]], %y[0]
kernel.func @greatest(%x: memref<8xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %z) -> (f32) {
    %v = loop.load %x[%i] : memref<8xf32> -> f32
    %t = arith.maximumf %s, %v : f32
    scf.yield %t : f32
  }
  loop.store %r, %y[0] : f32, memref<1xf32>
  kernel.return
}

// -----

// CHECK:       vectorize: rounds of i cannot run at once: a dependence forbids it
// CHECK-NEXT:  flow dependence through a value: each round of i hands %s : f32 to the next

// ROUNDED:     arith.constant -0.000000e+00 : f32
// ROUNDED:     scf.for %i = %c0 to %c8 step %c4 iter_args(%[[P:.*]] = %{{.*}}) -> (vector<4xf32>)
// ROUNDED:     arith.addf %[[P]]
// ROUNDED:     %[[R:.*]] = loop.reduce add
// ROUNDED:     arith.addf %z, %[[R]]
kernel.func @sum(%x: memref<8xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %z = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %z) -> (f32) {
    %v = loop.load %x[%i] : memref<8xf32> -> f32
    %t = arith.addf %s, %v : f32
    scf.yield %t : f32
  }
  loop.store %r, %y[0] : f32, memref<1xf32>
  kernel.return
}

// -----

// CHECK:       kernel.func @named
kernel.func @named(%y: memref<40xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %n = arith.index_cast %i : index to i32
    loop.store %n, %y[2 * %i] : i32, memref<40xi32>
  }
  kernel.return
}

// -----

// CHECK:       vectorize: i is not an innermost loop
kernel.func @outer(%y: memref<40xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    scf.for %j = %c0 to %c8 step %c1 {
    }
  }
  kernel.return
}
