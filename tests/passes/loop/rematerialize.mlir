// RUN: aic opt %s -p "rematerialize{budget=128},plan-memory,check-memory" | filecheck %s
// RUN: aic opt %s -p "rematerialize{budget=192},plan-memory" | filecheck %s --check-prefix=FITS
// RUN: aic opt %s -p "rematerialize,plan-memory" | filecheck %s --check-prefix=FITS
// RUN: aic opt %s -p "rematerialize{budget=64}" --verify-diagnostics | filecheck %s --check-prefix=REFUSED

// %a waits while %b becomes %c: it is computed again from %x, which is always there.
// CHECK:      func.func @main({{.*}}, %arena: memref<128xi8>) attributes {arena_bytes = 128 : i64
// CHECK:        kernel.launch @copy(%x, %a)
// CHECK:        kernel.launch @copy(%a, %b)
// CHECK:        kernel.launch @copy(%b, %c)
// CHECK:        kernel.launch @copy(%c, %y)
// CHECK:        %a_1 = memref.view
// CHECK:        kernel.launch @copy(%x, %a_1)
// CHECK-NEXT:   kernel.launch @copy(%a_1, %z)
// FITS:       arena_bytes = 192 : i64
// FITS-COUNT-5: kernel.launch
// FITS-NOT:   kernel.launch
// REFUSED: rematerialize: expected an arena of at most 64 bytes, found no way below 128
kernel.func @copy(%x: memref<8xf32>, %y: memref<8xf32>) {
  %t = bufferization.to_tensor %x : memref<8xf32> to tensor<8xf32>
  bufferization.materialize_in_destination %t in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  kernel.return
}
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>, %z: memref<8xf32>) {
  %a = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%x, %a) : (memref<8xf32>, memref<8xf32>) -> ()
  %b = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%a, %b) : (memref<8xf32>, memref<8xf32>) -> ()
  %c = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%b, %c) : (memref<8xf32>, memref<8xf32>) -> ()
  kernel.launch @copy(%c, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  kernel.launch @copy(%a, %z) : (memref<8xf32>, memref<8xf32>) -> ()
  func.return
}
