"""The processor that a script runs on, and the folder of its results.

A ratio of speeds holds for the processor on which it was measured: another generation of the same family can turn it
round. So results are kept in a folder for each processor, under ``results/``.
"""

import os
import platform
import re
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"

# Words of a processor's name that tell nothing about it.
NOISE = r"\((r|tm)\)|@.*|\b\d+-core\b|\b(cpu|processor)\b"


def cpuinfo(path="/proc/cpuinfo"):
    """Fields of the first processor as Linux tells them; empty elsewhere."""
    try:
        first = Path(path).read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


def name(fields=None):
    """Name of the processor; in a virtual machine often that of its family alone."""
    fields = cpuinfo() if fields is None else fields
    return fields.get("model name") or platform.processor() or platform.machine()


def generation(fields=None):
    """Numbers that tell generations of a family apart, such as 25-17; empty where nobody tells them."""
    fields = cpuinfo() if fields is None else fields
    pairs = ("cpu family", "model"), ("CPU implementer", "CPU part")
    return next((f"{fields[a]}-{fields[b]}" for a, b in pairs if a in fields and b in fields), "")


def title():
    """Name and generation."""
    return f"{name()} {generation()}".strip()


def n_cores():
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def slug(fields=None, cores=None):
    """Name of the folder: name, generation and number of cores, such as amd-epyc-25-17-2-cores."""
    words = re.findall(r"[a-z0-9]+", re.sub(NOISE, " ", name(fields).lower()))
    return "-".join([*words, *filter(None, [generation(fields)]), str(cores or n_cores()), "cores"])


def folder():
    """Where scripts write the results of this processor."""
    return RESULTS / slug()


def measured_on(rates):
    """What a record tells about the machine: `rates` are those of `machine.Machine`."""
    try:
        package = version("skl-sae")
    except PackageNotFoundError:
        package = "from a checkout"
    return {
        "date": date.today().isoformat(),
        "processor": name(),
        "generation": generation(),
        "cores": n_cores(),
        "gflops": rates["flops"] / 1e9,
        "gbytes": rates["bytes"] / 1e9,
        "skl_sae": package,
        "python": platform.python_version(),
        "numpy": version("numpy"),
    }
