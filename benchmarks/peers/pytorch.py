"""PyTorch, written as its users write it: `nn.Linear`, `loss.backward()`, `torch.optim.Adam`, its own threads."""

import shutil
from itertools import pairwise

import torch
from torch import nn

from cases import LEARNING_RATE

from ._base import Peer, Unsuitable


class Autoencoder(nn.Module):
    """Linear layers of the given widths; the layer in the middle is the code."""

    def __init__(self, case, sizes):
        super().__init__()
        self.case, self.middle = case, len(sizes) // 2 - 1
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    @property
    def decoder(self):
        """Weights (outputs, units) of the layer behind the code."""
        return self.layers[self.middle + 1].weight

    def encode(self, x):
        for layer in self.layers[: self.middle]:
            x = torch.relu(layer(x))
        a = self.layers[self.middle](x)
        if self.case.rule == "topk":
            values, index = torch.topk(a, self.case.k, dim=-1)
            return torch.zeros_like(a).scatter_(-1, index, torch.relu(values))
        return torch.sigmoid(a) if self.case.rule == "kl" else torch.relu(a)

    def decode(self, x):
        for layer in self.layers[self.middle + 1 : -1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)

    def forward(self, x):
        code = self.encode(x)
        return code, self.decode(code)


def objective(case, x, code, y):
    """Squared error and penalty, mean over rows."""
    value = (y - x).square().sum(1).mean()
    if case.rule == "l1" and case.alpha:
        return value + case.alpha * code.abs().sum(1).mean()
    if case.rule == "kl":
        t, q = case.target, code.mean(0)
        return value + case.alpha * (t * torch.log(t / q) + (1 - t) * torch.log((1 - t) / (1 - q))).sum()
    return value


def project(weight, gradient):
    """Remove from the gradient of each unit's column its part along the column."""
    gradient -= weight * (weight * gradient).sum(0)


def normalise(weight):
    weight /= weight.norm(dim=0)


class Torch(Peer):
    """Eager, with Adam as it comes."""

    optimizer = {}

    def build(self, layers):
        torch.manual_seed(0)
        self.model = Autoencoder(self.case, self.case.sizes(layers[0][0].shape[0]))
        with torch.no_grad():
            for layer, (weight, intercept) in zip(self.model.layers, layers):
                layer.weight.copy_(torch.from_numpy(weight.T.copy()))
                layer.bias.copy_(torch.from_numpy(intercept))
        self.adam = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, **self.optimizer)
        self.project, self.normalise = project, normalise

    def loss(self, x):
        code, y = self.model(x)
        return objective(self.case, x, code, y)

    def train(self, X):
        total, n = 0.0, 0
        for x in map(torch.from_numpy, self.batches(X)):
            self.adam.zero_grad()
            loss = self.loss(x)
            loss.backward()
            self.step()
            total += loss.item() * len(x)
            n += len(x)
        return total / n

    def step(self):
        if self.case.rule != "l1":
            self.adam.step()
            return
        with torch.no_grad():
            self.project(self.model.decoder, self.model.decoder.grad)
            self.adam.step()
            self.normalise(self.model.decoder)

    def reconstruct(self, X):
        with torch.no_grad():
            return self.model(torch.from_numpy(X))[1].numpy()

    # transform.py

    def encode(self, X):
        with torch.inference_mode():
            return self.model.encode(torch.from_numpy(X))

    def decode(self, codes):
        with torch.inference_mode():
            return self.model.decode(codes)


class TorchFused(Torch):
    """With the fused kernel of Adam."""

    optimizer = {"fused": True}


class TorchCompiled(TorchFused):
    """Fused Adam, and everything before it through `torch.compile`."""

    def build(self, layers):
        if not any(map(shutil.which, ("g++", "clang++", "cl"))):
            raise Unsuitable("torch.compile needs a C++ compiler")
        super().build(layers)
        self.loss = torch.compile(self.loss)
        self.project, self.normalise = torch.compile(project), torch.compile(normalise)


class TorchBFloat16(TorchFused):
    """Fused Adam, products in bfloat16: another precision, so for orientation only."""

    def loss(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            code, y = self.model(x)
        return objective(self.case, x, code.float(), y.float())


class TorchOwnStart(Torch):
    """Eager Adam from PyTorch's own initial weights."""

    def build(self, layers):
        super().build(layers)
        for layer in self.model.layers:
            layer.reset_parameters()


def describe():
    """Version, threads, and the instructions in use."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads, {capability}"
