"""A function applied to many things: here, in processes of this machine, or on a cluster.

for result in mapped(cycles, machines, "4"): ..                     four processes
for result in mapped(cycles, machines, "tcp://scheduler:8786"): ..  a dask.distributed scheduler (extra [cluster])
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol, TypeVar

from .errors import MissingToolError, UsageError

A = TypeVar("A")
B = TypeVar("B")


def mapped(work: Callable[[A], B], items: Sequence[A], workers: str = "1") -> Iterator[B]:
    """Results in the order of `items`, as they come. `work` has to be a function of a module. UsageError if `workers`
    is neither a number nor an address, MissingToolError without the library that an address needs."""
    if "://" in workers:
        with clustered(workers) as cluster:
            yield from cluster.get_executor(pure=False).map(work, items)
        return
    if not workers.isascii() or not workers.isdigit() or workers == "0":
        raise UsageError(f"--workers {workers}: expected a number of processes, or tcp://HOST:PORT")
    if workers == "1" or len(items) < 2:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(min(int(workers), len(items))) as pool:
        yield from pool.map(work, items)


class Cluster(Protocol):
    """What we want of a dask.distributed client."""

    def get_executor(self, *, pure: bool) -> Executor:
        """What runs functions on the workers."""
        ...

    def run(self, function: Callable[[A], B], argument: A) -> dict[str, B]:
        """What the function answers on each worker."""
        ...


@contextmanager
def clustered(address: str) -> Iterator[Cluster]:
    """The workers of a dask scheduler. MissingToolError without the library."""
    try:
        distributed = import_module("distributed")
    except ImportError:
        message = "--workers tcp://..: dask.distributed is not installed"
        raise MissingToolError(message, suggestion="pip install 'aic-compiler[cluster]'") from None
    with distributed.Client(address) as client:
        yield client
