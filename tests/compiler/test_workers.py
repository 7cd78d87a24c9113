"""Work spread over processes: the same results in the same order; what is asked wrongly is told."""

import importlib.util
import os

import pytest
from aic.compiler.errors import MissingToolError, UsageError
from aic.compiler.workers import mapped


def double(x: int) -> tuple[int, int]:
    return 2 * x, os.getpid()


def test_one_worker_is_this_process():
    assert list(mapped(double, [1, 2])) == [(2, os.getpid()), (4, os.getpid())]


@pytest.mark.parametrize("workers", ["0", "-1", "many", ""])
def test_a_number_or_an_address(workers: str):
    with pytest.raises(UsageError, match="--workers"):
        list(mapped(double, [1], workers))


@pytest.mark.skipif(importlib.util.find_spec("distributed") is not None, reason="dask.distributed is here")
def test_a_cluster_needs_its_library():
    with pytest.raises(MissingToolError, match="distributed"):
        list(mapped(double, [1], "tcp://localhost:1"))


def test_processes_keep_the_order():
    assert [result for result, _ in mapped(abs_and_pid, [-3, 2, -1], "2")] == [3, 2, 1]


def abs_and_pid(x: int) -> tuple[int, int]:
    return abs(x), os.getpid()
