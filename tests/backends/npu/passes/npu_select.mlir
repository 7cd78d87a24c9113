// RUN: aic opt %s -p npu-select{machine=edge} --split-input-file | filecheck %s

// A quantised convolution is a program; what quantises the input and makes floats of the result stays on the host.
// CHECK:      func.func @main(%{{.*}}: tensor<1x16x4x4xf32>) -> tensor<1x8x4x4xf32>
// CHECK:        %[[q:.*]] = graph.quantize
// CHECK-SAME:     npu.reason = "it comes from the host, which quantises exactly"
// CHECK:        %[[y:.*]] = kernel.launch @npu0(%[[q]]) : (tensor<1x16x4x4xui8>) -> tensor<1x8x4x4xui8>
// CHECK:        graph.dequantize %[[y]]
// CHECK-SAME:     npu.reason
// CHECK:      kernel.func @npu0(%{{.*}}: tensor<1x16x4x4xui8>) -> tensor<1x8x4x4xui8> {
// CHECK-DAG:    graph.constant
// CHECK:        graph.conv
// CHECK:        %[[z:.*]] = graph.quantize
// CHECK-NEXT:   kernel.return %[[z]]
builtin.module {
  func.func @main(%x: tensor<1x16x4x4xf32>) -> tensor<1x8x4x4xf32> {
    %s = graph.constant dense<0.5> : tensor<f32>
    %z = graph.constant dense<3> : tensor<ui8>
    %w = graph.constant dense<1> : tensor<8x16x1x1xi8>
    %sw = graph.constant dense<0.25> : tensor<f32>
    %q = graph.quantize %x, %s, %z {to = ui8} : (tensor<1x16x4x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x16x4x4xui8>
    %d = graph.dequantize %q, %s, %z {to = f32} : (tensor<1x16x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x16x4x4xf32>
    %f = graph.dequantize %w, %sw {to = f32} : (tensor<8x16x1x1xi8>, tensor<f32>) -> tensor<8x16x1x1xf32>
    %y = graph.conv %d, %f : (tensor<1x16x4x4xf32>, tensor<8x16x1x1xf32>) -> tensor<1x8x4x4xf32>
    %r = graph.relu %y : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
    %p = graph.quantize %r, %s, %z {to = ui8} : (tensor<1x8x4x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x8x4x4xui8>
    %e = graph.dequantize %p, %s, %z {to = f32} : (tensor<1x8x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x8x4x4xf32>
    func.return %e : tensor<1x8x4x4xf32>
  }
}

// -----

// A sum alone is not worth a program.
// CHECK-NOT:  kernel.launch
// CHECK:      graph.add
// CHECK-SAME:   without multiplications
builtin.module {
  func.func @main(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %z = graph.add %x, %y : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    func.return %z : tensor<4x8xf32>
  }
}

// -----

// What the NPU cannot do parts programs: two, with the host in between.
// CHECK:      func.func @main
// CHECK:        %[[a:.*]] = kernel.launch @npu0
// CHECK:        %[[l:.*]] = graph.log %[[a]]
// CHECK-SAME:     npu.reason = "the NPU has no layer for graph.log of floating numbers"
// CHECK:        kernel.launch @npu1(%[[l]])
builtin.module {
  func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %w = graph.constant dense<0.5> : tensor<8x8xf32>
    %y = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %l = graph.log %y : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %z = graph.matmul %l, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    func.return %z : tensor<4x8xf32>
  }
}

// -----

// A result that begins within a granule of channels cannot leave its program by itself: the host makes it.
// CHECK:      func.func @main
// CHECK:        %[[y:.*]] = kernel.launch @npu0
// CHECK:        %[[s:.*]] = graph.slice %[[y]]
// CHECK:        graph.relu %[[s]]
// CHECK-SAME:     npu.reason = "a copy from channel 5 on"
builtin.module {
  func.func @main(%x: tensor<4x8xf32>) -> tensor<4x7xf32> {
    %w = graph.constant dense<0.5> : tensor<8x16xf32>
    %y = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    %s = graph.slice %y {offsets = array<i64: 0, 5>, sizes = array<i64: 4, 7>, strides = array<i64: 1, 1>} : (tensor<4x16xf32>) -> tensor<4x7xf32>
    %r = graph.relu %s : (tensor<4x7xf32>) -> tensor<4x7xf32>
    func.return %r : tensor<4x7xf32>
  }
}

// -----

// Of an input that is read in parts, the parts are inputs of the program.
// CHECK:      func.func @main(%[[x:.*]]: tensor<2x4x8xf32>)
// CHECK:        graph.slice %[[x]]
// CHECK-SAME:     npu.reason = "at the beginning of a program, it takes a part of an input"
// CHECK:        graph.slice %[[x]]
// CHECK:        kernel.launch @npu0(%{{.*}}, %{{.*}}) :
builtin.module {
  func.func @main(%x: tensor<2x4x8xf32>) -> tensor<1x4x4xf32> {
    %a = graph.slice %x {offsets = array<i64: 0, 0, 0>, sizes = array<i64: 1, 4, 8>, strides = array<i64: 1, 1, 1>} : (tensor<2x4x8xf32>) -> tensor<1x4x8xf32>
    %b = graph.slice %x {offsets = array<i64: 1, 0, 0>, sizes = array<i64: 1, 4, 8>, strides = array<i64: 1, 1, 1>} : (tensor<2x4x8xf32>) -> tensor<1x4x8xf32>
    %t = graph.transpose %b {perm = array<i64: 0, 2, 1>} : (tensor<1x4x8xf32>) -> tensor<1x8x4xf32>
    %y = graph.matmul %a, %t : (tensor<1x4x8xf32>, tensor<1x8x4xf32>) -> tensor<1x4x4xf32>
    func.return %y : tensor<1x4x4xf32>
  }
}

// -----

// An input that is read as a whole, too, comes as a whole.
// CHECK-NOT:  graph.slice
// CHECK:      kernel.launch @npu0(%{{[^,]*}}) :
builtin.module {
  func.func @main(%x: tensor<2x4x8xf32>) -> tensor<2x4x4xf32> {
    %w = graph.constant dense<0.5> : tensor<8x8xf32>
    %a = graph.matmul %x, %w : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    %b = graph.slice %x {offsets = array<i64: 1, 0, 0>, sizes = array<i64: 1, 4, 8>, strides = array<i64: 1, 1, 1>} : (tensor<2x4x8xf32>) -> tensor<1x4x8xf32>
    %t = graph.transpose %b {perm = array<i64: 0, 2, 1>} : (tensor<1x4x8xf32>) -> tensor<1x8x4xf32>
    %y = graph.matmul %a, %t : (tensor<2x4x8xf32>, tensor<1x8x4xf32>) -> tensor<2x4x4xf32>
    func.return %y : tensor<2x4x4xf32>
  }
}
