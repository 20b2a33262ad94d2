"""A graph of ONNX operations as it is built: nodes, and the arrays that they read. Only `Graph.model` needs onnx."""

import numpy as np

from .._extras import extra

# The first version of the operators that has all that are used here, and the version of the file format of its time
# (onnx 1.6, onnxruntime 1.0).
OPSET, IR_VERSION = 11, 6
# Bytes that a file may have: protobuf counts in 32 bits. Names and nodes need little of that.
LARGEST_FILE, OF_NODES = (1 << 31) - 1, 1 << 20


class Graph:
    """Nodes by what they compute: the same operation on the same inputs is one node, and an array is kept once.

    Parameters
    ----------
    dtype : dtype
        Of all floating numbers.
    """

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self.inputs, self.outputs = {}, {}
        self.nodes, self.arrays = {}, {}

    def input(self, name, width):
        """Declare an input (n_samples, width)."""
        self.inputs[name] = width
        return name

    def output(self, value, name, width):
        """Declare a value (n_samples, width) as an output of this name."""
        self.nodes["Identity", (value,), ()] = name
        self.outputs[name] = width

    def constant(self, array, name):
        """Keep an array under a name; the same object is kept once, under its first name."""
        known = next((each for each, kept in self.arrays.items() if each == name or kept is array), name)
        self.arrays.setdefault(known, array)
        return known

    def number(self, value, name):
        """Keep a number of the graph's type."""
        return self.constant(self.dtype.type(value), name)

    def add(self, operator, *inputs, **attributes):
        """Apply an operator; of one with several outputs, all names are returned.

        Parameters
        ----------
        operator : str
        *inputs : str
            Names of values.
        **attributes : int or ndarray
            Of the operator.

        Returns
        -------
        name : str or tuple of str
        """
        key = operator, inputs, tuple(sorted(attributes.items()))
        if key not in self.nodes:
            name = f"{operator}_{len(self.nodes)}"
            self.nodes[key] = (f"{name}_values", f"{name}_indices") if operator == "TopK" else name
        return self.nodes[key]

    def zeros_like(self, value):
        """Zeros of the shape of a value."""
        return self.add("ConstantOfShape", self.add("Shape", value), value=self.dtype.type(0))

    @property
    def nbytes(self):
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def model(self, metadata, **producer):
        """Make the model, checked.

        Parameters
        ----------
        metadata : dict of str to str
            Properties that are kept with the model.
        **producer : str
            Name and version of what has made it.

        Returns
        -------
        model : onnx.ModelProto

        Raises
        ------
        ValueError
            If the arrays are larger than a file can be.
        """
        if self.nbytes > LARGEST_FILE - OF_NODES:
            raise ValueError(
                f"An ONNX file holds 2 GB; got weights of {self.nbytes / 2**30:.1f} GB. Fit on float32 data instead of "
                "float64, or with fewer units; or save in another format."
            )
        with extra("onnx"):
            from onnx import checker, helper, numpy_helper
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)

        def values(widths):
            return [helper.make_tensor_value_info(name, kind, ["n_samples", n]) for name, n in widths.items()]

        arrays = [numpy_helper.from_array(np.asarray(array), name) for name, array in self.arrays.items()]
        nodes = [self._node(helper, numpy_helper, *key, name) for key, name in self.nodes.items()]
        graph = helper.make_graph(nodes, "skl_sae", values(self.inputs), values(self.outputs), arrays)
        operators = [helper.make_operatorsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=operators, ir_version=IR_VERSION, **producer)
        helper.set_model_props(model, metadata)
        checker.check_model(model, full_check=True)
        return model

    @staticmethod
    def _node(helper, numpy_helper, operator, inputs, attributes, name):
        """A node; an attribute that is not an int is a tensor of one number."""
        outputs = [name] if isinstance(name, str) else list(name)
        attributes = {
            key: value if isinstance(value, int) else numpy_helper.from_array(np.reshape(value, 1), key)
            for key, value in attributes
        }
        return helper.make_node(operator, list(inputs), outputs, name=f"node_{outputs[0]}", **attributes)
