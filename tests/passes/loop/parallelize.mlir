// RUN: aic opt %s --split-input-file -p "parallelize{threads=2 least=4}" | filecheck %s

// Rounds that write elements of their own are shared out: round 9 * part / parts is the first.
// CHECK:       kernel.func @rows
// CHECK:         loop.parallel 2 : i64 {
// CHECK:         ^bb0(%[[P:part]]: index, %[[PS:parts]]: index):
// CHECK-DAG:       %[[C9:.*]] = arith.constant 9
// CHECK-DAG:       %[[C8:.*]] = arith.constant 8
// CHECK:           %[[A:.*]] = arith.muli %[[P]], %[[C9]]
// CHECK:           %[[B:.*]] = arith.divui %[[A]], %[[PS]]
// CHECK:           %[[C:.*]] = arith.muli %[[B]], %[[C8]]
// CHECK:           %[[LOW:.*]] = arith.addi %[[C]], %{{.*}}
// CHECK:           scf.for %{{.*}} = %[[LOW]] to %{{.*}} step
kernel.func @rows(%x: memref<72xf32>, %y: memref<72xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c72 = arith.constant 72 : index
  scf.for %i = %c0 to %c72 step %c8 {
    %v = loop.load %x[%i] : memref<72xf32> -> vector<8xf32>
    %w = arith.addf %v, %v : vector<8xf32>
    loop.store %w, %y[%i] : vector<8xf32>, memref<72xf32>
  }
  kernel.return
}

// -----

// What one round writes another one reads, or writes too: nothing is shared out.
// CHECK:       kernel.func @shifted
// CHECK-NOT:     loop.parallel
// CHECK:       kernel.func @halves
// CHECK-NOT:     loop.parallel
// CHECK:       kernel.func @carried
// CHECK-NOT:     loop.parallel
kernel.func @shifted(%y: memref<99xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c98 = arith.constant 98 : index
  scf.for %i = %c0 to %c98 step %c1 {
    %v = loop.load %y[%i] : memref<99xf32> -> f32
    loop.store %v, %y[%i + 1] : f32, memref<99xf32>
  }
  kernel.return
}
kernel.func @halves(%x: memref<99xf32>, %y: memref<99xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c88 = arith.constant 88 : index
  scf.for %i = %c0 to %c88 step %c4 {
    %v = loop.load %x[%i] : memref<99xf32> -> vector<8xf32>
    loop.store %v, %y[%i] : vector<8xf32>, memref<99xf32>
  }
  kernel.return
}
kernel.func @carried(%x: memref<99xf32>, %y: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c99 = arith.constant 99 : index
  %z = arith.constant 0.0 : f32
  %s = scf.for %i = %c0 to %c99 step %c1 iter_args(%a = %z) -> (f32) {
    %v = loop.load %x[%i] : memref<99xf32> -> f32
    %b = arith.addf %a, %v : f32
    scf.yield %b : f32
  }
  loop.store %s, %y[0] : f32, memref<1xf32>
  kernel.return
}

// -----

// Each thread gets a buffer of its own if a round reads only what it wrote; constants are made again inside.
// CHECK:       kernel.func @scratch
// CHECK-NOT:     memref.alloca
// CHECK:         loop.parallel
// CHECK:           memref.alloca
// CHECK:           scf.for
// A round that reads what an earlier one left does not.
// CHECK:       kernel.func @left
// CHECK-NOT:     loop.parallel
kernel.func @scratch(%x: memref<16xf32>, %y: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %t = memref.alloca() : memref<1xf32>
  scf.for %i = %c0 to %c16 step %c1 {
    %v = loop.load %x[%i] : memref<16xf32> -> f32
    loop.store %v, %t[0] : f32, memref<1xf32>
    %w = loop.load %t[0] : memref<1xf32> -> f32
    loop.store %w, %y[%i] : f32, memref<16xf32>
  }
  kernel.return
}
kernel.func @left(%x: memref<16xf32>, %y: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %t = memref.alloca() : memref<1xf32>
  scf.for %i = %c0 to %c16 step %c1 {
    %v = loop.load %x[%i] : memref<16xf32> -> f32
    %w = loop.load %t[0] : memref<1xf32> -> f32
    loop.store %v, %t[0] : f32, memref<1xf32>
    loop.store %w, %y[%i] : f32, memref<16xf32>
  }
  kernel.return
}

// -----

// The outer loop has one buffer for all rounds, too large for a stack: what stands inside is shared out.
// CHECK:       kernel.func @stages
// CHECK:         scf.for
// CHECK-NEXT:      loop.parallel
// CHECK:           loop.parallel
kernel.func @stages(%x: memref<4x64xf32>, %y: memref<4x64xf32>, %room: memref<256xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %t = memref.view %room[%c0][] : memref<256xi8> to memref<64xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    scf.for %j = %c0 to %c64 step %c1 {
      %v = loop.load %x[64 * %i + %j] : memref<4x64xf32> -> f32
      loop.store %v, %t[%j] : f32, memref<64xf32>
    }
    scf.for %k = %c0 to %c64 step %c1 {
      %w = loop.load %t[-1 * %k + 63] : memref<64xf32> -> f32
      loop.store %w, %y[64 * %i + %k] : f32, memref<4x64xf32>
    }
  }
  kernel.return
}

// -----

// The same, where each launch has scratch memory of its own: there is more of it, and each thread has its share.
// CHECK:       kernel.func @stages(%x: memref<4x64xf32>, %y: memref<4x64xf32>, %room: memref<512xi8>)
// CHECK:         loop.parallel
// CHECK:           %[[SHARE:.*]] = arith.constant 256 : index
// CHECK-NEXT:      %[[START:.*]] = arith.muli %part, %[[SHARE]]
// CHECK-NEXT:      %[[AT:.*]] = arith.addi %[[START]]
// CHECK-NEXT:      memref.view %room[%[[AT]]][] : memref<512xi8> to memref<64xf32>
// CHECK-NEXT:      scf.for
// CHECK-NOT:       loop.parallel
// CHECK:       memref.alloc() : memref<512xi8>
kernel.func @stages(%x: memref<4x64xf32>, %y: memref<4x64xf32>, %room: memref<256xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %t = memref.view %room[%c0][] : memref<256xi8> to memref<64xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    scf.for %j = %c0 to %c64 step %c1 {
      %v = loop.load %x[64 * %i + %j] : memref<4x64xf32> -> f32
      loop.store %v, %t[%j] : f32, memref<64xf32>
    }
    scf.for %k = %c0 to %c64 step %c1 {
      %w = loop.load %t[-1 * %k + 63] : memref<64xf32> -> f32
      loop.store %w, %y[64 * %i + %k] : f32, memref<4x64xf32>
    }
  }
  kernel.return
}
func.func @main(%x: memref<4x64xf32>, %y: memref<4x64xf32>) {
  %room = memref.alloc() : memref<256xi8>
  kernel.launch @stages(%x, %y, %room) : (memref<4x64xf32>, memref<4x64xf32>, memref<256xi8>) -> ()
  func.return
}

// -----

// An argument that lies under another one: %x is read where %y is written before.
// CHECK:       kernel.func @under
// CHECK-NOT:     loop.parallel
kernel.func @under(%x: memref<99xf32>, %y: memref<99xf32>) attributes {inplace = [array<i64: 0, 1>]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c98 = arith.constant 98 : index
  scf.for %i = %c0 to %c98 step %c1 {
    %v = loop.load %x[%i + 1] : memref<99xf32> -> f32
    loop.store %v, %y[%i] : f32, memref<99xf32>
  }
  kernel.return
}
