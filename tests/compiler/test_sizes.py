"""Which of several sizes the inputs of a run have."""

import numpy as np
import pytest
from aic.compiler.errors import UsageError
from aic.compiler.sizes import choosing, combinations, parts

MANIFEST = {
    "target": "t",
    "sizes": [{"dims": {"N": n}, "inputs": [{"shape": [n, 3]}, {"shape": [n]}]} for n in (1, 4)],
}


def test_every_choice_of_each_dimension():
    assert combinations({"N": (1, 4), "S": (8,)}) == ({"N": 1, "S": 8}, {"N": 4, "S": 8})


def test_a_part_is_a_manifest_with_its_number():
    assert [(part["size"], part["target"], part["dims"]) for part in parts(MANIFEST)] == [
        (0, "t", {"N": 1}),
        (1, "t", {"N": 4}),
    ]
    assert parts({"target": "t"}) == []


def test_the_code_of_a_size_is_made_when_it_is_first_wanted():
    made: list[int] = []

    def make(number: int):
        made.append(number)
        return lambda inputs: [inputs[0] * number]

    call = choosing(parts(MANIFEST), make)
    feed = [np.ones((4, 3)), np.ones(4)]
    assert [call(feed)[0].sum(), call(feed)[0].sum()] == [12, 12]
    assert made == [1]
    with pytest.raises(UsageError, match=r"expected the shapes of one of N=1; N=4, found \[2, 3\], \[2\]"):
        call([np.ones((2, 3)), np.ones(2)])
