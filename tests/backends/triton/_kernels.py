"""Kernels as the printer writes them, small: a pointwise one, a row softmax, a product with an epilogue."""

from aic.backends.triton.kernel import Kernel, Parameter

ADD = Kernel(
    "add_relu",
    """@triton.jit
def add_relu(x, y, o, N: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < N
    v = tl.load(x + i, mask=inside, other=0.0) + tl.load(y + i, mask=inside, other=0.0)
    tl.store(o + i, tl.maximum(v, 0.0), mask=inside)
""",
    (
        Parameter("x", "*fp16", elements=4096),
        Parameter("y", "*fp16", elements=4096),
        Parameter("o", "*fp16", written=True, elements=4096),
    ),
    {"N": 4096, "BLOCK": 1024},
    bytes=3 * 8192,
    flops=8192,
)
SOFTMAX = Kernel(
    "softmax",
    """@triton.jit
def softmax(x, o, N: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < N
    v = tl.load(x + row * N + i, mask=inside, other=float("-inf")).to(tl.float32)
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(o + row * N + i, (e / tl.sum(e, axis=0)).to(tl.float16), mask=inside)
""",
    (Parameter("x", "*fp16", elements=8192), Parameter("o", "*fp16", written=True, elements=8192)),
    {"N": 1024, "BLOCK": 1024},
)
MATMUL = Kernel(
    "matmul_bias_relu",
    """@triton.jit
def matmul_bias_relu(a, b, bias, o, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,
                     BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rm = tl.program_id(0) * BM + tl.arange(0, BM)
    rn = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, BK)
    acc = tl.full((BM, BN), 0.0, tl.float32)
    for k in range(0, K, BK):
        at = k + rk
        va = tl.load(a + rm[:, None] * K + at[None, :], mask=(rm < M)[:, None] & (at < K)[None, :], other=0.0)
        vb = tl.load(b + at[:, None] * N + rn[None, :], mask=(at < K)[:, None] & (rn < N)[None, :], other=0.0)
        acc = tl.dot(va, vb, acc)
    v = tl.maximum(acc + tl.load(bias + rn, mask=rn < N, other=0.0).to(tl.float32)[None, :], 0.0)
    tl.store(o + rm[:, None] * N + rn[None, :], v.to(tl.float16), mask=(rm < M)[:, None] & (rn < N)[None, :])
""",
    (
        Parameter("a", "*fp16", elements=64 * 128),
        Parameter("b", "*fp16", elements=128 * 128),
        Parameter("bias", "*fp16", elements=128),
        Parameter("o", "*fp16", written=True, elements=64 * 128),
    ),
    {"M": 64, "N": 128, "K": 128, "BM": 64, "BN": 64, "BK": 64},
    dots=1,
)
ALL = (ADD, SOFTMAX, MATMUL)
