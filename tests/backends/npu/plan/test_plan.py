"""How far layers of a group run behind each other, strip by strip."""

from aic.backends.npu.layer import Copy, Elementwise, Layer, Pool, Tensor, View
from aic.backends.npu.plan.plan import read_early, skews
from aic.backends.npu.plan.row_strips import separable


def tensor(name: str, channels: int = 16) -> Tensor:
    return Tensor(name, 1, 8, 8, channels)


def copy(x: Tensor, out: Tensor, channel: int = 0) -> Layer:
    part = View(out, (0, 0, 0, channel), (1, 8, 8, x.channels))
    return Copy(name=f"{x.name} to {out.name}", x=View.whole(x), out=part)


def test_a_layer_is_one_strip_behind_what_it_reads() -> None:
    a, b, c = map(tensor, "abc")
    assert skews([copy(a, b), copy(b, c), copy(b, tensor("d"))]) == [0, 1, 1]


def test_those_that_write_one_tensor_do_so_together() -> None:
    a, b, c, d = map(tensor, "abcd")
    both = tensor("both", 32)
    layers = [copy(a, both), copy(b, c), copy(c, d), copy(d, both, 16), copy(both, tensor("end", 32))]
    assert skews(layers) == [2, 0, 1, 2, 3]
    assert separable(layers)


def test_what_is_read_before_the_last_part_is_written_has_no_strips() -> None:
    a, b = map(tensor, "ab")
    both = tensor("both", 32)
    whole = Copy(name="early", x=View(both, (0, 0, 0, 0), (1, 8, 8, 16)), out=View.whole(b))
    layers = [copy(a, both), whole, copy(b, both, 16)]
    assert read_early(layers) == {id(both)}
    assert skews(layers) == [0, 1, 2]
    assert not separable(layers)


def test_a_layer_may_read_the_rows_that_it_writes_a_part_of() -> None:
    a, both = tensor("a"), tensor("both", 32)
    first, second = (View(both, (0, 0, 0, at), (1, 8, 8, 16)) for at in (0, 16))
    pair = Elementwise(name="sum", a=View.whole(a), b=first, out=second, mode="add")
    assert not read_early([pair]) and separable([pair])
    window = Pool(name="pool", x=first, out=second, mode="max", kernel=(3, 3), pads=(1, 1, 1, 1))
    assert read_early([window]) == {id(both)}
