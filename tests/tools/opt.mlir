// RUN: aic opt %s -p "canonicalize,cse" | filecheck %s
// RUN: aic opt %s | aic opt --print-op-generic | aic opt | filecheck %s --check-prefix=SAME
// CHECK:      func.func @f(%x: f32) -> f32 {
// CHECK-NEXT:   func.return %x : f32
// SAME: arith.addf
func.func @f(%x : f32) -> f32 {
  %0 = arith.addf %x, %x : f32
  func.return %x : f32
}
