/* A pool of threads, one for each library. A worker sleeps on a word of its own; what is to be done is claimed by turning
   that word from WORK to IDLE, and whoever claims it does it: the worker, or the caller if the worker does not come. So a
   worker that never started, or that a fork left behind, costs time but no result. Workers spin for AIC_SPIN nanoseconds
   before they sleep. A second caller at the same time does all parts by itself. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#ifndef AIC_SPIN
#define AIC_SPIN 100000
#endif
enum { AIC_IDLE, AIC_WORK, AIC_ASLEEP, AIC_STOP };
typedef struct { _Alignas(128) _Atomic uint32_t word; } aic_word;
typedef void aic_part(void *const *given, int64_t part, int64_t parts);

static struct {
  aic_word busy, wanted, left, waiting;
  aic_word workers[AIC_THREADS];
  pthread_t threads[AIC_THREADS];
  int started;
  pid_t owner;
  aic_part *run;
  void *const *given;
  int64_t parts;
} aic_pool = {.wanted = {AIC_THREADS}};

#if defined(__linux__)
static void aic_wait(aic_word *w, uint32_t value) {
  syscall(SYS_futex, &w->word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void aic_wake(aic_word *w) { syscall(SYS_futex, &w->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }
#else
static pthread_mutex_t aic_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t aic_changed = PTHREAD_COND_INITIALIZER;
static void aic_wait(aic_word *w, uint32_t value) {
  pthread_mutex_lock(&aic_lock);
  if (atomic_load(&w->word) == value) pthread_cond_wait(&aic_changed, &aic_lock);
  pthread_mutex_unlock(&aic_lock);
}
static void aic_wake(aic_word *w) {
  (void)w;
  pthread_mutex_lock(&aic_lock);
  pthread_cond_broadcast(&aic_changed);
  pthread_mutex_unlock(&aic_lock);
}
#endif

static inline void aic_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Spin until the word is `value` (or, if `other`, anything else); 0 if that took too long. */
static int aic_spin(aic_word *w, uint32_t value, int other) {
  struct timespec start = {0}, now;
  for (int round = 0;; round++) {
    for (int i = 0; i < 32; i++) {
      if ((atomic_load_explicit(&w->word, memory_order_acquire) == value) != other) return 1;
      aic_pause();
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!round) start = now;
    if ((now.tv_sec - start.tv_sec) * INT64_C(1000000000) + now.tv_nsec - start.tv_nsec > AIC_SPIN) return 0;
  }
}

static int aic_turn(aic_word *w, uint32_t from, uint32_t to) {
  return atomic_compare_exchange_strong(&w->word, &from, to);
}

static void aic_do(int64_t part) {
  aic_pool.run(aic_pool.given, part, aic_pool.parts);
  if (atomic_fetch_sub(&aic_pool.left.word, 1) == 1 && atomic_load(&aic_pool.waiting.word)) aic_wake(&aic_pool.left);
}

static void *aic_work(void *number) {
  int64_t part = (int64_t)(intptr_t)number;
  aic_word *mine = &aic_pool.workers[part];
  for (;;) {
    if (aic_turn(mine, AIC_WORK, AIC_IDLE)) {
      aic_do(part);
      continue;
    }
    if (atomic_load(&mine->word) == AIC_STOP) return NULL;
    if (aic_spin(mine, AIC_IDLE, 1)) continue;
    if (aic_turn(mine, AIC_IDLE, AIC_ASLEEP))
      while (atomic_load(&mine->word) == AIC_ASLEEP) aic_wait(mine, AIC_ASLEEP);
  }
}

static void aic_start(void) {
  aic_pool.owner = getpid();
  for (int i = 1; i < AIC_THREADS; i++, aic_pool.started++)
    if (pthread_create(&aic_pool.threads[i], NULL, aic_work, (void *)(intptr_t)i)) break;
}

/* At exit, or when the library is unloaded; the child of a fork has no workers to end. */
__attribute__((destructor)) static void aic_stop(void) {
  if (aic_pool.owner != getpid()) return;
  for (int i = 1; i <= aic_pool.started; i++) {
    atomic_store(&aic_pool.workers[i].word, AIC_STOP);
    aic_wake(&aic_pool.workers[i]);
  }
  for (int i = 1; i <= aic_pool.started; i++) pthread_join(aic_pool.threads[i], NULL);
  aic_pool.started = 0;
}

AIC_POOL void aic_parallel(aic_part *run, void *const *given, int64_t threads) {
  int64_t parts = atomic_load_explicit(&aic_pool.wanted.word, memory_order_relaxed);
  if (parts > threads) parts = threads;
  if (parts < 2 || !aic_turn(&aic_pool.busy, 0, 1)) {
    run(given, 0, 1);
    return;
  }
  if (!aic_pool.owner) aic_start();
  aic_pool.run = run;
  aic_pool.given = given;
  aic_pool.parts = parts;
  atomic_store(&aic_pool.left.word, (uint32_t)parts);
  for (int64_t i = 1; i < parts; i++)
    if (atomic_exchange(&aic_pool.workers[i].word, AIC_WORK) == AIC_ASLEEP) aic_wake(&aic_pool.workers[i]);
  aic_do(0);
  for (int64_t i = 1; i < parts; i++)
    if (aic_turn(&aic_pool.workers[i], AIC_WORK, AIC_IDLE)) aic_do(i);
  if (!aic_spin(&aic_pool.left, 0, 0)) {
    atomic_store(&aic_pool.waiting.word, 1);
    for (uint32_t left; (left = atomic_load(&aic_pool.left.word));) aic_wait(&aic_pool.left, left);
    atomic_store(&aic_pool.waiting.word, 0);
  }
  atomic_store(&aic_pool.busy.word, 0);
}
