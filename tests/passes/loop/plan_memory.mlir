// RUN: aic opt %s --split-input-file -p plan-memory,check-memory | filecheck %s
// RUN: aic opt %s --split-input-file -p "plan-memory{algo=best-fit},check-memory" | filecheck %s

// Buffers that never live together share bytes; a launch's input and output do not.
// CHECK:      func.func @main(%x: memref<8xf32>, %y: memref<8xf32>, %arena: memref<128xi8>) attributes {arena_bytes = 128 : i64, lower_bound_bytes = 128 : i64} {
// CHECK-NEXT:   %[[A:.*]] = arith.constant 0 : index
// CHECK-NEXT:   %a = memref.view %arena[%[[A]]][] : memref<128xi8> to memref<8xf32>
// CHECK:        %[[B:.*]] = arith.constant 64 : index
// CHECK-NEXT:   %b = memref.view %arena[%[[B]]][] : memref<128xi8> to memref<8xf32>
// CHECK:        %[[C:.*]] = arith.constant 0 : index
// CHECK-NEXT:   %c = memref.view %arena[%[[C]]][] : memref<128xi8> to memref<8xf32>
kernel.func @copy(%x: memref<8xf32>, %y: memref<8xf32>) {
  %t = bufferization.to_tensor %x : memref<8xf32> to tensor<8xf32>
  bufferization.materialize_in_destination %t in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  kernel.return
}
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
  %a = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%x, %a) : (memref<8xf32>, memref<8xf32>) -> ()
  %b = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%a, %b) : (memref<8xf32>, memref<8xf32>) -> ()
  %c = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%b, %c) : (memref<8xf32>, memref<8xf32>) -> ()
  kernel.launch @copy(%c, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  func.return
}

// -----

// What a loop reads in each round lives through all rounds: %b may not share with %a.
// CHECK:      func.func @main({{.*}}, %arena: memref<128xi8>)
// CHECK:        %a = memref.view %arena[%{{.*}}][]
// CHECK:        scf.for
// CHECK:          kernel.launch @copy(%a, %y)
// CHECK-NEXT:     arith.constant 64 : index
// CHECK-NEXT:     %b = memref.view
kernel.func @copy(%x: memref<8xf32>, %y: memref<8xf32>) {
  %t = bufferization.to_tensor %x : memref<8xf32> to tensor<8xf32>
  bufferization.materialize_in_destination %t in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  kernel.return
}
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
  %l = arith.constant 0 : index
  %u = arith.constant 3 : index
  %s = arith.constant 1 : index
  %a = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%x, %a) : (memref<8xf32>, memref<8xf32>) -> ()
  scf.for %i = %l to %u step %s {
    kernel.launch @copy(%a, %y) : (memref<8xf32>, memref<8xf32>) -> ()
    %b = memref.alloc() : memref<8xf32>
    kernel.launch @copy(%x, %b) : (memref<8xf32>, memref<8xf32>) -> ()
    kernel.launch @copy(%b, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  }
  func.return
}
