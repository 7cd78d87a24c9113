"""The language of rules: what patterns fit, what results make, and what is said of a file that is wrong."""

import os
from pathlib import Path

import pytest
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from aic.dialects._report import Report, collecting
from aic.passes._rules import RuleError, read, rewriter
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

F, G = "tensor<4xf32>", "tensor<2x4xf32>"


def module(body: str, types: str = f"%x: {F}, %y: {F}, %z: {F}") -> ModuleOp:
    """A function whose last line is `return VALUE : TYPE`."""
    *ops, last = [line.strip() for line in body.strip().splitlines()]
    result = last.partition(" : ")[2]
    lines = "\n".join([*ops, f"func.{last}"])
    return Parser(context(), f"func.func @main({types}) -> {result} {{\n{lines}\n}}").parse_module()


def applied(tmp_path: Path, rules: str, found: ModuleOp, **options: str) -> str:
    """The ops of the module after the rules, by name."""
    file = tmp_path / "r.rules"
    file.write_text(rules)
    told = " ".join(f"{k}={v}" for k, v in options.items())
    run_pipeline(context(), found, f'apply-rules{{rules="{file}" {told}}}')
    return " ".join(op.name.removeprefix("graph.") for op in found.walk() if op.name.startswith("graph."))


def binary(op: str, a: str, b: str) -> str:
    return f"graph.{op} {a}, {b} : ({F}, {F}) -> {F}"


ERRORS = {
    "rule a: retshape(x) => x": ("1:9", "unknown op retshape; did you mean reshape?"),
    "rule a: add(x, y) => sub(x, z)": ("1:29", "no value is called z"),
    "rule a: add(x) => x": ("1:9", "add has 2 operands (lhs, rhs), found 1"),
    "rule a: softmax{axes = a}(x) => x": ("1:17", "softmax has no property axes, it has axis; did you mean axis?"),
    "rule a: add(x: flot, y) => x": ("1:16", "unknown kind flot; did you mean float?"),
    "rule a: add(x, y) => x where ranks(x) == 1": ("1:30", "unknown function ranks; did you mean rank?"),
    "rule a: add(x, y) => x where rank(x, y) == 1": ("1:30", "rank takes 1 arguments, found 2"),
    "rule a: add(x, y) => x where q": ("1:30", "nothing is called q"),
    "rule a: unry f(x) => x": ("1:9", "unknown family unry; did you mean unary?"),
    "rule a: softmax{axis = x}(x) => x": ("1:27", "x stands for a field already, not a value"),
    "rule a: topk(x, y) => x": ("1:9", "unknown op topk"),
    "rule a: dynamic_quantize(x) => x": ("1:9", "dynamic_quantize makes 3 results; rules are about ops that make one"),
    "rule a: neg(x) => relu{..how}(x)": ("1:26", "no properties are called how"),
    "rule a: neg(f32) => f32": ("1:13", "f32 is a word of its own, not a name"),
    "rule a: neg(x) -> x": ("1:16", "expected '=>' or 'as', found '-'"),
    "rule a: neg(x) =>": ("1:18", "found the end of the file"),
    "rule a: x => x": ("1:6", "expected an op to be looked for"),
    "rule a: neg(x) => x\nrule a: abs(x) => x": ("2:6", "a rule a stands in line 1 already"),
    "rule a: pad{low = l, low = m}(x, _) => x": ("1:22", "low is given twice"),
    "rule a: neg(x) => x where rank(x) == $": ("1:38", "found '$'"),
}


@pytest.mark.parametrize("text", ERRORS)
def test_errors_have_a_place_a_caret_and_a_proposal(text: str, tmp_path: Path):
    file = tmp_path / "bad.rules"
    file.write_text(text)
    place, told = ERRORS[text]
    with pytest.raises(RuleError) as caught:
        read(file)
    first, line, caret = str(caught.value).split("\n")
    assert first.startswith(f"bad.rules:{place}: ") and told in first
    row, column = map(int, place.split(":"))
    assert line == f"  {text.splitlines()[row - 1]}" and caret.rstrip("^") == " " * (column + 1)


def test_the_same_name_is_the_same_value(tmp_path: Path):
    rule = "rule r: sub(mul(a, b), mul(a, c)) => mul(a, sub(b, c))"
    both = [
        "%0 = " + binary("mul", "%x", "%y"),
        "%1 = " + binary("mul", "%z", "%x"),
        "%2 = " + binary("sub", "%0", "%1"),
    ]
    assert applied(tmp_path, rule, module("\n".join([*both, f"return %2 : {F}"]))) == "sub mul"
    both[1] = "%1 = " + binary("mul", "%z", "%z")
    assert applied(tmp_path, rule, module("\n".join([*both, f"return %2 : {F}"]))) == "mul mul sub"


def test_constants_of_the_same_bits_are_the_same(tmp_path: Path):
    body = """%c = graph.constant dense<{}> : tensor<f32>
    %d = graph.constant dense<{}> : tensor<f32>
    %0 = graph.mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %1 = graph.mul %0, %d : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    return %1 : tensor<4xf32>"""
    rule = "rule r: mul(mul(x, c), c) => mul(x, mul(c, c))"
    assert applied(tmp_path, rule, module(body.format("3.0", "3.0"))) == "constant mul"
    assert applied(tmp_path, rule, module(body.format("0.0", "-0.0"))) == "constant constant mul mul"


def test_operands_change_places_unless_they_are_ordered(tmp_path: Path):
    text = f"%0 = graph.neg %x : ({F}) -> {F}\n%1 = {binary('add', '%y', '%0')}\nreturn %1 : {F}"
    assert applied(tmp_path, "rule r: add(neg(a), b) => sub(b, a)", module(text)) == "sub"
    assert applied(tmp_path, "rule r ordered: add(neg(a), b) => sub(b, a)", module(text)) == "neg add"
    other = text.replace("graph.add", "graph.div")
    assert applied(tmp_path, "rule r: div(neg(a), b) => sub(b, a)", module(other)) == "neg div"


def test_a_result_of_another_type_does_not_take_the_place(tmp_path: Path):
    text = f"""%c = graph.constant dense<1.0> : tensor<2x1xf32>
    %0 = graph.mul %x, %c : ({F}, tensor<2x1xf32>) -> {G}
    return %0 : {G}"""
    report = Report()
    with collecting(report):
        assert applied(tmp_path, "rule r: mul(x, 1) => x", module(text)) == "constant mul"
    (remark,) = report.remarks()
    assert not remark.applied and remark.text == f"the result would be {F}, not {G}"


def test_rewrites_are_counted_by_rule_and_can_be_limited(tmp_path: Path):
    lines = [f"%{i + 1} = graph.neg {f'%{i}' if i else '%x'} : ({F}) -> {F}" for i in range(5)]
    text = "\n".join([*lines, f"return %5 : {F}"])
    with collecting(report := Report()):
        assert applied(tmp_path, "rule twice: neg(neg(x)) => x", module(text)) == "neg"
    assert report.step.rewrites == {"twice": 2} and report.step.saved["twice"] == 2 * 4 * 4
    with collecting(Report(limit=1)):
        assert applied(tmp_path, "rule twice: neg(neg(x)) => x", module(text)) == "neg neg neg"


def test_benefit_goes_before_order_and_fast_waits(tmp_path: Path):
    rules = "rule a: neg(x) => abs(x)\nrule b benefit 2: neg(x) => relu(x)\nrule c fast 0 benefit 3: neg(x) => sign(x)"
    text = f"%0 = graph.neg %x : ({F}) -> {F}\nreturn %0 : {F}"
    assert applied(tmp_path, rules, module(text)) == "relu"
    assert applied(tmp_path, rules, module(text), fast="true") == "sign"
    assert applied(tmp_path, rules, module(text), skip="b") == "abs"
    assert applied(tmp_path, rules, module(text), only="a") == "abs"
    with pytest.raises(RuleError, match="no rule is called bb; did you mean b"):
        applied(tmp_path, rules, module(text), only="bb")


def test_rules_without_end_are_stopped_and_named(tmp_path: Path):
    text = f"%0 = graph.neg %x : ({F}) -> {F}\nreturn %0 : {F}"
    with pytest.raises(RuleError, match=r"without end: (to|fro) \(\d+ times\), (to|fro)"):
        applied(tmp_path, "rule to: neg(x) => abs(x)\nrule fro: abs(x) => neg(x)", module(text))


def test_numbers_all_over_and_properties_as_numbers(tmp_path: Path):
    text = f"%0 = graph.leaky_relu %x {{alpha = 0.25 : f64}} : ({F}) -> {F}\nreturn %0 : {F}"
    found = module(text)
    assert applied(tmp_path, "rule r: leaky_relu{alpha = a}(x) => mul(x, a)", found) == "constant mul"
    assert "dense<2.500000e-01> : tensor<f32>" in str(found)
    assert applied(tmp_path, "rule r: mul(_, c: const) => 7.0", found) == "constant"


def test_what_others_read_stays(tmp_path: Path):
    text = f"""func.func @main(%x: {F}) -> ({F}, {F}) {{
      %0 = graph.neg %x : ({F}) -> {F}
      %1 = graph.neg %0 : ({F}) -> {F}
      func.return %1, %0 : {F}, {F}
    }}"""
    found = Parser(context(), text).parse_module()
    assert applied(tmp_path, "rule r: neg(neg(x) as y) => x where one_use(y)", found) == "neg neg"
    assert applied(tmp_path, "rule r: neg(neg(x)) => x", found) == "neg"


def test_a_file_is_compiled_once_and_again_when_it_changes(tmp_path: Path):
    file = tmp_path / "r.rules"
    file.write_text("rule a: neg(x) => abs(x)")
    first = rewriter([file])
    assert rewriter([file]) is first
    file.write_text("rule b: neg(x) => abs(x)")
    os.utime(file, ns=(1, 1))
    assert [r.name for r in rewriter([file]).rules] == ["b"]


def test_files_that_are_not_there():
    with pytest.raises(RuleError, match="No such file"):
        rewriter([Path("nowhere.rules")])


def test_an_entry_point_offers_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "theirs.rules").write_text("rule r: neg(x) => abs(x)")
    folder = tmp_path / "theirs-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[aic.rules]\ntheirs = their_rules\n")
    (tmp_path / "their_rules.py").write_text('"""A package of rules."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    found = module(f"%0 = graph.neg %x : ({F}) -> {F}\nreturn %0 : {F}")
    run_pipeline(context(), found, "apply-rules{rules=theirs}")
    assert "graph.abs" in str(found)
