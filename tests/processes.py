"""Code that runs in a process of its own, since it forks, is killed or must start from nothing."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def run_well(code, *arguments, timeout, **environment):
    """Run code that prints "well" at its end; the helpers in this folder can be imported."""
    path = os.pathsep.join(map(str, [TESTS.parent, TESTS]))
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, cwd=TESTS.parent)
    assert result.returncode == 0 and result.stdout.strip().endswith("well"), result.stdout + result.stderr
