"""InferenceSession: onnxruntime's manners, specialisations, what it refuses."""

import gc
import json
import weakref
from pathlib import Path

import aic
import numpy as np
import onnx
import pytest
from aic.compiler import cache
from aic.compiler.session import InferenceSession
from onnx import TensorProto, helper

from .models import dense, expected, reshaping

X = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path):
    cache.use(cache.open_cache(tmp_path / "cache"))
    yield
    cache._chosen.clear()


@pytest.mark.parametrize("provider", ["interpreter", "c"])
def test_a_model_runs(provider: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(dense(), path)
    for source in (path, str(path), path.read_bytes(), dense()):
        with aic.InferenceSession(source, providers=[provider]) as session:
            assert session.get_providers() == [provider]
            (y,) = session.run(None, {"x": X})
            np.testing.assert_allclose(y, expected(X), rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(session.run(["y"], {"x": X})[0], y)


def test_inputs_outputs_and_what_the_model_says_of_itself() -> None:
    session = InferenceSession(dense(), providers=["interpreter"])
    (x,), (y,) = session.get_inputs(), session.get_outputs()
    assert (x.name, x.type, x.shape) == ("x", "tensor(float)", ["N", 4])
    assert (y.name, y.type, y.shape) == ("y", "tensor(float)", ["N", 40])
    meta = session.get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.custom_metadata_map) == ("tests", "dense", {"author": "nobody"})


def test_a_specialisation_is_built_for_new_shapes_and_kept() -> None:
    session = InferenceSession(dense(), aic.SessionOptions(kept=2), providers=["interpreter"])
    for rows in (3, 5, 3, 7):
        x = np.ones((rows, 4), np.float32)
        np.testing.assert_allclose(session.run(None, {"x": x})[0], expected(x), rtol=1e-5)
    assert [key[0] for key in session._built] == [((3, 4),), ((7, 4),)]


def test_a_model_whose_shapes_hang_on_a_value_is_built_for_the_value() -> None:
    session = InferenceSession(reshaping(), providers=["interpreter"])
    for shape in ([3, 2], [6, 1], [3, 2]):
        (y,) = session.run(None, {"x": X[:2, :3], "s": np.array(shape)})
        assert list(y.shape) == shape
    assert len(session._built) == 2


def test_inputs_need_not_be_contiguous_or_arrays() -> None:
    session = InferenceSession(dense(), providers=["interpreter"])
    wide = np.zeros((3, 8), np.float32)
    wide[:, ::2] = X
    np.testing.assert_allclose(session.run(None, {"x": wide[:, ::2]})[0], expected(X), rtol=1e-5)

    class Array:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return X

    np.testing.assert_allclose(session.run(None, {"x": Array()})[0], expected(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({}, "'x' is missing"),
        ({"x": X, "z": X}, "'z' is missing or unknown"),
        ({"x": X.astype(np.float64)}, "expected float32, found float64"),
        ({"x": np.ones((3, 5), np.float32)}, r"expected shape \[N, 4\], found \[3, 5\]"),
    ],
)
def test_inputs_that_do_not_fit_are_named(feed: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(aic.AicError, match=message):
        InferenceSession(dense(), providers=["interpreter"]).run(None, feed)


def test_an_unknown_output_or_provider_is_named() -> None:
    with pytest.raises(aic.UsageError, match="no output 'z'; there is: y"):
        InferenceSession(dense(), providers=["interpreter"]).run(["z"], {"x": X})
    with pytest.raises(aic.UsageError, match=r"there is: .*interpreter"):
        InferenceSession(dense(), providers=["CUDAExecutionProvider"])


def test_outputs_belong_to_the_caller() -> None:
    session = InferenceSession(dense(3), providers=["c"])
    first = session.run(None, {"x": X})[0]
    kept = first.copy()
    session.run(None, {"x": -X})
    np.testing.assert_array_equal(first, kept)


def test_an_artifact_runs_on_its_own_shapes_only(tmp_path: Path) -> None:
    call = aic.compile(dense(), out=tmp_path / "art", dims={"N": 3})
    np.testing.assert_allclose(call(X)[0], expected(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(call(x=X)[0], expected(X), rtol=1e-5, atol=1e-6)
    session = InferenceSession(tmp_path / "art")
    np.testing.assert_allclose(session.run(None, {"x": X})[0], expected(X), rtol=1e-5, atol=1e-6)
    with pytest.raises(aic.UsageError, match=r"expected shape \[3, 4\], found \[5, 4\]"):
        session.run(None, {"x": np.ones((5, 4), np.float32)})
    with pytest.raises(aic.UsageError, match="built for target c"):
        InferenceSession(tmp_path / "art", providers=["interpreter"])


def test_a_closed_session_frees_what_it_holds_and_runs_no_more() -> None:
    session = InferenceSession(dense(3), providers=["c"])
    held = weakref.ref(session._last)
    session.close()
    gc.collect()
    assert held() is None
    with pytest.raises(aic.UsageError, match="closed"):
        session.run(None, {"x": X})


def test_profiling_writes_a_chrome_trace(tmp_path: Path) -> None:
    options = aic.SessionOptions(enable_profiling=True, profile_file_prefix=str(tmp_path / "p"))
    session = InferenceSession(dense(3), options, providers=["interpreter"])
    session.run(None, {"x": X})
    trace = json.loads(Path(session.end_profiling()).read_text())
    assert [event["name"] for event in trace["traceEvents"]] == ["run"]


def test_threads_that_are_not_there_are_told_of(monkeypatch, caplog, tmp_path: Path):
    folder = aic.compile(dense(3), out=tmp_path / "one").folder
    monkeypatch.setenv("AIC_NUM_THREADS", "3")
    found = InferenceSession(folder).run(None, {"x": X})
    assert "3 threads were asked for;" in caplog.text and "is built for 1" in caplog.text
    np.testing.assert_array_equal(found[0], InferenceSession(dense(3), providers=["c"]).run(None, {"x": X})[0])


def test_threads_compute_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=(256, 256)).astype(np.float32) for _ in "xw")
    value, result = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [256, 256]) for n in "xy")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = helper.make_model(
        helper.make_graph([node], "g", [value], [result], [helper.make_tensor("w", 1, w.shape, w)])
    )
    found = {n: aic.compile(model, f"c,threads={n}", tmp_path / str(n)) for n in (1, 2)}
    assert [found[n].compiled.manifest.get("threads") for n in (1, 2)] == [None, 2]
    fewer = InferenceSession(found[2].folder, aic.SessionOptions(intra_op_num_threads=1))
    whole = InferenceSession(model, aic.SessionOptions(intra_op_num_threads=2), providers=["c"])
    (want,) = found[1](x)
    for same in (found[2](x)[0], fewer.run(None, {"x": x})[0], whole.run(None, {"x": x})[0]):
        np.testing.assert_array_equal(same, want)
    np.testing.assert_allclose(want, x @ w, rtol=1e-3, atol=1e-4)  # sums of 256 terms in another order


def test_a_session_that_closes_leaves_another_one_of_its_artifact_alone(tmp_path: Path) -> None:
    folder = aic.compile(dense(3), out=tmp_path / "twice").folder
    one, other = InferenceSession(folder), InferenceSession(folder)
    want = one.run(None, {"x": X})
    other.close()
    del other
    gc.collect()
    np.testing.assert_array_equal(one.run(None, {"x": X}), want)  # the weights were unmapped under it
