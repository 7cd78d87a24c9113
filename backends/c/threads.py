"""What a program needs whose loops run on several threads: the pool's text, and how many there are of them."""

from importlib.resources import files

from xdsl.dialects.builtin import ModuleOp

from ...dialects import loop

PROTOTYPE = "void aic_parallel(void (*run)(void *const *, int64_t, int64_t), void *const *given, int64_t threads);"


def threads_of(module: ModuleOp) -> int:
    """The most threads that a loop is split among; 1 if none is."""
    return max((op.threads.value.data for op in module.walk() if isinstance(op, loop.ParallelOp)), default=1)


def pool(name: str, threads: int, storage: str = "") -> str:
    """The pool, and the function by which fewer threads can be asked for; `storage` of what kernels call."""
    text = files(__package__ or "").joinpath("runtime", "aic_threads.h").read_text()
    sizes = f"#define AIC_THREADS {threads}\n#define AIC_POOL {storage}\n"
    return sizes + ("" if storage else f"{PROTOTYPE}\n") + text + SET.format(name=name)


SET = """
void {name}_set_threads(int threads) {{
  if (threads < 1) threads = 1;
  atomic_store(&aic_pool.wanted.word, (uint32_t)(threads > AIC_THREADS ? AIC_THREADS : threads));
}}
"""
DECLARED = """/* Run on so many threads from now on, {upper}_THREADS at most; the first run starts them.
   The child of a fork runs on one. A second call of {name}_run at the same time, with an arena of its own, does all
   by itself. */
__attribute__((visibility("default"))) void {name}_set_threads(int threads);
"""
