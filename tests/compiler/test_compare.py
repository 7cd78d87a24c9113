"""How far arrays are apart: NaN and infinities, integers, shapes, the limits one may set."""

import numpy as np
import pytest
from aic.compiler.compare import Difference, Tolerance, difference

A = np.array([1.0, -2.0, 100.0], np.float32)


def test_equal_arrays_have_no_difference() -> None:
    assert difference(A, A.copy()) == Difference(worst=(0,), size=3)


def test_the_default_tolerance_follows_the_largest_magnitude() -> None:
    near, far = A.copy(), A.copy()
    near[0] += 0.009
    far[0] += 0.02
    assert Tolerance().accepts(difference(near, A)) and not Tolerance().accepts(difference(far, A))
    found = difference(far, A)
    assert found.mismatched == 1 and found.worst == (0,) and found.maxabs == pytest.approx(0.02, rel=1e-4)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_nan_and_infinities_must_stand_in_the_same_places(special: float) -> None:
    b = A.copy()
    b[1] = special
    assert Tolerance().accepts(difference(b, b.copy()))
    assert not Tolerance().accepts(difference(A, b)) and not Tolerance().accepts(difference(b, A))


def test_integers_and_bools_are_exact_unless_a_tolerance_is_set() -> None:
    a, b = np.array([1, 2], np.int8), np.array([1, 3], np.int8)
    assert not Tolerance().accepts(difference(a, b))
    assert Tolerance(atol=1).accepts(difference(a, b, Tolerance(atol=1)))
    assert not Tolerance().accepts(difference(a > 1, b > 3))


def test_the_first_wrong_element_is_told_with_both_values() -> None:
    a, b = np.array([[1, 2], [3, 9]], np.int8), np.array([[1, 2], [4, 5]], np.int8)
    assert difference(a, b).place == "2 of 4 differ, first [1, 0]: 3 instead of 4"
    assert difference(a, a).place == ""


def test_shapes_and_types_must_agree() -> None:
    assert "float64[3], expected float32[3]" in difference(A.astype(np.float64), A).shape
    assert not Tolerance().accepts(difference(A[:2], A))


def test_metrics() -> None:
    found = difference(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    assert found.cosine == pytest.approx(0.5**0.5) and found.sqnr == pytest.approx(10 * np.log10(2))
    assert difference(np.nextafter(A, np.float32(1000)), A).ulp == 1


def test_limits_on_demand() -> None:
    found = difference(np.array([1.0, 1.01]), np.array([1.0, 1.0]))
    assert not Tolerance().accepts(found)
    assert Tolerance(min_cosine=0.999).accepts(found) and not Tolerance(min_cosine=0.999999).accepts(found)
    assert not Tolerance(min_sqnr=80).accepts(found) and not Tolerance(max_ulp=2).accepts(found)


def test_empty_arrays_agree() -> None:
    assert Tolerance().accepts(difference(np.zeros((0, 3)), np.zeros((0, 3))))
