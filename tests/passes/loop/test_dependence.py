"""What isl finds legal, and what it finds broken, is what counting through all rounds finds."""

from itertools import product

import pytest
from aic.dialects._refusal import Refused
from aic.passes.loop._affine import Form
from aic.passes.loop._dependence import order_of
from aic.passes.loop._naming import loop_named, named
from aic.passes.loop._statements import Nest, Statement
from aic.passes.loop._work import trips
from hypothesis import given, settings
from hypothesis import strategies as st

from .loop_programs import module_of, programs

Values = dict[str, int]


def _value(form: Form, nest: Nest, at: Values) -> int:
    return form.constant + sum(c * at[nest.variables[v]] for v, c in form.terms.items())


def _instances(nest: Nest, statement: Statement) -> list[Values]:
    """The statement's rounds, one by one; bounds may be variables of loops outside."""
    found: list[Values] = [{}]
    for each in statement.loops:
        found = [
            {**at, nest.variable(each): value}
            for at in found
            for value in (
                trips(each)
                or range(_value(nest.lower(each), nest, at), at.get(nest.variables.get(each.ub, ""), 0), _step(each))
            )
        ]
    return found


def _step(each) -> int:
    return each.step.owner.value.value.data


def _touches(nest: Nest):
    """(time by name, element, writes) of every access of every round."""
    for statement in nest.statements:
        for at in _instances(nest, statement):
            for access in statement.accesses:
                yield statement, at, (access.buffer, _value(access.place, nest, at)), access.writes


def _time(entries: list[str], at: Values) -> tuple[int, ...]:
    return tuple(-at[e[1:]] if e.startswith("-") and e[1:] in at else at[e] if e in at else int(e) for e in entries)


def _is_legal(nest: Nest, times) -> bool:
    for (s, x, e, w), (t, y, f, v) in product(list(_touches(nest)), repeat=2):
        depend = e == f and (w or v) and _time(nest.time(s), x) < _time(nest.time(t), y)
        if depend and not _time(times(s), x) < _time(times(t), y):
            return False
    return True


@settings(max_examples=40, deadline=None)
@given(programs(most_nests=1), st.data())
def test_legal_is_what_counting_finds_legal(text: str, data: st.DataObject) -> None:
    module = module_of(text)
    loops = [each.loop for each in named(module)]
    order = order_of("test", [loops[0]])
    if len(list(_touches(order.nest))) > 150 or not order.nest.statements:
        return
    names = [order.nest.variable(each) for each in loops]
    images = data.draw(st.permutations(names))
    signs = data.draw(st.lists(st.sampled_from(["", "-"]), min_size=len(names), max_size=len(names)))
    times = order.nest.replacing({n: s + i for n, s, i in zip(names, signs, images, strict=True)})
    known = [s for s in order.nest.statements if all(i.lstrip("-") in s_names(order.nest, s) for i in _vars(times(s)))]
    if len(known) == len(order.nest.statements):
        assert (order.broken(times) is None) == _is_legal(order.nest, times)


def s_names(nest: Nest, statement: Statement) -> set[str]:
    """The variables that a statement has."""
    return {nest.variable(each) for each in statement.loops}


def _vars(entries: list[str]) -> list[str]:
    return [e for e in entries if "d" in e]


STENCIL = """
kernel.func @k(%a: memref<8x8xf32>{arguments}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  scf.for %i = %c0 to %c7 step %c1 {{
    {body}
  }}
  kernel.return
}}
"""


def _refusal(body: str, arguments: str = "") -> str:
    module = module_of(STENCIL.format(body=body, arguments=arguments))
    with pytest.raises(Refused) as caught:
        order_of("test", [loop_named(module, "i", "test")])
    return " ".join(caught.value.__notes__)


def test_what_cannot_be_told_is_not_guessed():
    loaded = "%n = memref.load %x[%i] : memref<8xindex> %v = memref.load %a[%n, %n] : memref<8x8xf32>"
    assert "%n, made in the nest, is no affine form" in _refusal(loaded, ", %x: memref<8xindex>")
    square = "%n = arith.muli %i, %i : index %v = memref.load %a[%n, %n] : memref<8x8xf32>"
    assert "%n, made in the nest, is no affine form" in _refusal(square)
    views = (
        "%v = memref.view %x[%c0][] : memref<64xi8> to memref<8xf32>"
        " %w = memref.view %x[%c1][] : memref<64xi8> to memref<8xf32>"
        ' "memref.copy"(%v, %w) : (memref<8xf32>, memref<8xf32>) -> ()'
    )
    assert "two views of a buffer overlap" in _refusal(views, ", %x: memref<64xi8>")


def test_a_parameter_is_any_number_and_a_buffer_made_in_a_round_is_its_own():
    text = STENCIL.format(
        arguments=", %n: index",
        body="""%t = memref.alloca() : memref<8x8xf32>
    %v = memref.load %a[%i, %n] : memref<8x8xf32>
    memref.store %v, %t[%c0, %n] : memref<8x8xf32>
    %w = memref.load %t[%c0, %c1] : memref<8x8xf32>
    memref.store %w, %a[%i, %n] : memref<8x8xf32>""",
    )
    order = order_of("test", [loop_named(module_of(text), "i", "test")])
    assert order.broken(order.nest.replacing({"d0": "-d0"})) is None
    outside = text.replace("%t = memref.alloca() : memref<8x8xf32>", "").replace("  scf.for", ALLOCA, 1)
    order = order_of("test", [loop_named(module_of(outside), "i", "test")])
    found = order.broken(order.nest.replacing({"d0": "-d0"}))
    assert found is not None and found.buffer.name_hint == "t"


ALLOCA = "  %t = memref.alloca() : memref<8x8xf32>\n  scf.for"
