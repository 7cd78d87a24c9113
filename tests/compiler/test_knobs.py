"""Where a knob's value comes from: the environment, a file, the default."""

from pathlib import Path

import pytest
from aic.compiler import knobs
from aic.compiler.errors import UsageError


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for knob in knobs.knobs():
        monkeypatch.delenv(knob.variable, raising=False)
    monkeypatch.chdir(tmp_path)
    knobs.configuration.cache_clear()
    yield
    knobs._config_file.clear()
    knobs.configuration.cache_clear()


def test_default():
    assert (knobs.DEBUG.get(), knobs.DEBUG.origin()) == (0, "default")


def test_the_environment_comes_before_the_file(monkeypatch):
    Path("aic.toml").write_text('debug = 2\ncache-dir = "/x"\n')
    assert (knobs.DEBUG.get(), knobs.DEBUG.origin()) == (2, "aic.toml")
    monkeypatch.setenv("AIC_DEBUG", "4")
    assert (knobs.DEBUG.get(), knobs.DEBUG.origin()) == (4, "AIC_DEBUG")
    assert knobs.CACHE_DIR.get() == Path("/x")


def test_the_table_of_a_project_file():
    Path("pyproject.toml").write_text('[tool.aic]\ntarget = "npu"\n')
    assert (knobs.TARGET.get(), knobs.TARGET.origin()) == ("npu", "pyproject.toml")


def test_a_file_that_was_asked_for(tmp_path):
    (tmp_path / "my.toml").write_text("num-threads = 3\n")
    knobs.configure(tmp_path / "my.toml")
    assert knobs.NUM_THREADS.get() == 3
    with pytest.raises(UsageError, match="no such file"):
        knobs.configure(tmp_path / "other.toml")


def test_nonsense_names_its_origin(monkeypatch):
    monkeypatch.setenv("AIC_DEBUG", "many")
    with pytest.raises(UsageError, match=r"AIC_DEBUG = 'many'"):
        knobs.DEBUG.get()
    Path("aic.toml").write_text("debug = [\n")
    knobs.configuration.cache_clear()
    with pytest.raises(UsageError, match=r"aic.toml"):
        knobs.TARGET.get()


def test_an_empty_variable_of_ours_counts_as_unset(monkeypatch):
    monkeypatch.setenv("AIC_TARGET", "")
    assert knobs.TARGET.get() == "c"


def test_every_knob_has_a_line_of_help():
    assert all(knob.help and "\n" not in knob.help for knob in knobs.knobs())
