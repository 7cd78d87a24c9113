"""Layers so large that strips of single rows are all that has room."""

from aic.backends.npu.layer import Network, Pool, Tensor, View
from aic.backends.npu.machine import machine_from
from aic.backends.npu.plan.search import Search


def test_a_strip_of_one_row() -> None:
    x, y = Tensor("x", 1, 256, 256, 64, "bf16"), Tensor("y", 1, 128, 128, 64, "bf16")
    layer = Pool(name="pool", x=View.whole(x), out=View.whole(y), mode="max", kernel=(2, 2), stride=(2, 2))
    (group,) = Search(Network([layer], [x], [y]), machine_from("gemmini-like")).plan().groups
    assert group.strips.count == 128
