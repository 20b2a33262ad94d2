"""Arrays as the instructions of a kernel see them: addresses, numbers, and vectors that fill a register.

For the few kernels that are written with llvmlite, in `products` and `sparse_products`, because the loops that numba
compiles do not keep their sums in registers.
"""

from llvmlite import binding, ir
from numba import config
from numba.core import cgutils


def _bytes_of_a_register():
    """Bytes of a register that kernels are written for; 0 where BLAS is to make the products."""
    set_by_user = config.CPU_NAME is not None or config.CPU_FEATURES is not None or not config.ENABLE_AVX
    if config.DISABLE_JIT or set_by_user:
        return 0
    has = binding.get_host_cpu_features().get
    return 64 if has("avx512f") else 32 if has("avx2") and has("fma") else 0


REGISTER = _bytes_of_a_register()


class Operand:
    """An array argument of a kernel, seen from the generator of its instructions."""

    def __init__(self, context, builder, kind, value):
        array = context.make_array(kind)(context, builder, value)
        self.builder, self.number = builder, context.get_data_type(kind.dtype)
        self.size = kind.dtype.bitwidth // 8
        self.lanes = REGISTER // self.size
        self.vector = ir.VectorType(self.number, self.lanes)
        self.data = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        self.shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
        self.strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)

    def at(self, *index):
        """Address of an element."""
        address = self.data
        for i, stride in zip(index, self.strides, strict=True):
            address = self.builder.gep(address, [self.builder.mul(i, stride)])
        return address

    def load(self, address, kind):
        """A number, or a vector of consecutive ones."""
        return self.builder.load(self.builder.bitcast(address, kind.as_pointer()), align=self.size)

    def store(self, value, address):
        """Write a number or a vector."""
        self.builder.store(value, self.builder.bitcast(address, value.type.as_pointer()), align=self.size)

    def fma(self, a, b, c):
        """``a * b + c`` of vectors, rounded once."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.lanes}f{8 * self.size}"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c])

    def shuffle(self, a, b, lanes):
        """A vector of some `lanes` of two vectors; the numbers of the lanes of `b` follow those of `a`."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
        return self.builder.shuffle_vector(a, b, mask)

    def spread(self, number):
        """A vector of one number."""
        nothing = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        return self.shuffle(first, first, [0] * self.lanes)


def operands(context, builder, signature, arrays):
    """The first arguments of a kernel, those that are arrays."""
    kinds = signature.args[: len(arrays)]
    return [Operand(context, builder, kind, array) for kind, array in zip(kinds, arrays, strict=True)]


def constant(i):
    """An index as a constant."""
    return ir.IntType(64)(i)
