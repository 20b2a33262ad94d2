r"""The exponential, the logistic function, tanh and the softplus as arithmetic that loops can be vectorised with.

Compiled loops would call the C library for each number. The polynomials are those of the Cephes library (S. Moshier,
*Methods and Programs for Mathematical Functions*, 1989) and Taylor's, each with a relative error of a few last bits.
:math:`e^x = 2^n e^r` with n the integer next to :math:`x / \ln 2`, and :math:`|r| \le \ln(2) / 2`.
"""

import math
from functools import partial

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from .jit import jit

# Neither may the reduction to [-ln 2 / 2, ln 2 / 2] be reordered, nor may NaN be lost.
EXACT = {"contract"}
LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693359375, -2.12194440054690583e-4
# Of single and double precision: what the exponential is computed for, and the coefficients from x^2 on.
LOW_32, HIGH_32, LOW_64, HIGH_64 = -87.0, 88.0, -708.0, 709.0
EXP_32 = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
EXP_64 = tuple(1 / math.factorial(n) for n in range(13, 1, -1))
# From twice this on, tanh is one.
LARGE = 44.0
# log(1 + t) = 2 artanh(t / (2 + t)), for t from 0 to 1.
ARTANH_32 = tuple(1 / (2 * n + 1) for n in range(8, 0, -1))
ARTANH_64 = tuple(1 / (2 * n + 1) for n in range(18, 0, -1))

if config.DISABLE_JIT:

    def _power_of_two(n, like):
        """2^n of the type of `like`."""
        return np.ldexp(like, n)

else:

    @intrinsic
    def _power_of_two(typing, n, like):
        """2^n of the type of `like`, which is one, from its bits."""
        bits, behind, bias = (32, 23, 127) if like == types.float32 else (64, 52, 1023)

        def generate(context, builder, signature, args):
            integer = ir.IntType(bits)
            exponent = builder.sext(args[0], integer) if bits > 32 else args[0]
            return builder.bitcast(builder.shl(builder.add(exponent, integer(bias)), integer(behind)), args[1].type)

        return like(types.int32, like), generate


@partial(jit, fastmath=EXACT)
def _polynomial(x, terms, real):
    """Horner's rule, the highest power first."""
    total = real(terms[0])
    for i in range(1, len(terms)):
        total = total * x + real(terms[i])
    return total


@partial(jit, fastmath=EXACT)
def _parts(x, real, single):
    """2^n and e^r - 1; of a large |x| those of the end of the range."""
    low, high = real(LOW_32 if single else LOW_64), real(HIGH_32 if single else HIGH_64)
    x = low if x < low else (high if x > high else x)
    whole = np.floor(x * real(LOG2_E) + real(0.5))
    whole = whole if x == x else real(0)
    r = x - whole * real(LN2_HIGH)
    r = r - whole * real(LN2_LOW)
    tail = _polynomial(r, EXP_32, real) if single else _polynomial(r, EXP_64, real)
    return _power_of_two(np.int32(whole), real(1)), r + r * r * tail


@partial(jit, fastmath=EXACT)
def exp(x, real, single):
    """e^x."""
    power, rest = _parts(x, real, single)
    return power + power * rest


@partial(jit, fastmath=EXACT)
def logistic(x, real, single):
    """1 / (1 + e^-x)."""
    return real(1) / (real(1) + exp(-x, real, single))


@partial(jit, fastmath=EXACT)
def tanh(x, real, single):
    """(e^2x - 1) / (e^2x + 1), without cancellation and without a branch."""
    size = real(2) * abs(x)
    power, rest = _parts(real(LARGE) if size > real(LARGE) else size, real, single)
    less_one = power * rest + (power - real(1))
    return math.copysign(less_one / (less_one + real(2)), x)


@partial(jit, fastmath=EXACT)
def log_one_plus_exp(x, real, single):
    """log(1 + e^x), the softplus."""
    t = exp(-abs(x), real, single)
    s = t / (real(2) + t)
    tail = _polynomial(s * s, ARTANH_32, real) if single else _polynomial(s * s, ARTANH_64, real)
    positive = real(0) if x < 0 else x
    return positive + real(2) * (s + s * s * s * tail)
