/* A CUDA driver without a device: memory is the host's, every call is checked and told, kernels are not run.

   AIC_FAKE_LOG      the file that calls are told to, a line each
   AIC_FAKE_KERNELS  what kernels take: "add=p8192,p8192,w8192;copy=p64,i4": bytes behind a pointer (read or written)
                     or of a number
   AIC_FAKE_DEVICE   compute capability, "90"; "" for no device */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, BAD_IMAGE = 200, ILLEGAL = 700, MOST = 4096 };
typedef struct { char name[128]; const char *image; int shared; } function;
typedef struct { char *start; size_t bytes; } allocation;
typedef struct { char line[1024]; double took; } launch;
typedef struct { int first, count; } recorded;

static allocation allocations[MOST];
static int allocated, capturing, captured, live, modules;
static launch graph[MOST];
static recorded graphs[64];
static int graph_count;
static double now; /* milliseconds: a microsecond for each program that was launched */

static void tell(const char *line) {
  FILE *f = fopen(getenv("AIC_FAKE_LOG"), "a");
  fprintf(f, "%s\n", line);
  fclose(f);
}

static int wrong(const char *why, const char *name) {
  char line[512];
  snprintf(line, sizeof line, "WRONG %s %s", why, name);
  tell(line);
  return INVALID;
}

/* The allocation that holds these bytes, and how far in they begin. */
static int whose(uint64_t at, size_t bytes, size_t *offset) {
  for (int i = 0; i < allocated; i++)
    if (allocations[i].start && (char *)at >= allocations[i].start &&
        (char *)at + bytes <= allocations[i].start + allocations[i].bytes) {
      *offset = (char *)at - allocations[i].start;
      return i;
    }
  return -1;
}

int cuInit(unsigned flags) { return flags ? INVALID : getenv("AIC_FAKE_DEVICE")[0] ? 0 : NO_DEVICE; }
int cuDeviceGet(int *device, int number) { *device = number; return number ? NO_DEVICE : 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int found = atoi(getenv("AIC_FAKE_DEVICE"));
  *value = attribute == 75 ? found / 10 : attribute == 76 ? found % 10 : -1;
  return device || *value < 0 ? INVALID : 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &live; live++; return device ? INVALID : 0; }
int cuDevicePrimaryCtxRelease_v2(int device) {
  char line[128];
  int left = 0;
  for (int i = 0; i < allocated; i++) left += allocations[i].start != NULL;
  snprintf(line, sizeof line, "release contexts=%d allocations=%d modules=%d", --live, left, modules);
  tell(line);
  return 0;
}
int cuCtxSetCurrent(void *context) { return context == &live ? 0 : INVALID; }

int cuModuleLoadData(void **module, const void *image) {
  const unsigned char *bytes = image;
  if (memcmp(image, "\x7f" "ELF", 4)) return wrong("image", "no ELF"), BAD_IMAGE;
  if (bytes[18] != 190 || bytes[19]) return wrong("image", "not of CUDA"), BAD_IMAGE;
  if ((uintptr_t)image % 16) return wrong("image", "not aligned");
  *module = (void *)image;
  modules++;
  return 0;
}
int cuModuleUnload(void *module) { modules--; return 0; }

/* Whether an ELF file's section of symbol names holds a name. */
static int has_symbol(const char *image, const char *name) {
  uint64_t table = *(uint64_t *)(image + 40);
  int count = *(uint16_t *)(image + 60), size = *(uint16_t *)(image + 58);
  for (int i = 0; i < count; i++) {
    const char *section = image + table + (uint64_t)i * size;
    uint64_t offset = *(uint64_t *)(section + 24), bytes = *(uint64_t *)(section + 32);
    for (uint64_t at = 1; *(uint32_t *)(section + 4) == 3 && at < bytes; at += strlen(image + offset + at) + 1)
      if (!strcmp(image + offset + at, name)) return 1;
  }
  return 0;
}

int cuModuleGetFunction(void **made, void *module, const char *name) {
  if (!has_symbol(module, name)) return wrong("entry", name), 500;
  function *f = calloc(1, sizeof(function));
  snprintf(f->name, sizeof f->name, "%s", name);
  f->image = module;
  f->shared = 49152;
  *made = f;
  return 0;
}
int cuFuncSetAttribute(void *f, int attribute, int value) {
  if (attribute != 8 || value > 232448) return wrong("attribute", ((function *)f)->name);
  ((function *)f)->shared = value;
  return 0;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (!bytes) return wrong("allocation", "of no bytes");
  char *start = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(start, 0xA5, bytes);
  allocations[allocated++] = (allocation){start, bytes};
  *address = (uint64_t)start;
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  for (int i = 0; i < allocated; i++)
    if ((uint64_t)allocations[i].start == address) {
      free(allocations[i].start);
      allocations[i].start = NULL;
      return 0;
    }
  return wrong("free", "of nothing");
}

static int copied(const char *what, uint64_t device, size_t bytes) {
  char line[128];
  size_t offset = 0;
  int number = whose(device, bytes, &offset);
  if (number < 0) return wrong("copy", what);
  if (capturing) return wrong("copy while capturing", what);
  snprintf(line, sizeof line, "%s %d+%zu %zu", what, number, offset, bytes);
  tell(line);
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  int code = copied("to-device", to, bytes);
  if (!code) memcpy((void *)to, from, bytes);
  return code;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  int code = copied("to-host", from, bytes);
  if (!code) memcpy(to, (void *)from, bytes);
  return code;
}

int cuStreamCreate(void **stream, unsigned flags) { *stream = &capturing; return 0; }
int cuStreamDestroy_v2(void *stream) { return 0; }
int cuStreamSynchronize(void *stream) { tell("wait"); return 0; }
int cuStreamBeginCapture_v2(void *stream, int mode) {
  if (!strcmp(getenv("AIC_FAKE_DEVICE"), "80")) return 801; /* this device's driver cannot */
  capturing = 1;
  graphs[graph_count].first = captured;
  return 0;
}
int cuStreamEndCapture(void *stream, void **made) {
  recorded *found = &graphs[graph_count++];
  capturing = 0;
  found->count = captured - found->first;
  *made = found;
  return 0;
}
int cuGraphInstantiateWithFlags(void **made, void *from, unsigned long long flags) { *made = from; return 0; }
int cuGraphDestroy(void *made) { return 0; }
int cuGraphExecDestroy(void *made) { return 0; }
int cuGraphLaunch(void *made, void *stream) {
  recorded *found = made;
  tell("graph");
  for (int i = 0; i < found->count; i++) tell(graph[found->first + i].line), now += graph[found->first + i].took;
  return 0;
}

int cuEventCreate(void **event, unsigned flags) { *event = calloc(1, sizeof(double)); return 0; }
int cuEventRecord(void *event, void *stream) { *(double *)event = now; return capturing ? INVALID : 0; }
int cuEventElapsedTime(float *took, void *from, void *to) { *took = *(double *)to - *(double *)from; return 0; }
int cuEventDestroy_v2(void *event) { free(event); return 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Fake %s", getenv("AIC_FAKE_DEVICE")); return device; }

/* The parameters that AIC_FAKE_KERNELS tells of a kernel. */
static const char *taken(const char *name) {
  const char *at = getenv("AIC_FAKE_KERNELS");
  for (size_t n = strlen(name); at && *at; at = (at = strchr(at, ';')) ? at + 1 : NULL)
    if (!strncmp(at, name, n) && at[n] == '=') return at + n + 1;
  return NULL;
}

int cuLaunchKernel(void *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **parameters, void **extra) {
  function *f = kernel;
  launch made;
  const char *at = taken(f->name);
  if (!at) return wrong("kernel", f->name);
  if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || gx > 2147483647u) return wrong("grid", f->name);
  if (!bx || bx > 1024 || bx % 32 || by != 1 || bz != 1) return wrong("threads", f->name);
  if (shared > (unsigned)f->shared) return wrong("shared memory", f->name);
  int n = snprintf(made.line, sizeof made.line, "launch %s %u,%u,%u %u %u", f->name, gx, gy, gz, bx, shared);
  int count = 0;
  for (; *at && *at != ';'; count++) {
    char kind = *at;
    size_t bytes = strtoul(at + 1, (char **)&at, 10), offset = 0;
    at += *at == ',';
    if (kind == 'i') {
      int64_t value = 0;
      memcpy(&value, parameters[count], bytes);
      n += snprintf(made.line + n, sizeof made.line - n, " %ld", (long)value);
    } else {
      int number = whose(*(uint64_t *)parameters[count], bytes, &offset);
      if (number < 0) return wrong("argument out of range", f->name), ILLEGAL;
      if (offset % 16) return wrong("argument not aligned", f->name);
      n += snprintf(made.line + n, sizeof made.line - n, " %c%d+%zu", kind, number, offset);
    }
  }
  uint64_t scratch = *(uint64_t *)parameters[count], profile = *(uint64_t *)parameters[count + 1];
  if (profile) return wrong("profile", f->name);
  (void)scratch;
  made.took = 1e-3 * gx * gy * gz;
  if (capturing) graph[captured++] = made;
  else tell(made.line), now += made.took;
  return 0;
}
