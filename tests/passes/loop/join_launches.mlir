// RUN: aic opt %s --split-input-file -p join-launches | filecheck %s

// A margin joins the launch that writes the middle; what the host makes the margin's views by goes before.
// CHECK-NOT:   kernel.func @fill
// CHECK:       kernel.func @add_fill(%x: memref<4xf32>, %y: memref<4xf32>, %[[L:.*]]: memref<2xf32>) {
// CHECK:         arith.addf
// CHECK:         loop.store %{{.*}}, %[[L]][0]
// CHECK:       func.func @main
// CHECK:         %[[MID:.*]] = memref.reinterpret_cast %a to offset: [2]
// CHECK:         %[[LOW:.*]] = memref.reinterpret_cast %a to offset: [0]
// CHECK-NEXT:    kernel.launch @add_fill(%x, %[[MID]], %[[LOW]])
// CHECK:         kernel.launch @add(%a4, %y)
kernel.func @add(%x: memref<4xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<4xf32> -> f32
  %w = arith.addf %v, %v : f32
  loop.store %w, %y[0] : f32, memref<4xf32>
  kernel.return
}
kernel.func @fill(%y: memref<2xf32>) {
  %c = arith.constant 0.0 : f32
  loop.store %c, %y[0] : f32, memref<2xf32>
  kernel.return
}
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>) {
  %a = memref.alloc() : memref<6xf32>
  %m = memref.reinterpret_cast %a to offset: [2], sizes: [4], strides: [1] : memref<6xf32> to memref<4xf32>
  kernel.launch @add(%x, %m) : (memref<4xf32>, memref<4xf32>) -> ()
  %l = memref.reinterpret_cast %a to offset: [0], sizes: [2], strides: [1] : memref<6xf32> to memref<2xf32>
  kernel.launch @fill(%l) : (memref<2xf32>) -> ()
  %a4 = memref.reinterpret_cast %a to offset: [0], sizes: [4], strides: [1] : memref<6xf32> to memref<4xf32>
  kernel.launch @add(%a4, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}

// -----

// A copy of what the neighbour has just written reads it through the neighbour's own argument.
// CHECK:       kernel.func @add_copy(%{{.*}}: memref<4xf32>, %[[Y:.*]]: memref<4xf32>, %[[Z:.*]]: memref<4xf32>) {
// CHECK:         %[[V:.*]] = loop.load %[[Y]][0]
// CHECK-NEXT:    loop.store %[[V]], %[[Z]][0]
// CHECK:         kernel.launch @add_copy(%x, %y, %z)
kernel.func @add(%x: memref<4xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<4xf32> -> f32
  %w = arith.addf %v, %v : f32
  loop.store %w, %y[0] : f32, memref<4xf32>
  kernel.return
}
kernel.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<4xf32> -> f32
  loop.store %v, %y[0] : f32, memref<4xf32>
  kernel.return
}
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  kernel.launch @add(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  kernel.launch @copy(%y, %z) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}

// -----

// A copy of another part of what the neighbour writes stays, and so does one that overwrites what lies between.
// CHECK:       kernel.launch @add(%x, %y)
// CHECK-NEXT:  %[[T:.*]] = memref.reinterpret_cast %y to offset: [1]
// CHECK:       kernel.launch @copy(%[[T]], %z)
// CHECK-NEXT:  kernel.launch @add(%z, %y)
kernel.func @add(%x: memref<4xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<4xf32> -> f32
  %w = arith.addf %v, %v : f32
  loop.store %w, %y[0] : f32, memref<4xf32>
  kernel.return
}
kernel.func @copy(%x: memref<3xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<3xf32> -> f32
  loop.store %v, %y[0] : f32, memref<4xf32>
  kernel.return
}
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  kernel.launch @add(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  %t = memref.reinterpret_cast %y to offset: [1], sizes: [3], strides: [1] : memref<4xf32> to memref<3xf32>
  kernel.launch @copy(%t, %z) : (memref<3xf32>, memref<4xf32>) -> ()
  kernel.launch @add(%z, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}

// -----

// A large copy is worth a launch of its own.
// CHECK:       kernel.launch @neg
// CHECK-NEXT:  kernel.launch @copy
kernel.func @neg(%x: memref<5000xf32>, %y: memref<5000xf32>) {
  %v = loop.load %x[0] : memref<5000xf32> -> f32
  %w = arith.negf %v : f32
  loop.store %w, %y[0] : f32, memref<5000xf32>
  kernel.return
}
kernel.func @copy(%x: memref<5000xf32>, %y: memref<5000xf32>) {
  %v = loop.load %x[0] : memref<5000xf32> -> f32
  loop.store %v, %y[0] : f32, memref<5000xf32>
  kernel.return
}
func.func @main(%x: memref<5000xf32>, %y: memref<5000xf32>, %z: memref<5000xf32>) {
  kernel.launch @neg(%x, %y) : (memref<5000xf32>, memref<5000xf32>) -> ()
  kernel.launch @copy(%x, %z) : (memref<5000xf32>, memref<5000xf32>) -> ()
  func.return
}

// -----

// A pair that has grown further is not taken for the pair: the second one is made anew.
// CHECK:       kernel.launch @add_fill_fill(%x, %y, %p, %p2)
// CHECK-NEXT:  kernel.launch @add_fill(%x, %z, %q)
// CHECK-NEXT:  kernel.launch @add(%x, %y)
kernel.func @add(%x: memref<4xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<4xf32> -> f32
  %w = arith.addf %v, %v : f32
  loop.store %w, %y[0] : f32, memref<4xf32>
  kernel.return
}
kernel.func @fill(%y: memref<2xf32>) {
  %c = arith.constant 0.0 : f32
  loop.store %c, %y[0] : f32, memref<2xf32>
  kernel.return
}
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>, %p: memref<2xf32>, %q: memref<2xf32>, %p2: memref<2xf32>) {
  kernel.launch @add(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  kernel.launch @fill(%p) : (memref<2xf32>) -> ()
  kernel.launch @fill(%p2) : (memref<2xf32>) -> ()
  kernel.launch @add(%x, %z) : (memref<4xf32>, memref<4xf32>) -> ()
  kernel.launch @fill(%q) : (memref<2xf32>) -> ()
  kernel.launch @add(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}

// -----

// With no launch before it, a fill joins the one behind it, and runs first.
// CHECK:       kernel.func @copy_fill(%x: memref<4xf32>, %y: memref<4xf32>, %[[L:.*]]: memref<2xf32>) {
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    loop.store %{{.*}}, %[[L]][0]
// CHECK-NEXT:    loop.load %x[0]
// CHECK:       kernel.launch @copy_fill(%x, %y, %p)
// CHECK-NEXT:  func.return
kernel.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) {
  %v = loop.load %x[0] : memref<4xf32> -> f32
  loop.store %v, %y[0] : f32, memref<4xf32>
  kernel.return
}
kernel.func @fill(%y: memref<2xf32>) {
  %c = arith.constant 0.0 : f32
  loop.store %c, %y[0] : f32, memref<2xf32>
  kernel.return
}
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>, %p: memref<2xf32>) {
  kernel.launch @fill(%p) : (memref<2xf32>) -> ()
  kernel.launch @copy(%x, %y) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}
