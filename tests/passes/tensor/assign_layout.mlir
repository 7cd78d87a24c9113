// RUN: aic opt %s --split-input-file -p assign-layout | filecheck %s
// RUN: aic opt %s --split-input-file -p assign-layout{rows=0} | filecheck %s --check-prefix=COPY

// A convolution stores channels last, the pointwise kernel after it follows; the returned one is row-major.
// CHECK:      kernel.func @conv(%{{.*}}: tensor<1x3x6x6xf32>, %{{.*}}: tensor<8x3x3x3xf32>) -> tensor<1x8x4x4xf32, strided<[128, 1, 32, 8]>>
// CHECK:      kernel.func @half(%{{.*}}: tensor<1x8x4x4xf32, strided<[128, 1, 32, 8]>>) -> tensor<1x8x4x4xf32, strided<[128, 1, 32, 8]>>
// CHECK:      kernel.func @half_1(%{{.*}}: tensor<1x8x4x4xf32, strided<[128, 1, 32, 8]>>) -> tensor<1x8x4x4xf32> {
// CHECK:        %[[E:.*]] = tensor.empty() : tensor<1x8x4x4xf32>
// CHECK:      func.func @main
// CHECK-NOT:    @copy
// CHECK:        %[[C:.*]] = kernel.launch @conv
// CHECK-NEXT:   %[[H:.*]] = kernel.launch @half(%[[C]])
// CHECK-NEXT:   kernel.launch @half_1(%[[H]])
kernel.func @conv(%x: tensor<1x3x6x6xf32>, %w: tensor<8x3x3x3xf32>) -> tensor<1x8x4x4xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x4x4xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, o, h, w, i, a, b) -> (n, i, h + a, w + b)>, affine_map<(n, o, h, w, i, a, b) -> (o, i, a, b)>, affine_map<(n, o, h, w, i, a, b) -> (n, o, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%x, %w : tensor<1x3x6x6xf32>, tensor<8x3x3x3xf32>) outs(%f : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  } -> tensor<1x8x4x4xf32>
  kernel.return %y : tensor<1x8x4x4xf32>
}
kernel.func @half(%x: tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32> {
  %c = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<1x8x4x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%x : tensor<1x8x4x4xf32>) outs(%e : tensor<1x8x4x4xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %p, %c : f32
    linalg.yield %m : f32
  } -> tensor<1x8x4x4xf32>
  kernel.return %y : tensor<1x8x4x4xf32>
}
func.func @main(%x: tensor<1x3x6x6xf32>) -> tensor<1x8x4x4xf32> {
  %w = graph.weight @w : tensor<8x3x3x3xf32>
  %0 = kernel.launch @conv(%x, %w) : (tensor<1x3x6x6xf32>, tensor<8x3x3x3xf32>) -> tensor<1x8x4x4xf32>
  %1 = kernel.launch @half(%0) : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %2 = kernel.launch @half(%1) : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  func.return %2 : tensor<1x8x4x4xf32>
}

// -----

// Views are strides; a reshape through one dimension is split and joined instead; a launch that transposes is a view.
// CHECK:      func.func @main
// CHECK:        linalg.transpose ins(%x:tensor<4x6xf32>) outs(%{{.*}}:tensor<6x4xf32, strided<[1, 6]>>)
// CHECK:        tensor.extract_slice {{.*}} : tensor<6x4xf32, strided<[1, 6]>> to tensor<2x4xf32, strided<[1, 6]>>
// CHECK:        %[[V:.*]] = tensor.expand_shape {{.*}} : tensor<6x4xf32, strided<[1, 6]>> into tensor<3x2x4xf32, strided<[2, 1, 6]>>
// CHECK-NOT:    collapse_shape
// CHECK:        %[[R:.*]] = kernel.launch @copy
// CHECK:        func.return %{{.*}}, %[[R]]
kernel.func @turn(%x: tensor<4x6xf32>) -> tensor<6x4xf32> {
  %e = tensor.empty() : tensor<6x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x6xf32>) outs(%e : tensor<6x4xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  } -> tensor<6x4xf32>
  kernel.return %y : tensor<6x4xf32>
}
func.func @main(%x: tensor<4x6xf32>) -> (f32, tensor<3x2x4xf32>) {
  %i = arith.constant 0 : index
  %0 = kernel.launch @turn(%x) : (tensor<4x6xf32>) -> tensor<6x4xf32>
  %1 = tensor.extract_slice %0[2, 0] [2, 4] [1, 1] : tensor<6x4xf32> to tensor<2x4xf32>
  %2 = tensor.extract %1[%i, %i] : tensor<2x4xf32>
  %3 = tensor.collapse_shape %0 [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
  %4 = tensor.expand_shape %3 [[0, 1, 2]] output_shape [3, 2, 4] : tensor<24xf32> into tensor<3x2x4xf32>
  func.return %2, %4 : f32, tensor<3x2x4xf32>
}

// -----

// Columns of a right-hand side that do not lie side by side are copied, but for few rows.
// CHECK:      func.func @main
// CHECK:        %[[T:.*]] = linalg.transpose
// CHECK-NEXT:   kernel.launch @mm(%x, %[[T]])
// COPY:       func.func @main(%x: tensor<2x8xf32>, %y: tensor<16x8xf32>)
// COPY:         %[[T:.*]] = linalg.transpose
// COPY-NEXT:    %[[B:.*]] = kernel.launch @copy(%[[T]]) : (tensor<8x16xf32, strided<[1, 8]>>) -> tensor<8x16xf32>
// COPY-NEXT:    kernel.launch @mm(%x, %[[B]])
kernel.func @mm(%x: tensor<2x8xf32>, %w: tensor<8x16xf32>) -> tensor<2x16xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x16xf32>) -> tensor<2x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<2x8xf32>, tensor<8x16xf32>) outs(%f : tensor<2x16xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  } -> tensor<2x16xf32>
  kernel.return %y : tensor<2x16xf32>
}
func.func @main(%x: tensor<2x8xf32>, %y: tensor<16x8xf32>) -> tensor<2x16xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %t = linalg.transpose ins(%y : tensor<16x8xf32>) outs(%e : tensor<8x16xf32>) permutation = [1, 0]
  %0 = kernel.launch @mm(%x, %t) : (tensor<2x8xf32>, tensor<8x16xf32>) -> tensor<2x16xf32>
  func.return %0 : tensor<2x16xf32>
}

// -----

// Keys that only a product of many rows reads, as its columns, are stored in the columns' order when they are made;
// not those that something else reads, too.
// CHECK:      func.func @main
// CHECK-NOT:    @copy
// CHECK:        %[[K:.*]] = kernel.launch @halve(%k) : (tensor<16x8xf32>) -> tensor<16x8xf32, strided<[1, 16]>>
// CHECK:        %[[T:.*]] = linalg.transpose ins(%[[K]]:tensor<16x8xf32, strided<[1, 16]>>) outs({{.*}}:tensor<8x16xf32>)
// CHECK-NEXT:   kernel.launch @scores(%x, %[[T]])
// CHECK:      func.func @read
// CHECK:        kernel.launch @{{halve.*}}(%k) : (tensor<16x8xf32>) -> tensor<16x8xf32>
// CHECK:        kernel.launch @copy
kernel.func @halve(%x: tensor<16x8xf32>) -> tensor<16x8xf32> {
  %c = arith.constant 0.5 : f32
  %e = tensor.empty() : tensor<16x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<16x8xf32>) outs(%e : tensor<16x8xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.mulf %p, %c : f32
    linalg.yield %m : f32
  } -> tensor<16x8xf32>
  kernel.return %y : tensor<16x8xf32>
}
kernel.func @scores(%x: tensor<6x8xf32>, %w: tensor<8x16xf32>) -> tensor<6x16xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x16xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<6x8xf32>, tensor<8x16xf32>) outs(%f : tensor<6x16xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  } -> tensor<6x16xf32>
  kernel.return %y : tensor<6x16xf32>
}
func.func @main(%x: tensor<6x8xf32>, %k: tensor<16x8xf32>) -> tensor<6x16xf32> {
  %0 = kernel.launch @halve(%k) : (tensor<16x8xf32>) -> tensor<16x8xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %t = linalg.transpose ins(%0 : tensor<16x8xf32>) outs(%e : tensor<8x16xf32>) permutation = [1, 0]
  %1 = kernel.launch @scores(%x, %t) : (tensor<6x8xf32>, tensor<8x16xf32>) -> tensor<6x16xf32>
  func.return %1 : tensor<6x16xf32>
}
func.func @read(%x: tensor<6x8xf32>, %k: tensor<16x8xf32>) -> (tensor<6x16xf32>, tensor<16x8xf32>) {
  %0 = kernel.launch @halve(%k) : (tensor<16x8xf32>) -> tensor<16x8xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %t = linalg.transpose ins(%0 : tensor<16x8xf32>) outs(%e : tensor<8x16xf32>) permutation = [1, 0]
  %1 = kernel.launch @scores(%x, %t) : (tensor<6x8xf32>, tensor<8x16xf32>) -> tensor<6x16xf32>
  %2 = kernel.launch @halve(%0) : (tensor<16x8xf32>) -> tensor<16x8xf32>
  func.return %1, %2 : tensor<6x16xf32>, tensor<16x8xf32>
}
