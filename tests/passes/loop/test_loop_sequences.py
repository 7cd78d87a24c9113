"""Any sequence of the loop primitives, on any nest, keeps every bit; or it is refused and changes nothing."""

from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from aic.dialects._refusal import Refused
from aic.passes.loop._naming import named
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp

from .loop_programs import module_of, programs, results

ONE = (
    "loop-strip-mine{{loop={0} size={size}}}",
    "loop-unroll{{loop={0} factor={size}}}",
    "loop-fission{{loop={0} after={after}}}",
    "loop-reverse{{loop={0}}}",
    "vectorize{{loop={0} lanes={size}}}",
)
TWO = (
    "loop-interchange{{loops={0},{1}}}",
    "loop-tile{{loops={0},{1} sizes={size},{after}}}",
    "loop-fuse{{loops={0},{1} shift={shift}}}",
    "loop-compute-at{{producer={0} loop={1}}}",
)
LARGE = 40
"""Loops from which on nothing is unrolled any more."""


def step(draw: st.DrawFn, module: ModuleOp) -> str:
    """A pass on loops that there are: one, or one in the other, or, to be fused, one behind the other."""
    loops = [each.loop for each in named(module)]
    form = draw(st.sampled_from((*ONE, *TWO, *TWO)))
    if form in ONE:
        inner = [i for i, x in enumerate(loops) if "vectorize" not in form or not _has_loops(x)]
        first = second = draw(st.sampled_from(inner))
    else:
        pairs = [(a, b) for a, x in enumerate(loops) for b, y in enumerate(loops) if a < b and _fit(form, x, y)]
        first, second = draw(st.sampled_from(pairs or [(0, len(loops) - 1)]))
    size = draw(st.integers(2, 3) if "vectorize" in form else st.integers(1, 5))
    after, shift = draw(st.integers(1, 3)), draw(st.integers(-1, 2))
    return form.format(f"L{first}", f"L{second}", size=size, after=after, shift=shift)


def _has_loops(op: scf.ForOp) -> bool:
    return any(isinstance(inner, scf.ForOp) and inner is not op for inner in op.walk())


def _fit(form: str, x: scf.ForOp, y: scf.ForOp) -> bool:
    return x.body.block is y.parent if "tile" in form or "interchange" in form else x.parent is y.parent


@settings(max_examples=60, deadline=None)
@given(programs(), st.data())
def test_sequences_keep_every_bit(text: str, data: st.DataObject) -> None:
    module = module_of(text)
    before = [r.tobytes() for r in results(module)]
    for _ in range(data.draw(st.integers(1, 4))):
        if not 0 < len(named(module)) < LARGE:
            return
        chosen, old = data.draw(st.composite(step)(module)), str(module)
        try:
            run_pipeline(context(), module, chosen, verify_each=True)
        except Refused as refused:
            assert len(str(refused)) > len(chosen.partition("{")[0]) and str(module) == old
            continue
        assert [r.tobytes() for r in results(module)] == before, (chosen, old)
