"""Kernels in text, compiled to C and called: the tests of this folder need a C compiler."""

import ctypes
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aic.backends.c.build import FLAGS, Compiler, shared_object, uncached
from aic.backends.c.program import program
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser

Call = Callable[..., None]
STRICT = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-psabi")


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Call]:
    """`compiled(text)`: a function that runs `NAME_run` of a bufferized module on numpy arrays, outputs last."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")

    def build(text: str, vector_bytes: int = 32, flags: tuple[str, ...] = ("-march=native",)) -> Call:
        ctx = context()
        module = Parser(ctx, text).parse_module()
        run_pipeline(ctx, module, f"lower-kernel-to-loop{{vector-bytes={vector_bytes}}}", verify_each=True)
        made = program(module)
        (tmp_path / "model.h").write_text(made.header)
        quiet = tuple(f for f in FLAGS if f != "-w")
        compiler = Compiler(("cc",), (*quiet, *STRICT, *flags))
        library = tmp_path / f"model{len(list(tmp_path.glob('*.so')))}.so"  # a path is loaded but once per process
        shared_object([("all", made.source())], library, compiler, uncached(tmp_path), tmp_path)
        function = ctypes.CDLL(str(library)).model_run

        def call(*arrays: np.ndarray) -> None:
            assert all(a.flags.c_contiguous for a in arrays)
            assert function(*(ctypes.c_void_p(a.ctypes.data) for a in arrays)) == 0

        return call

    return build
