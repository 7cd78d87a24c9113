/* The CUDA driver as far as it is wanted, found when it is wanted: nothing of CUDA need be there to build this. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t aic_address;
typedef void *aic_handle;
enum { AIC_NO_DRIVER = 1001, AIC_NO_BINARY = 1002, AIC_NO_MEMORY = 1003, AIC_NO_SIZE = 1004 };
enum { AIC_SHARED_MEMORY = 8, AIC_MAJOR = 75, AIC_MINOR = 76, AIC_STATIC_SHARED = 49152 };

#define AIC_DRIVER(F) \
  F(Init, "cuInit", (unsigned)) \
  F(DeviceGet, "cuDeviceGet", (int *, int)) \
  F(DeviceGetAttribute, "cuDeviceGetAttribute", (int *, int, int)) \
  F(ContextRetain, "cuDevicePrimaryCtxRetain", (aic_handle *, int)) \
  F(ContextRelease, "cuDevicePrimaryCtxRelease_v2", (int)) \
  F(ContextSet, "cuCtxSetCurrent", (aic_handle)) \
  F(ModuleLoad, "cuModuleLoadData", (aic_handle *, const void *)) \
  F(ModuleUnload, "cuModuleUnload", (aic_handle)) \
  F(ModuleGetFunction, "cuModuleGetFunction", (aic_handle *, aic_handle, const char *)) \
  F(FunctionSet, "cuFuncSetAttribute", (aic_handle, int, int)) \
  F(Allocate, "cuMemAlloc_v2", (aic_address *, size_t)) \
  F(Free, "cuMemFree_v2", (aic_address)) \
  F(ToDevice, "cuMemcpyHtoDAsync_v2", (aic_address, const void *, size_t, aic_handle)) \
  F(ToHost, "cuMemcpyDtoHAsync_v2", (void *, aic_address, size_t, aic_handle)) \
  F(StreamCreate, "cuStreamCreate", (aic_handle *, unsigned)) \
  F(StreamDestroy, "cuStreamDestroy_v2", (aic_handle)) \
  F(StreamWait, "cuStreamSynchronize", (aic_handle)) \
  F(CaptureBegin, "cuStreamBeginCapture_v2", (aic_handle, int)) \
  F(CaptureEnd, "cuStreamEndCapture", (aic_handle, aic_handle *)) \
  F(GraphInstantiate, "cuGraphInstantiateWithFlags", (aic_handle *, aic_handle, unsigned long long)) \
  F(GraphLaunch, "cuGraphLaunch", (aic_handle, aic_handle)) \
  F(GraphDestroy, "cuGraphDestroy", (aic_handle)) \
  F(GraphExecDestroy, "cuGraphExecDestroy", (aic_handle)) \
  F(Launch, "cuLaunchKernel", (aic_handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
    aic_handle, void **, void **))

#define AIC_MEMBER(name, symbol, types) int (*name) types;
typedef struct { AIC_DRIVER(AIC_MEMBER) } aic_driver;

/* A kernel: its name in the binary; where the binaries lie, one an architecture, and what each wants. */
typedef struct { uint64_t offset, size; unsigned shared, threads, scratch; } aic_binary;
typedef struct { const char *entry; aic_binary binaries[AIC_ARCHITECTURES]; } aic_kernel;
/* A launch: its kernel, the grid, and its arguments, by their place in the list of all. */
typedef struct { int kernel; unsigned grid[3]; int first, count; } aic_launch;
/* An argument: bytes from the arena's or the weights' start on, or the bits of a number. */
enum { AIC_ARENA, AIC_WEIGHT, AIC_NUMBER };
typedef struct { int space; uint64_t value; } aic_argument;
typedef struct { uint64_t offset, bytes; } aic_buffer;

/* A run, of one size of the inputs. */
typedef struct {
  const aic_launch *launches;
  const aic_argument *arguments;
  const aic_buffer *inputs, *outputs;
  int launch_count, input_count, output_count;
} aic_program;

typedef struct {
  const unsigned char *binaries, *weights;
  const aic_kernel *kernels;
  const aic_program *programs;
  int kernel_count;
  uint64_t arena_bytes, weight_bytes;
} aic_model;

typedef struct {
  aic_driver cuda;
  const aic_model *model;
  aic_handle library, context, stream, *modules, *functions;
  aic_handle graphs[AIC_PROGRAMS], executables[AIC_PROGRAMS];
  aic_address arena, weights, scratch;
  int device, architecture;
} aic_gpu;

#define AIC_TRY(call) do { int aic_code = (call); if (aic_code) return aic_code; } while (0)

static int aic_find_driver(aic_gpu *gpu) {
  if (!(gpu->library = dlopen("libcuda.so.1", RTLD_NOW))) return AIC_NO_DRIVER;
#define AIC_LOOK_UP(name, symbol, types) \
  if (!(*(void **)&gpu->cuda.name = dlsym(gpu->library, symbol))) return AIC_NO_DRIVER;
  AIC_DRIVER(AIC_LOOK_UP)
  return 0;
}

/* The best architecture that the device runs: of its generation, and no newer than it. */
static int aic_choose(aic_gpu *gpu) {
  int major = 0, minor = 0, best = -1;
  AIC_TRY(gpu->cuda.DeviceGetAttribute(&major, AIC_MAJOR, gpu->device));
  AIC_TRY(gpu->cuda.DeviceGetAttribute(&minor, AIC_MINOR, gpu->device));
  for (int i = 0; i < AIC_ARCHITECTURES; i++) {
    int number = aic_architectures[i];
    if (number / 10 == major && number % 10 <= minor && (best < 0 || number > aic_architectures[best])) best = i;
  }
  gpu->architecture = best;
  return best < 0 ? AIC_NO_BINARY : 0;
}

static int aic_load(aic_gpu *gpu) {
  const aic_model *p = gpu->model;
  uint64_t scratch = 0;
  for (int i = 0; i < p->kernel_count; i++) {
    const aic_binary *b = &p->kernels[i].binaries[gpu->architecture];
    AIC_TRY(gpu->cuda.ModuleLoad(&gpu->modules[i], p->binaries + b->offset));
    AIC_TRY(gpu->cuda.ModuleGetFunction(&gpu->functions[i], gpu->modules[i], p->kernels[i].entry));
    if (b->shared > AIC_STATIC_SHARED)
      AIC_TRY(gpu->cuda.FunctionSet(gpu->functions[i], AIC_SHARED_MEMORY, (int)b->shared));
  }
  for (int n = 0; n < AIC_PROGRAMS; n++)
    for (int i = 0; i < p->programs[n].launch_count; i++) {
      const aic_launch *l = &p->programs[n].launches[i];
      uint64_t programs = (uint64_t)l->grid[0] * l->grid[1] * l->grid[2];
      uint64_t bytes = programs * p->kernels[l->kernel].binaries[gpu->architecture].scratch;
      if (bytes > scratch) scratch = bytes;
    }
  if (scratch) AIC_TRY(gpu->cuda.Allocate(&gpu->scratch, scratch));
  return 0;
}

/* All launches of a run, in their order, on a stream. */
static int aic_launch_all(aic_gpu *gpu, const aic_program *p, aic_handle stream) {
  uint64_t values[AIC_MOST_ARGUMENTS + 2];
  void *pointers[AIC_MOST_ARGUMENTS + 2];
  for (int i = 0; i < p->launch_count; i++) {
    const aic_launch *l = &p->launches[i];
    const aic_binary *b = &gpu->model->kernels[l->kernel].binaries[gpu->architecture];
    for (int k = 0; k < l->count; k++) {
      const aic_argument *a = &p->arguments[l->first + k];
      values[k] = a->value + (a->space == AIC_ARENA ? gpu->arena : a->space == AIC_WEIGHT ? gpu->weights : 0);
      pointers[k] = &values[k];
    }
    values[l->count] = gpu->scratch; /* Triton's own two: scratch memory, and a profiler's */
    values[l->count + 1] = 0;
    pointers[l->count] = &values[l->count];
    pointers[l->count + 1] = &values[l->count + 1];
    AIC_TRY(gpu->cuda.Launch(gpu->functions[l->kernel], l->grid[0], l->grid[1], l->grid[2], b->threads, 1, 1,
                             b->shared, stream, pointers, NULL));
  }
  return 0;
}

/* The launches as one graph; if that cannot be had, they are launched one by one. */
static void aic_capture(aic_gpu *gpu, int program) {
  if (gpu->cuda.CaptureBegin(gpu->stream, 1)) return;
  int failed = aic_launch_all(gpu, &gpu->model->programs[program], gpu->stream);
  if (gpu->cuda.CaptureEnd(gpu->stream, &gpu->graphs[program]) || failed) return;
  if (gpu->cuda.GraphInstantiate(&gpu->executables[program], gpu->graphs[program], 0)) gpu->executables[program] = NULL;
}

static void aic_close(aic_gpu *gpu) {
  if (gpu == NULL) return;
  if (gpu->context) {
    gpu->cuda.ContextSet(gpu->context);
    if (gpu->stream) gpu->cuda.StreamWait(gpu->stream);
    for (int i = 0; i < AIC_PROGRAMS; i++) {
      if (gpu->executables[i]) gpu->cuda.GraphExecDestroy(gpu->executables[i]);
      if (gpu->graphs[i]) gpu->cuda.GraphDestroy(gpu->graphs[i]);
    }
    for (int i = 0; gpu->modules && i < gpu->model->kernel_count; i++)
      if (gpu->modules[i]) gpu->cuda.ModuleUnload(gpu->modules[i]);
    if (gpu->scratch) gpu->cuda.Free(gpu->scratch);
    if (gpu->weights) gpu->cuda.Free(gpu->weights);
    if (gpu->arena) gpu->cuda.Free(gpu->arena);
    if (gpu->stream) gpu->cuda.StreamDestroy(gpu->stream);
    gpu->cuda.ContextRelease(gpu->device);
  }
  if (gpu->library) dlclose(gpu->library);
  free(gpu->modules);
  free(gpu->functions);
  free(gpu);
}

static int aic_open(aic_gpu *gpu, int device) {
  const aic_model *p = gpu->model;
  if (!gpu->modules || !gpu->functions) return AIC_NO_MEMORY;
  AIC_TRY(aic_find_driver(gpu));
  AIC_TRY(gpu->cuda.Init(0));
  AIC_TRY(gpu->cuda.DeviceGet(&gpu->device, device));
  AIC_TRY(aic_choose(gpu));
  AIC_TRY(gpu->cuda.ContextRetain(&gpu->context, gpu->device));
  AIC_TRY(gpu->cuda.ContextSet(gpu->context));
  AIC_TRY(gpu->cuda.StreamCreate(&gpu->stream, 1));
  AIC_TRY(gpu->cuda.Allocate(&gpu->arena, p->arena_bytes));
  if (p->weight_bytes) {
    AIC_TRY(gpu->cuda.Allocate(&gpu->weights, p->weight_bytes));
    AIC_TRY(gpu->cuda.ToDevice(gpu->weights, p->weights, p->weight_bytes, gpu->stream));
  }
  AIC_TRY(aic_load(gpu));
  AIC_TRY(gpu->cuda.StreamWait(gpu->stream));
  for (int i = 0; i < AIC_PROGRAMS; i++) aic_capture(gpu, i);
  return 0;
}

static int aic_init(aic_gpu **made, const aic_model *model, int device) {
  aic_gpu *gpu = *made = calloc(1, sizeof(aic_gpu));
  if (!gpu) return AIC_NO_MEMORY;
  gpu->model = model;
  gpu->modules = calloc((size_t)model->kernel_count + 1, sizeof(aic_handle));
  gpu->functions = calloc((size_t)model->kernel_count + 1, sizeof(aic_handle));
  int code = aic_open(gpu, device);
  if (code) {
    aic_close(gpu);
    *made = NULL;
  }
  return code;
}

static int aic_enqueue(aic_gpu *gpu, int program, aic_handle stream) {
  if (program < 0 || program >= AIC_PROGRAMS) return AIC_NO_SIZE;
  if (gpu->executables[program]) return gpu->cuda.GraphLaunch(gpu->executables[program], stream);
  return aic_launch_all(gpu, &gpu->model->programs[program], stream);
}

/* Inputs from the host's memory, a run, outputs to the host's memory. */
static int aic_run(aic_gpu *gpu, int program, const void *const *inputs, void *const *outputs) {
  if (program < 0 || program >= AIC_PROGRAMS) return AIC_NO_SIZE;
  const aic_program *p = &gpu->model->programs[program];
  AIC_TRY(gpu->cuda.ContextSet(gpu->context));
  for (int i = 0; i < p->input_count; i++)
    AIC_TRY(gpu->cuda.ToDevice(gpu->arena + p->inputs[i].offset, inputs[i], p->inputs[i].bytes, gpu->stream));
  AIC_TRY(aic_enqueue(gpu, program, gpu->stream));
  for (int i = 0; i < p->output_count; i++)
    AIC_TRY(gpu->cuda.ToHost(outputs[i], gpu->arena + p->outputs[i].offset, p->outputs[i].bytes, gpu->stream));
  return gpu->cuda.StreamWait(gpu->stream);
}
