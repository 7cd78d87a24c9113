"""Twenty faults and more in passes and rules: a line of a source file, what stands there instead, and where it shows.

    with seeded(mutant, root): ...      the file below `root` has the fault

`python -m pytest tests/faults --all-faults` tries each; without the flag one of five.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

AROUND = "{},{},dce"
"""The passes that a mutant is looked for among."""
TENSOR = "lower-graph-to-tensor"
LOOP = f"{TENSOR},fuse-kernels,assign-layout,bufferize,lower-kernel-to-loop"


@dataclass(frozen=True)
class Mutant:
    """A fault: its kind, the pass that it is in, the file, the text and what it becomes; the subject on which it shows,
    and the tests that are to see it."""

    kind: str
    step: str
    file: str
    old: str
    new: str
    subject: str
    tests: tuple[str, ...]
    before: str = "cse"
    """The passes before it."""

    @property
    def name(self) -> str:
        """For a test's id."""
        return f"{self.step}: {self.kind}: {' '.join(self.new.split())[:40]}"

    @property
    def passes(self) -> str:
        """A pipeline in which it is the last but one."""
        return AROUND.format(self.before, self.step)


@contextmanager
def seeded(mutant: Mutant, root: Path) -> Iterator[None]:
    """The file below `root` has the fault inside; ValueError if its place is not there exactly once."""
    file = root / mutant.file
    text = file.read_text(encoding="utf8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.file}: expected {mutant.old!r} once, found it {text.count(mutant.old)} times")
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf8")


SIGN, GUARD, SWAP = "wrong sign", "dropped guard", "swapped operand"
BN = ("fold-batch-norm", "passes/graph/fold_batch_norm.py")
BN_TESTS = ("tests/passes/graph/fold_batch_norm.mlir", "tests/passes/graph/test_graph_passes.py")
NORMS = ("recompose-norms", "passes/graph/recompose_norms.py")
VIEWS = ("cancel-inverse", "passes/graph/cancel_inverse.rules")
VIEW_TESTS = ("tests/passes/graph/cancel_inverse.mlir",)
IDLE = ("drop-redundant", "passes/graph/drop_redundant.rules")
IDLE_TESTS = ("tests/passes/graph/drop_redundant.mlir",)
RAISE = ("raise-slices", "passes/graph/_cuts.py")
SLICE = ("slice-weights", "passes/graph/slice_weights.py")
LONG = ("fold-long-kernels", "passes/graph/fold_long_kernels.py")
PATCH = ("fold-patches", "passes/graph/fold_patches.py")
UNROLL = ("unroll-recurrent", "passes/graph/unroll_recurrent.py")
RULES = ("simplify-algebra", "passes/graph/simplify_algebra.rules")
RULE_TESTS = ("tests/passes/rules",)
LOWER = "lower-graph-to-tensor"


def tests_of(step: str) -> tuple[str, ...]:
    """The file of tests that has the pass's name."""
    return (f"tests/passes/graph/test_{step.replace('-', '_')}.py",)


MUTANTS = (
    Mutant(SIGN, *BN, "else bias + into.offset()", "else bias - into.offset()", "convolutions", BN_TESTS),
    Mutant(GUARD, *BN, " or not found.value.has_one_use():", ":", "convolutions", BN_TESTS),
    Mutant(SWAP, *BN, "(-1, 1) if op.trans_b else (1, -1)", "(1, -1) if op.trans_b else (-1, 1)", "products", BN_TESTS),
    Mutant(
        SIGN, BN[0], "passes/graph/_channels.py", "bias() - mean()", "bias() + mean()", "convolutions", BN_TESTS
    ),
    Mutant(SWAP, *VIEWS, "plus(o, times(p, d))", "plus(p, times(o, d))", "views", VIEW_TESTS),
    Mutant(GUARD, *IDLE, "  where keeps_order(p, shape(x))", "", "views", IDLE_TESTS),
    Mutant(GUARD, *NORMS, " is None or base is not value:", " is None:", "like_norms", tests_of(NORMS[0])),
    Mutant(GUARD, *NORMS, "is_number(inverse.lhs, 1.0) and ", "", "like_norms", tests_of(NORMS[0])),
    Mutant(GUARD, *NORMS, " or not over_last(mean):", ":", "like_norms", tests_of(NORMS[0])),
    Mutant(SWAP, *RAISE, "cut[ints(op.perm).index(d)]", "cut[ints(op.perm)[d]]", "slices", tests_of(RAISE[0])),
    Mutant(GUARD, *RAISE, "SoftmaxOp() if op.dim not in changed:", "SoftmaxOp():", "slices", tests_of(RAISE[0])),
    Mutant(SWAP, *SLICE, "new.part(op.w, 0, first(part)", "new.part(op.w, 0, 0", "channels", tests_of(SLICE[0])),
    Mutant(SIGN, *LONG, "self.stride * r : self.stride * r +", "r : r +", "long_kernels", tests_of(LONG[0])),
    Mutant(GUARD, *LONG, " or window.dilations[-1] != 1:", ":", "long_kernels", tests_of(LONG[0])),
    Mutant(GUARD, *PATCH, "window.kernel == window.strides and ", "", "patches", tests_of(PATCH[0])),
    Mutant(GUARD, *PATCH, " and not any((*window.low, *window.high))", "", "patches", tests_of(PATCH[0])),
    Mutant(SWAP, *UNROLL, "new(MulOp, forget, c)", "new(MulOp, i, c)", "recurrent", tests_of(UNROLL[0])),
    Mutant(SWAP, *UNROLL, "new(SubOp, h, fresh)", "new(SubOp, fresh, h)", "recurrent", tests_of(UNROLL[0])),
    Mutant(SWAP, *RULES, "add(x, neg(y)) => sub(x, y)", "add(x, neg(y)) => sub(y, x)", "algebra", RULE_TESTS),
    Mutant(SIGN, *RULES, "sub(x, neg(y)) => add(x, y)", "sub(x, neg(y)) => sub(x, y)", "algebra", RULE_TESTS),
    Mutant(GUARD, *IDLE, "where s == shape(x) and least(d) > 0", "where s == shape(x)", "views", IDLE_TESTS),
    Mutant(
        SWAP, LOWER, "passes/tensor/_lower/conv.py", "(0, 0, *window.low), (0, 0, *high), fill",
        "(0, 0, *high), (0, 0, *window.low), fill", "convolutions", ("tests/passes/tensor/test_lower_conv.py",),
    ),
    Mutant(
        SWAP, LOWER, "passes/tensor/_lower/contraction.py", '("n", "k") if trans_b else ("k", "n")',
        '("k", "n") if trans_b else ("n", "k")', "products", ("tests/passes/tensor/test_lower_contraction.py",),
    ),
    Mutant(
        SWAP, "fold-views", "passes/tensor/_moves.py", "map.compose(reader.indexing_maps.data[i].data)",
        "reader.indexing_maps.data[i].data.compose(map)", "turned",
        ("tests/passes/tensor/test_fold_views.py",), TENSOR,
    ),
    Mutant(
        SWAP, "plan-memory", "passes/loop/plan_memory.py", "made.offsets, strict", "made.offsets[::-1], strict",
        "recurrent", ("tests/passes/loop/plan_memory.mlir",), LOOP,
    ),
    Mutant(
        SWAP, "join-launches", "passes/loop/join_launches.py", "[*partner.arguments, *kept]",
        "[*kept, *partner.arguments]", "margins", ("tests/passes/loop/join_launches.mlir",), LOOP,
    ),
)  # fmt: skip
