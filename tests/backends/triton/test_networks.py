"""Networks with all their binaries: tensor cores where products are, no spills, launches and numbers as in numpy.

G1 binaries of every kernel for sm_80 and sm_90; G2 the Python module under Triton's own interpreter; G3 the C library
on a driver without a device, which checks binaries, names, grids, threads and the range of every argument.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aic.backends.triton.kernel import Kernel, Parameter
from aic.compiler.driver import Compiled, Options, compile_model

from ...compiler.networks import NETWORKS
from ._cuda import fake_driver, run_fake

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
HERE = Path(__file__).parent
NAMES = ("transformer", "inverted_residual")
"""Together at most 30 kernels."""


@pytest.fixture(scope="module", params=NAMES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Compiled]:
    model, _ = NETWORKS[request.param]()
    options = Options(settings={"arch": "sm_90", "precision": "f16"}, kinds=("py", "so"), name="net")
    out = tmp_path_factory.mktemp(request.param) / "made"
    return request.param, compile_model(model, "triton", out, options)


def test_binaries(made: tuple[str, Compiled]):
    _, compiled = made
    kernels = compiled.manifest["kernels"]
    assert len(kernels) <= 15
    for arch, instructions in (("sm_80", ("mma",)), ("sm_90", ("wgmma", "mma"))):
        for kernel in kernels:
            like = compiled.manifest["statics"][arch][kernel["name"]]
            assert like["spilled"] == 0
            assert like["resident"] >= 1
            assert (like["tensor"] in instructions) == (kernel["dots"] > 0)


def test_the_python_module_under_tritons_interpreter(made: tuple[str, Compiled]):
    name, compiled = made
    _, inputs = NETWORKS[name]()
    np.savez(compiled.folder / "inputs.npz", *inputs.values())
    line = ["env", "TRITON_INTERPRET=1", sys.executable, str(HERE / "_interpreted.py"), str(compiled.folder), "net"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with np.load(compiled.folder / "outputs.npz") as found:
        for one, other in zip(found.values(), compiled.load()([*inputs.values()]), strict=True):
            scale = max(1.0, float(np.abs(other).max()))
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-3 * scale)  # f16 rounds where sums end otherwise


def test_the_c_library_on_a_driver_without_a_device(made: tuple[str, Compiled], tmp_path: Path):
    _, compiled = made
    manifest = compiled.manifest
    kernels = [
        Kernel(k["name"], "", tuple(Parameter(**parameter) for parameter in k["parameters"]))
        for k in manifest["kernels"]
    ]
    sizes = tuple(
        [int(np.prod(port["shape"])) * np.dtype(port["dtype"]).itemsize for port in manifest[kind]]
        for kind in ("inputs", "outputs")
    )
    answer, calls = run_fake(compiled.folder, "net", kernels, sizes, driver=fake_driver(tmp_path))
    assert not [call for call in calls if call.startswith("WRONG")]
    assert answer[0] == 0
    done = [call.split()[1:3] for call in calls if call.startswith("launch")]
    assert done == [[step["kernel"], ",".join(map(str, step["grid"]))] for step in manifest["launches"]]
    assert calls[-1] == "release contexts=0 allocations=0 modules=0"
