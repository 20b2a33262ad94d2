"""Arrays as the instructions of a kernel see them: addresses, numbers, and vectors that fill a register.

For the few kernels that are written with llvmlite, in `products` and `sparse_products`, because the loops that numba
compiles do not keep their sums in registers.
"""

from llvmlite import binding, ir
from numba import config
from numba.core import cgutils


def _bytes_of_a_register():
    """Bytes of a register that kernels are written for; 0 where BLAS is to make the products."""
    if config.DISABLE_JIT or config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return 0
    # what this process was built for, even where another processor emulates it; NEON and its FMA are always there
    if binding.get_process_triple().startswith(("aarch64", "arm64")):
        return 16
    if not config.ENABLE_AVX:
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

    def piece(self, vectors, first, count):
        """`count` of the numbers of `vectors`, from number `first` on."""
        vectors, first, width = vectors[first // self.lanes :], first % self.lanes, self.lanes
        while first + count > 2 * width:  # a shuffle takes two vectors
            pairs, width = zip(vectors[::2], [*vectors[1::2], vectors[-1]], strict=False), 2 * width
            vectors = [self.shuffle(a, b, range(width)) for a, b in pairs]
        return self.shuffle(*[*vectors, vectors[-1]][:2], range(first, first + count))

    def spread(self, number):
        """A vector of one number."""
        nothing = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        return self.shuffle(first, first, [0] * self.lanes)

    def load_spread(self, address):
        """A vector of the number at an address."""
        number = self.load(address, self.number)
        if REGISTER == 16:
            # NEON's FMA takes a single lane as a factor. Behind a fence the number is loaded into one; else LLVM makes
            # a load into all lanes of it, which costs an arithmetic unit's time and a chain of addresses.
            kind, name = ir.FunctionType(self.number, [self.number]), f"llvm.arithmetic.fence.f{8 * self.size}"
            number = self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [number])
        return self.spread(number)


def operands(context, builder, signature, arrays):
    """The first arguments of a kernel, those that are arrays."""
    kinds = signature.args[: len(arrays)]
    return [Operand(context, builder, kind, array) for kind, array in zip(kinds, arrays, strict=True)]


def constant(i):
    """An index as a constant."""
    return ir.IntType(64)(i)
