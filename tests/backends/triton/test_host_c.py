"""The C launcher, built without CUDA and run against a driver without a device: modules, order, grids, arguments."""

import ctypes
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from aic.backends.target import TargetError
from aic.backends.triton.build import shared_object
from aic.backends.triton.compile import Binary
from aic.backends.triton.host_c import bits, blob, block, embedded, header, source
from aic.backends.triton.kernel import Kernel, Parameter
from aic.backends.triton.program import Family, Launch, Place, Port, Program
from aic.backends.triton.statics import Statics
from aic.dialects.graph._blob import Blob

from ._cuda import fake_cubin, fake_driver, run_fake
from ._kernels import ADD, MATMUL, SOFTMAX

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
ARCHS = ("sm_80", "sm_90")
SCALED = Kernel(
    "scaled",
    "",
    (Parameter("x", "*fp16", elements=4096, written=True), Parameter("n", "i32", 1), Parameter("by", "fp32", 1)),
)
W = 64 * 128 * 2
PROGRAM = Program(
    "net",
    {kernel.name: kernel for kernel in (MATMUL, SOFTMAX, ADD, SCALED)},
    (
        Launch(
            MATMUL.name,
            (
                Place("input", 0, W),
                Place("weight", 0, 2 * W),
                Place("weight", 2 * W, 256),
                Place("arena", 0, W),
            ),
            (1, 2, 1),
        ),
        Launch(SOFTMAX.name, (Place("arena", 0, W), Place("arena", W, W)), (8, 1, 1)),
        Launch(
            ADD.name,
            (Place("arena", 0, W), Place("arena", W + 8192, W // 2), Place("output", 0, W // 2)),
            (4, 1, 1),
        ),
        Launch(SCALED.name, (Place("output", 0, W // 2), -7, 0.5), (1, 2, 3)),
    ),
    (Port("x", "float16", (64, 128), W),),
    (Port("y", "float16", (4096,), W // 2),),
    2 * W,
    2 * W,
    Blob((), {}, 2 * W + 256),
)


def binaries(shared: int = 1024) -> dict[tuple[str, str], Binary]:
    like = Statics(32, 0, 0, shared, 4, 1, {})
    return {
        (name, arch): Binary(fake_cubin(name), name, shared, 128, 0, "", like)
        for name in PROGRAM.kernels
        for arch in ARCHS
    }


def built(folder: Path, made: dict[tuple[str, str], Binary], *programs: Program) -> Path:
    folder.mkdir(exist_ok=True)
    family = Family(programs)
    (folder / "net_gpu.h").write_text(header(family))
    (folder / "net_gpu.c").write_text(source(family, ARCHS, made))
    (folder / "net.binaries").write_bytes(blob(family, ARCHS, made)[0])
    (folder / "net.weights").write_bytes(bytes(range(256)) * (family.weights.size // 256))
    data = embedded("net_binaries", "net.binaries") + embedded("net_gpu_weights", "net.weights")
    (folder / "net_gpu_data.c").write_text(data)
    return shared_object(folder, "net", "cc", ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_driver(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("net"), binaries(), PROGRAM).parent


def run(
    folder: Path, driver: Path, device: str = "90", runs: int = 1, numbers: tuple[int, ...] = ()
) -> tuple[object, list[str]]:
    sizes, kernels = ([W], [W // 2]), list(PROGRAM.kernels.values())
    return run_fake(folder, "net", kernels, sizes, driver=driver, device=device, runs=runs, numbers=numbers)


def test_launches_with_their_grids_and_places_in_order_as_one_graph(net, driver):
    answer, calls = run(net, driver, runs=2)
    arena, x, y = 0, 2 * W, 3 * W
    launches = [
        f"launch matmul_bias_relu 1,2,1 128 1024 p0+{x} p1+0 p1+{2 * W} w0+{arena}",
        f"launch softmax 8,1,1 128 1024 p0+{arena} w0+{W}",
        f"launch add_relu 4,1,1 128 1024 p0+{arena} p0+{W + 8192} w0+{y}",
        f"launch scaled 1,2,3 128 1024 w0+{y} {2**32 - 7} {0x3F000000}",
    ]
    one = [f"to-device 0+{x} {W}", "graph", *launches, f"to-host 0+{y} {W // 2}", "wait"]
    loaded = [f"to-device 1+0 {2 * W + 256}", "wait"]
    assert calls == [*loaded, *one, *one, "wait", "release contexts=0 allocations=0 modules=0"]
    assert answer == [0, ["a5a5a5a5"]]


def test_where_no_graph_can_be_captured_it_launches_one_by_one(net, driver):
    answer, calls = run(net, driver, device="80")
    assert "graph" not in calls
    assert [call.split()[1] for call in calls if call.startswith("launch")] == [l.kernel for l in PROGRAM.launches]
    assert answer == [0, ["a5a5a5a5"]]


@pytest.mark.parametrize(("device", "code"), [("86", 0), ("89", 0), ("75", 1002), ("100", 1002), ("", 100)])
def test_the_binaries_of_the_devices_own_generation(net, driver, device, code):
    answer, calls = run(net, driver, device=device)
    assert answer == (code or [0, ["a5a5a5a5"]])
    assert not [call for call in calls if call.startswith("WRONG")]
    assert not code or not any("allocations=" in call and "allocations=0" not in call for call in calls)


SMALL = replace(
    PROGRAM,
    launches=PROGRAM.launches[:1],
    inputs=(Port("x", "float16", (32, 128), W // 2),),
    outputs=(Port("y", "float16", (2048,), W // 4),),
    arena_bytes=W,
    kernels={MATMUL.name: MATMUL},
    sizes={"N": 32},
)
"""The same model for half as many rows, as far as the launcher can tell."""


@pytest.mark.parametrize("device", ["90", "80"])
def test_each_of_several_sizes_has_its_launches_on_the_same_weights(tmp_path, driver, device):
    built(tmp_path, binaries(), SMALL, replace(PROGRAM, sizes={"N": 64}))
    answer, calls = run(tmp_path, driver, device, runs=3, numbers=(1, 0, 1))
    assert answer == [0, ["a5a5a5a5"]]
    launched = [call.split()[1] for call in calls if call.startswith("launch")]
    large = [launch.kernel for launch in PROGRAM.launches]
    assert launched == [*large, MATMUL.name, *large]
    copies = [call for call in calls if call.startswith("to-")]
    one, other = [f"to-device 0+{2 * W} {W}", f"to-host 0+{3 * W} {W // 2}"], [f"to-device 0+{W} {W // 2}"]
    assert copies == [f"to-device 1+0 {2 * W + 256}", *one, *other, f"to-host 0+{W + W // 2} {W // 4}", *one]
    assert calls[-1] == "release contexts=0 allocations=0 modules=0"
    assert run(tmp_path, driver, device, numbers=(2,))[0][0] == 1004  # pyright: ignore[reportIndexIssue]


def test_the_smallest_size_that_holds_what_is_asked_for(tmp_path):
    sizes = [{"N": n, "S": s} for n in (1, 4) for s in (64, 128)]
    built(tmp_path, binaries(), *(replace(PROGRAM, sizes=dims) for dims in sizes))
    size = ctypes.CDLL(str(tmp_path / "net_gpu.so")).net_gpu_size
    size.argtypes = [ctypes.c_int64] * 2
    assert [size(*dims.values()) for dims in sizes] == [0, 1, 2, 3]
    assert [size(1, 65), size(2, 1), size(4, 100), size(5, 1), size(1, 129)] == [1, 2, 3, -1, -1]
    text = (tmp_path / "net_gpu.h").read_text()
    assert "int net_gpu_size(int64_t size0 /* N */, int64_t size1 /* S */);" in text
    assert "#define NET_GPU_SIZES {{1, 64}, {1, 128}, {4, 64}, {4, 128}}" in text


def test_without_a_driver_it_says_so(net, tmp_path):
    empty = tmp_path / "libcuda.so.1"
    empty.write_text("")
    assert run(net, empty)[0] == 1001


def test_much_shared_memory_is_asked_for(tmp_path, driver):
    built(tmp_path, binaries(shared=98304), PROGRAM)
    answer, calls = run(tmp_path, driver)
    assert answer == [0, ["a5a5a5a5"]]
    assert sum(" 98304 " in call for call in calls if call.startswith("launch")) == 4


def test_a_kernel_that_is_not_in_its_binary_is_found_out(tmp_path, driver):
    made = binaries()
    wrong = replace(made[ADD.name, "sm_90"], code=fake_cubin("other"))
    built(tmp_path, made | {(ADD.name, "sm_90"): wrong}, PROGRAM)
    answer, calls = run(tmp_path, driver)
    assert answer == 500
    assert "WRONG entry add_relu" in calls
    assert calls[-1] == "release contexts=0 allocations=0 modules=0"


def test_inputs_and_outputs_lie_behind_the_arena():
    lies = block(replace(PROGRAM, arena_bytes=2 * W - 1))
    assert (lies.inputs, lies.outputs, lies.bytes) == ((2 * W,), (3 * W,), 3 * W + W // 2)


@pytest.mark.parametrize(
    ("number", "type", "expected"), [(-1, "i32", 2**32 - 1), (-1, "i64", 2**64 - 1), (1, "fp32", 0x3F800000)]
)
def test_numbers_are_handed_over_as_bits(number, type, expected):
    assert bits(number, type) == expected


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((Place("arena", 0, W),), "3 parameters, 1 arguments"),
        (
            (Place("arena", 8, W), Place("arena", 0, W), Place("arena", W, W)),
            "x is promised to be divisible by 16, found 8",
        ),
        ((Place("arena", 0, 64), Place("arena", 0, W), Place("arena", W, W)), "x reaches 8192 bytes, of 64"),
        ((3, Place("arena", 0, W), Place("arena", W, W)), r"x is of type \*fp16, found 3"),
    ],
)
def test_a_launch_that_breaks_a_promise_is_refused(arguments, told):
    with pytest.raises(TargetError, match=told):
        replace(PROGRAM, launches=(Launch(ADD.name, arguments, (4, 1, 1)),))


def test_a_c_compiler_that_fails_is_told_of(tmp_path):
    (tmp_path / "net_gpu.c").write_text("no C")
    (tmp_path / "net_gpu_data.c").write_text("")
    with pytest.raises(TargetError, match="failed with exit code"):
        shared_object(tmp_path, "net", "cc")
    with pytest.raises(TargetError, match="not found") as caught:
        shared_object(tmp_path, "net", "no-such-cc")
    assert caught.value.missing
