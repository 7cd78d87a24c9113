"""The `.mlir` tests under lit, each RUN line a process of its own; pytest runs the same lines in one process."""

import os
import sys

import lit.formats

config.name = "aic"  # noqa: F821  lit puts `config` here
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.test_source_root = os.path.dirname(__file__)  # noqa: F821
programs = os.path.dirname(sys.executable)
config.environment["PATH"] = os.pathsep.join([programs, config.environment.get("PATH", "")])  # noqa: F821
