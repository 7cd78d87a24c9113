"""Assembly: the text of an example, what is refused and where, and that text and program are the same."""

from pathlib import Path

import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.emit.asm import AsmError, assemble, disassemble
from aic.backends.npu.isa import float_value
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Instruction, Program

EDGE = machine_from("edge")
EXAMPLE = (Path(__file__).parent / "example.npuasm").read_text()


def test_the_example_reads_as_it_is_meant():
    program = assemble(EXAMPLE, EDGE)
    assert len(program.text) == 4 + 4 * 4 + 1
    assert [s.role for s in program.segments] == ["input", "weights", "output", "params"]
    assert [s.writable for s in program.segments] == [False, False, True, False]
    assert program.sems[1] == ("a_free", "mxu", "lda", 2)
    product = program.text[9]
    assert (product.name, product.local("x"), product.local("z")) == ("mm", (1, 0x2000), (3, 0x4000))
    assert (product.waits, product.signals, product.queue) == ((1, 6), (2, 5), 2)
    kind, fields = program.desc(product)
    assert kind == "gemm" and (fields["mx"], fields["my"], fields["ax"], fields["sc1"]) == (64, 1, 8, 2)
    assert program.text[11].dram == (2, 0x1000)
    _, fields = program.desc(program.text[10])
    assert (fields["dtype"], fields["rnd"], fields["lo"], fields["hi"]) == (2, 0, -128, 127)


def test_the_example_comes_back():
    program = assemble(EXAMPLE, EDGE)
    text = disassemble(program)
    assert assemble(text, EDGE) == program
    assert disassemble(assemble(text, EDGE)) == text


def test_repetitions_nest_and_count():
    text = ".rep 2 i\n.rep {i + 1} j\nmark.lda id={i * 10 + j}\n.endr\n.endr\nhalt"
    assert [i.d for i in assemble(text, EDGE).text] == [0, 10, 11, 0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7", 7),
        ("0x10 + 2 * 3", 22),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3),
        ("-7 / 2 + 10", 6),
        ("7 % 4 - 1", 2),
        ("--3", 3),
    ],
)
def test_expressions(expression: str, value: int):
    assert assemble(f"mark.st id={{{expression}}}", EDGE).text[0].d == value


def test_numbers_with_a_point_are_floats():
    _, fields = assemble(".desc v vec imm0=0.5, imm1=-1.5e-3, imm2=3, lo=-1.0, hi=2.0", EDGE).table[1]
    assert (float_value(fields["imm0"]), fields["imm2"]) == (0.5, 3)
    assert abs(float_value(fields["imm1"]) + 1.5e-3) < 1e-9
    assert (fields["lo"] & 0xFFFF, fields["hi"]) == (0xBF80, 0x4000)


def test_the_layer_of_a_mark_is_a_comment():
    program = Program(EDGE, [Instruction("mark", d=0, f=2)], marks=[Mark("a;b\n", (), "matrix", 0)])
    assert disassemble(program) == "mark.mxu id=0  ; a;b?\n"
    assert assemble(disassemble(program), EDGE).text == program.text


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("mm x=spad:0, d=q", (1, 16), "no descriptor q"),
        (".desc q dma n0=1\nmm x=spad:0, d=q", (2, 16), "kind gemm, q is dma"),
        ("foo x=1", (1, 1), "expected .desc or .seg or .sem or an instruction or the end of the line, found 'foo'"),
        (".desc g gemm mx=3, ax=17", (1, 23), "E-ENC ax: expected a multiple of 16"),
        (".desc g gemm mx=0", (1, 17), "E-ENC expected 1 to 65535"),
        (".desc g gemm m=3", (1, 14), "gemm has no field m"),
        (".desc g gemm mx=3, mx=3", (1, 20), "mx is given twice"),
        (".desc g conv mx=3", (1, 9), "expected dma, gemm or vec"),
        (".desc v vec rnd=up", (1, 17), "expected one of tflite, gemmlowp, ort, onnx"),
        (".desc v vec nx=1.5", (1, 16), "nx: expected an integer"),
        (".desc v vec imm0=1.0e99", (1, 18), "beyond the range"),
        (".desc d dma n0=1\n.desc d dma n0=1", (2, 7), "the name d is taken"),
        ("v.pool x=spad:0", (1, 1), "one of .max .avg .avgp"),
        ("mm.relu", (1, 1), "no suffix .relu"),
        ("mm x=spad:8", (1, 11), "multiple of 16"),
        ("mm x=5", (1, 4), "expected x=MEMORY:BYTE"),
        ("ld.a x=spad:0, g=spad:0", (1, 16), "expected g=dram:SEGMENT+BYTE"),
        ("ld.a x=spad:0, g=dram:Q+0", (1, 23), "no segment Q"),
        ("v.act.lut y=spad:0", (1, 11), "v.act takes d, x, z, found y"),
        ("fill x=spad:0", (1, 1), "expected d"),
        ("st x=spad:0 g=dram:0+0", (1, 13), "found 'g=dram:0+0'"),
        ("mm x=", (1, 6), "found the end of the line"),
        ("@", (1, 1), "found '@'"),
        ("mark.mxu id=70000", (1, 13), "0 to 65535"),
        ("sync.mxu wait(a)", (1, 15), "no semaphore a"),
        (".sem a lda -> lda", (1, 15), "another queue"),
        (".sem a lda -> st init 256", (1, 23), "0 to 255"),
        (".sem a lda -> st\nsync.st wait(a) wait(a, a)", (2, 25), "at most two"),
        (".seg 16 A 4", (1, 6), "0 to 15"),
        (".seg 0 A 4 cache", (1, 12), "expected input, weights"),
        (".seg 0 A 4\n.seg 0 B 4", (2, 6), "segment 0 is taken"),
        (".rep 3\n.endr", (1, 1), "expected .rep COUNT NAME"),
        (".rep 3 i\nhalt", (1, 1), ".rep without .endr"),
        (".endr", (1, 1), "expected a .rep"),
        (".rep 9999999 i\nhalt\n.endr", (1, 1), "repetitions"),
        (".rep 1000000 i\n.rep 1000000 j\nhalt\n.endr\n.endr", (3, 1), "lines after expansion"),
        (".rep 2 i\nmark.st id={j}\n.endr", (2, 13), "no loop counts j"),
        ("mark.st id={1/0}", (1, 16), "division by 0"),
        ("mark.st id={(1}", (1, 15), "expected )"),
        ("mark.st id={1 2}", (1, 14), "expected an operator"),
        ("mark.st id={" + "(" * 50 + "}", (1, 45), "parentheses"),
        ("mark.st id={9999999999 * 9999999999}", (1, 36), "too large"),
        ("mark.st id={", (1, 12), "{ without }"),
        ("mark.st id={'__import__'}", (1, 13), "expected a number or a name"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: tuple[int, int], message: str):
    with pytest.raises(AsmError) as error:
        assemble(text, EDGE)
    assert message in error.value.message
    assert (error.value.line, error.value.column) == place
    assert str(error.value).endswith("^")
