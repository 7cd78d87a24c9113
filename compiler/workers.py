"""A function applied to many things: here, in processes of this machine, or on a cluster.

for result in mapped(cycles, machines, "4"): ..                     four processes
for result in mapped(cycles, machines, "tcp://scheduler:8786"): ..  a dask.distributed scheduler (extra [cluster])
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from typing import TypeVar

from .errors import MissingToolError, UsageError

A = TypeVar("A")
B = TypeVar("B")


def mapped(work: Callable[[A], B], items: Sequence[A], workers: str = "1") -> Iterator[B]:
    """Results in the order of `items`, as they come. `work` has to be a function of a module. UsageError if `workers`
    is neither a number nor an address, MissingToolError without the library that an address needs."""
    if "://" in workers:
        yield from _clustered(work, items, workers)
        return
    if not workers.isascii() or not workers.isdigit() or workers == "0":
        raise UsageError(f"--workers {workers}: expected a number of processes, or tcp://HOST:PORT")
    if workers == "1" or len(items) < 2:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(min(int(workers), len(items))) as pool:
        yield from pool.map(work, items)


def _clustered(work: Callable[[A], B], items: Sequence[A], address: str) -> Iterator[B]:
    try:
        distributed = import_module("distributed")
    except ImportError:
        message = "--workers tcp://..: dask.distributed is not installed"
        raise MissingToolError(message, suggestion="pip install 'aic-compiler[cluster]'") from None
    with distributed.Client(address) as client:
        futures = client.map(work, items, pure=False)
        for future in futures:
            yield future.result()
