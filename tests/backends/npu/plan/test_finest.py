"""Layers so large that strips of single rows are all that has room."""

from aic.backends.npu.layer import Elementwise, Network, Pool, Tensor, View
from aic.backends.npu.machine import machine_from
from aic.backends.npu.plan.search import Search


def test_a_strip_of_one_row() -> None:
    x, y = Tensor("x", 1, 256, 256, 64, "bf16"), Tensor("y", 1, 128, 128, 64, "bf16")
    layer = Pool(name="pool", x=View.whole(x), out=View.whole(y), mode="max", kernel=(2, 2), stride=(2, 2))
    (group,) = Search(Network([layer], [x], [y]), machine_from("gemmini-like")).plan().groups
    assert group.strips.count == 128


def test_where_two_rows_have_no_room_nothing_is_loaded_ahead() -> None:
    tensors = [Tensor(name, 1, 7, 7, 2048, "f32") for name in "abc"]
    a, b, out = map(View.whole, tensors)
    layer = Elementwise(name="sum", a=a, b=b, out=out, mode="add", numbers=(1.0, 1.0, 0.0))
    (group,) = Search(Network([layer], tensors[:2], tensors[2:]), machine_from("gemmini-like")).plan().groups
    assert group.strips.count == 7 and not group.ahead
