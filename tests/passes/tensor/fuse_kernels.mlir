// RUN: aic opt %s --split-input-file --print-debuginfo -p fuse-kernels | filecheck %s
// RUN: aic opt %s --split-input-file -p fuse-kernels{strategy=multi-output} | filecheck %s --check-prefix=MULTI
// RUN: aic opt %s --split-input-file -p fuse-kernels{strategy=post-dominators} | filecheck %s --check-prefix=POST

// A product takes its epilogue, not what comes before it; equal kernels are one function.
// CHECK-LABEL: kernel.func @k0(%x: tensor<4x4xf32> {{.*}}) -> tensor<4x4xf32>
// CHECK:       math.absf
// CHECK-LABEL: kernel.func @k1(%a: {{.*}}, %w: {{.*}}, %b: tensor<4xf32> {{.*}}) -> tensor<4x4xf32>
// CHECK:         %[[ZERO:.*]] = linalg.fill
// CHECK:         %[[P:.*]] = linalg.generic {{.*}} outs(%[[ZERO]] :
// CHECK:         arith.mulf
// CHECK:         %[[S:.*]] = linalg.generic {{.*}} ins(%[[P]], %{{.*}} :
// CHECK:         kernel.return %[[S]]
// CHECK-NOT:   kernel.func
// CHECK-LABEL: func.func @main
// CHECK-NEXT:    %[[A:.*]] = kernel.launch @k0(%{{.*}}) : {{.*}} loc("abs")
// CHECK-NEXT:    %[[B:.*]] = kernel.launch @k1(%[[A]], %{{.*}}, %{{.*}}) : {{.*}} loc(fused["mul", "add"])
// CHECK-NEXT:    %[[C:.*]] = kernel.launch @k1(%[[B]], %{{.*}}, %{{.*}}) : {{.*}} loc(fused["mul2", "add2"])
// CHECK-NEXT:    func.return %[[C]]
func.func @main(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>) -> tensor<4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.absf %i : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32> loc("abs")
  %p = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.mulf %i, %j : f32
    %s = arith.addf %o, %v : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32> loc("mul")
  %q = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%p, %b : tensor<4x4xf32>, tensor<4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.addf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32> loc("add")
  %p2 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%q, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.mulf %i, %j : f32
    %s = arith.addf %o, %v : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32> loc("mul2")
  %q2 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%p2, %b : tensor<4x4xf32>, tensor<4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.addf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32> loc("add2")
  func.return %q2 : tensor<4x4xf32>
}

// -----

// A row kernel: the sum over the row, what is added before it and what reads the row again. The sum before the norm has
// a reader elsewhere, so the kernel has a second result.
// CHECK-LABEL: kernel.func @k0(%x: {{.*}}, %y: {{.*}}) -> (tensor<4x8xf32>, tensor<4x8xf32>)
// CHECK:         %r = linalg.generic
// CHECK:         %s = linalg.generic {{.*}}"reduction"]} ins(%r :
// CHECK:         %d = linalg.generic {{.*}} ins(%r, %s :
// CHECK:         kernel.return %r, %d
// CHECK-NOT:   kernel.func
// CHECK-LABEL: func.func @main
// CHECK-NEXT:    %r, %d = kernel.launch @k0
// CHECK-NEXT:    tensor.extract_slice %r
func.func @main(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> (tensor<2x8xf32>, tensor<4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.addf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>], iterator_types = ["parallel", "reduction"]} ins(%r : tensor<4x8xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = arith.addf %i, %o : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %half = tensor.extract_slice %r[0, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%r, %s : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.divf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %half, %d : tensor<2x8xf32>, tensor<4x8xf32>
}

// -----

// Two kernels, not one: the second reads the first through a view too, so its launch must wait for it.
// CHECK-COUNT-2: kernel.func
// CHECK-LABEL: func.func @main
// CHECK-NEXT:    kernel.launch @k0
// CHECK-NEXT:    tensor.extract_slice
// CHECK-NEXT:    kernel.launch @k1
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.absf %i : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %row = tensor.extract_slice %r[0, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<1x8xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (0, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%r, %row : tensor<4x8xf32>, tensor<1x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.divf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %d : tensor<4x8xf32>
}

// -----

// Siblings: two kernels, or one that reads %x once. %z has another size; %t reads %x elsewhere.
// CHECK-LABEL: func.func @siblings
// CHECK-COUNT-4: kernel.launch
// CHECK:       func.return
// MULTI-LABEL: func.func @siblings
// MULTI-NEXT:    %[[T:.*]] = kernel.launch @k{{[0-9]}}(%x)
// MULTI-NEXT:    %[[R:.*]], %[[D:.*]] = kernel.launch @k{{[0-9]}}(%x, %y) : (tensor<4x4xf32>, tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)
// MULTI-NEXT:    %[[S:.*]] = kernel.launch @k{{[0-9]}}(%z)
// MULTI-NEXT:    func.return %[[R]], %[[D]], %[[T]], %[[S]]
func.func @siblings(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>, %z: tensor<8xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<4x4xf32>
  %e1 = tensor.empty() : tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.absf %i : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(m, n) -> (n, m)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.sqrt %i : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.divf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%z : tensor<8xf32>) outs(%e1 : tensor<8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.exp %i : f32
    linalg.yield %v : f32
  } -> tensor<8xf32>
  func.return %r, %d, %t, %s : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<8xf32>
}

// -----

// A diamond is one kernel either way; a value that leaves it ends a kernel where each has one result.
// CHECK-LABEL: func.func @diamond
// CHECK-COUNT-1: kernel.launch
// CHECK-NEXT:    func.return
// POST-LABEL:  func.func @diamond
// POST-NEXT:     kernel.launch
// POST-NEXT:     kernel.launch
// POST-NEXT:     func.return
func.func @diamond(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.absf %i : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.exp %i : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = math.sqrt %i : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%b, %c : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %v = arith.addf %i, %j : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %f = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]} ins(%d : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %v = arith.negf %i : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  func.return %d, %f : tensor<4xf32>, tensor<4xf32>
}
