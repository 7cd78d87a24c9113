// RUN: aic opt %s --split-input-file -p sink-concat | filecheck %s
// RUN: aic opt %s --split-input-file -p sink-concat{narrowest=17} | filecheck %s --check-prefix=WIDE

// Rotated halves: both products and the sum are computed half by half, the halves joined at last.
// CHECK:      func.func @rotary
// CHECK-NOT:    tensor.concat
// CHECK:        %[[N:.*]] = linalg.generic
// CHECK:          arith.negf
// CHECK-NOT:    tensor.concat
// CHECK:        %[[A:.*]] = tensor.extract_slice %a[0, 0] [4, 16] [1, 1]
// CHECK:        %[[S:.*]] = tensor.extract_slice %s[0, 0] [4, 16] [1, 1]
// CHECK:        %[[M:.*]] = linalg.generic {{.*}} ins(%[[N]], %[[S]] : tensor<4x16xf32>, tensor<4x16xf32>)
// CHECK:          arith.mulf
// CHECK:        %[[L:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[M]] : tensor<4x16xf32>, tensor<4x16xf32>)
// CHECK:          arith.addf
// CHECK:        tensor.extract_slice %s[0, 16] [4, 16] [1, 1]
// CHECK:          arith.mulf
// CHECK:        %[[R:.*]] = linalg.generic
// CHECK:          arith.addf
// CHECK:        %[[C:.*]] = tensor.concat dim(1) %[[L]], %[[R]] : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x32xf32>
// CHECK-NEXT:   func.return %[[C]]
// WIDE:       func.func @rotary
// WIDE:         tensor.concat
// WIDE:         arith.addf
func.func @rotary(%x: tensor<4x32xf32>, %s: tensor<4x32xf32>, %a: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %0 = tensor.extract_slice %x[0, 16] [4, 16] [1, 1] : tensor<4x32xf32> to tensor<4x16xf32>
  %1 = tensor.extract_slice %x[0, 0] [4, 16] [1, 1] : tensor<4x32xf32> to tensor<4x16xf32>
  %2 = tensor.empty() : tensor<4x16xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x16xf32>) outs(%2 : tensor<4x16xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.negf %p : f32
    linalg.yield %m : f32
  } -> tensor<4x16xf32>
  %4 = tensor.concat dim(1) %3, %1 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x32xf32>
  %5 = tensor.empty() : tensor<4x32xf32>
  %6 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%4, %s : tensor<4x32xf32>, tensor<4x32xf32>) outs(%5 : tensor<4x32xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<4x32xf32>
  %7 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%a, %6 : tensor<4x32xf32>, tensor<4x32xf32>) outs(%5 : tensor<4x32xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.addf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<4x32xf32>
  func.return %7 : tensor<4x32xf32>
}

// -----

// Whole tensors are made in place: nothing to win. What two ops read stays as it is, and so does what is read shifted.
// CHECK:      func.func @whole
// CHECK:        %[[C:.*]] = tensor.concat
// CHECK-NEXT:   tensor.empty
// CHECK-NEXT:   linalg.generic {{.*}} ins(%[[C]]
// CHECK:      func.func @twice
// CHECK:        %[[C:.*]] = tensor.concat
// CHECK-NEXT:   tensor.empty
// CHECK-NEXT:   linalg.generic {{.*}} ins(%[[C]]
// CHECK:      func.func @flipped
// CHECK:        %[[C:.*]] = tensor.concat
// CHECK-NEXT:   tensor.empty
// CHECK-NEXT:   linalg.generic {{.*}} ins(%[[C]]
func.func @whole(%x: tensor<4x16xf32>, %y: tensor<4x16xf32>) -> tensor<4x32xf32> {
  %c = tensor.concat dim(1) %x, %y : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.negf %p : f32
    linalg.yield %m : f32
  } -> tensor<4x32xf32>
  func.return %0 : tensor<4x32xf32>
}
func.func @twice(%x: tensor<4x32xf32>, %y: tensor<4x16xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  %s = tensor.extract_slice %x[0, 16] [4, 16] [1, 1] : tensor<4x32xf32> to tensor<4x16xf32>
  %c = tensor.concat dim(1) %s, %y : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.negf %p : f32
    linalg.yield %m : f32
  } -> tensor<4x32xf32>
  func.return %0, %c : tensor<4x32xf32>, tensor<4x32xf32>
}
func.func @flipped(%x: tensor<4x32xf32>, %y: tensor<4x16xf32>) -> tensor<4x32xf32> {
  %s = tensor.extract_slice %x[0, 16] [4, 16] [1, 1] : tensor<4x32xf32> to tensor<4x16xf32>
  %c = tensor.concat dim(1) %s, %y : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, 31 - b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) {
  ^bb0(%p: f32, %q: f32):
    %m = arith.negf %p : f32
    linalg.yield %m : f32
  } -> tensor<4x32xf32>
  func.return %0 : tensor<4x32xf32>
}
