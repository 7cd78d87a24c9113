// RUN: aic opt %s -p npu-select{machine=edge},npu-lower{machine=edge} --split-input-file | filecheck %s

// A quantised convolution: its input and its numbers loaded, one product, requantised, stored. Ports say where the
// dimensions of the host's arrays are; buffers have no addresses, instructions no semaphores yet.
// CHECK:      kernel.launch @npu0
// CHECK:      npu.program @npu0 marks [{layer = "quantize"
// CHECK-SAME:   sems []
// CHECK:        npu.segment 0 "input" {{.*}}dims
// CHECK:        %[[x:.*]] = npu.buffer "x[0:4]" align 32 : memref<512xi8, "spad">
// CHECK:        %[[y:.*]] = npu.buffer {{.*}} : memref<512xi8, "spad">
// CHECK:        %[[p:.*]] = npu.buffer {{.*}} : memref<512xi8, "pmem">
// CHECK:        %[[a:.*]] = npu.buffer {{.*}} : memref<2048xi8, "acc">
// CHECK:        %[[w:.*]] = npu.buffer {{.*}} : memref<1024xi8, "wmem">
// CHECK:        npu.ld_a x = %[[x]]
// CHECK:        npu.ld_p x = %[[p]]
// CHECK:        npu.ld_w x = %[[w]]
// CHECK:        npu.mm x = %[[x]], y = %[[w]], z = %[[a]], desc = {my = 4, mx = 4
// CHECK-NEXT:   npu.v_rq x = %[[a]], y = %[[p]], z = %[[y]], desc = {ny = 4, nx = 4
// CHECK-NEXT:   npu.st x = %[[y]]
// CHECK-NOT:  kernel.func
func.func @main(%x: tensor<1x16x4x4xui8>) -> tensor<1x8x4x4xui8> {
  %s = graph.constant dense<0.5> : tensor<f32>
  %z = graph.constant dense<3> : tensor<ui8>
  %d = graph.dequantize %x, %s, %z {to = f32} : (tensor<1x16x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x16x4x4xf32>
  %w = graph.constant dense<1> : tensor<8x16x1x1xi8>
  %sw = graph.constant dense<0.25> : tensor<f32>
  %f = graph.dequantize %w, %sw {to = f32} : (tensor<8x16x1x1xi8>, tensor<f32>) -> tensor<8x16x1x1xf32>
  %y = graph.conv %d, %f : (tensor<1x16x4x4xf32>, tensor<8x16x1x1xf32>) -> tensor<1x8x4x4xf32>
  %p = graph.quantize %y, %s, %z {to = ui8} : (tensor<1x8x4x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x8x4x4xui8>
  func.return %p : tensor<1x8x4x4xui8>
}
