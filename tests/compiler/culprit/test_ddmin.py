"""Delta debugging on lists whose culprits are known."""

import pytest
from aic.compiler.culprit.ddmin import ddmin
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1, max_size=4)))
)
def test_what_is_needed_and_nothing_else_is_left(case):
    count, needed = case
    assert set(ddmin(range(count), lambda part: needed <= set(part))) == needed


def test_one_culprit_of_many_takes_few_questions():
    asked = []
    assert ddmin(range(1024), lambda part: bool(asked.append(1)) or 700 in part) == [700]
    assert len(asked) <= 2 * 10


def test_order_is_kept_and_no_part_asked_about_twice():
    asked = []

    def fails(part):
        asked.append(tuple(part))
        return "b" in part and "y" in part

    assert ddmin("abcxyz", fails) == ["b", "y"]
    assert len(asked) == len(set(asked)) and all(list(part) == sorted(part) for part in asked)


@pytest.mark.parametrize("items", ["", "a"])
def test_nothing_to_take_away(items):
    assert ddmin(items, lambda part: True) == list(items)
