"""Activation functions in the terms of arithmetic, exp, log1p, tanh and erf."""

import math

from xdsl.dialects.builtin import FloatAttr
from xdsl.ir import SSAValue

from ....dialects.graph import activation as graph
from ._build import Body
from ._scalars import is_unsigned, scalar


def parameter(t: Body, value: FloatAttr, x: SSAValue) -> SSAValue:
    """A float property in x's type."""
    return t.const(graph.number(value), x.type)


def exp_less_one(t: Body, x: SSAValue) -> SSAValue:
    """exp(x) - 1."""
    return t.sub(t.math("exp", x), t.const(1, x.type))


@scalar(graph.ReluOp)
def relu(t: Body, op: graph.ReluOp, x: SSAValue) -> SSAValue:
    """max(x, 0)."""
    return t.max(x, t.const(0, x.type), unsigned=is_unsigned(op.x))


@scalar(graph.LeakyReluOp)
def leaky_relu(t: Body, op: graph.LeakyReluOp, x: SSAValue) -> SSAValue:
    """x < 0 ? alpha x : x."""
    return t.select(t.cmp("lt", x, t.const(0, x.type)), t.mul(x, parameter(t, op.alpha, x)), x)


@scalar(graph.PReluOp)
def prelu(t: Body, op: graph.PReluOp, x: SSAValue, slope: SSAValue) -> SSAValue:
    """x < 0 ? slope x : x."""
    below = t.cmp("lt", x, t.const(0, x.type), unsigned=is_unsigned(op.lhs))
    return t.select(below, t.mul(x, slope), x)


@scalar(graph.EluOp)
def elu(t: Body, op: graph.EluOp, x: SSAValue) -> SSAValue:
    """x < 0 ? alpha (exp(x) - 1) : x."""
    curve = t.mul(parameter(t, op.alpha, x), exp_less_one(t, x))
    return t.select(t.cmp("lt", x, t.const(0, x.type)), curve, x)


@scalar(graph.CeluOp)
def celu(t: Body, op: graph.CeluOp, x: SSAValue) -> SSAValue:
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)."""
    zero, alpha = t.const(0, x.type), parameter(t, op.alpha, x)
    return t.add(t.max(x, zero), t.min(t.mul(alpha, exp_less_one(t, t.div(x, alpha))), zero))


@scalar(graph.SeluOp)
def selu(t: Body, op: graph.SeluOp, x: SSAValue) -> SSAValue:
    """gamma (x > 0 ? x : alpha (exp(x) - 1))."""
    curve = t.mul(parameter(t, op.alpha, x), exp_less_one(t, x))
    return t.mul(parameter(t, op.gamma, x), t.select(t.cmp("gt", x, t.const(0, x.type)), x, curve))


@scalar(graph.SigmoidOp)
def sigmoid(t: Body, op: graph.SigmoidOp, x: SSAValue) -> SSAValue:
    """1 / (1 + exp(-x))."""
    one = t.const(1, x.type)
    return t.div(one, t.add(one, t.math("exp", t.neg(x))))


@scalar(graph.HardSigmoidOp)
def hard_sigmoid(t: Body, op: graph.HardSigmoidOp, x: SSAValue) -> SSAValue:
    """alpha x + beta, cut to 0..1."""
    line = t.add(t.mul(x, parameter(t, op.alpha, x)), parameter(t, op.beta, x))
    return t.min(t.max(line, t.const(0, x.type)), t.const(1, x.type))


@scalar(graph.SoftplusOp)
def softplus(t: Body, op: graph.SoftplusOp, x: SSAValue) -> SSAValue:
    """max(x, 0) + log1p(exp(-|x|)), which does not overflow."""
    return t.add(t.max(x, t.const(0, x.type)), t.math("log1p", t.math("exp", t.neg(t.abs(x)))))


@scalar(graph.SoftsignOp)
def softsign(t: Body, op: graph.SoftsignOp, x: SSAValue) -> SSAValue:
    """x / (1 + |x|)."""
    return t.div(x, t.add(t.const(1, x.type), t.abs(x)))


@scalar(graph.GeluOp)
def gelu(t: Body, op: graph.GeluOp, x: SSAValue) -> SSAValue:
    """x / 2 (1 + erf(x / sqrt 2)), or the same with tanh of a cubic for erf."""
    if op.approximate.data == "none":
        curve = t.math("erf", t.mul(x, t.const(math.sqrt(0.5), x.type)))
    else:
        cube = t.mul(t.mul(t.mul(t.const(graph.GELU_CUBIC, x.type), x), x), x)
        curve = t.math("tanh", t.mul(t.const(graph.GELU_LINEAR, x.type), t.add(x, cube)))
    return t.mul(t.mul(t.const(0.5, x.type), x), t.add(curve, t.const(1, x.type)))
