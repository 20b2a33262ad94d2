"""The processes of a comparison, seen from the one that asks."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Failed(Exception):
    """A worker's error; the message is the note in the report."""


class Worker:
    """A process of `worker.py`, or of another script that serves a session; see there for what can be asked."""

    def __init__(self, peer, *rest, script="worker.py"):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        command = [sys.executable, str(HERE / script), peer, *map(str, rest)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True)
        self._reply()

    def ask(self, do, **arguments):
        """Send a request and wait for the answer."""
        try:
            print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # `_reply` tells more
        return self._reply()

    def _reply(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().splitlines()[-1:]
            raise Failed(f"the process ended with {self.process.wait()}: {' '.join(last)}")
        answer = json.loads(line)
        if "error" in answer:
            self.close()
            raise Failed(answer["error"])
        return answer

    def close(self):
        """Let the process end."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def start(peers, case, folder, notes, script="worker.py"):
    """Workers by peer; a peer that can't be started leaves a note instead. Each is ready before the next starts."""
    workers = {}
    for peer in peers:

        def ready(peer=peer):
            workers[peer] = Worker(peer, case, folder, script=script)

        attempt(workers, peer, notes, ready)
    return workers


def attempt(workers, peer, notes, work):
    """Result of `work`; where it fails the peer drops out with a note, unless it is ours."""
    try:
        return work()
    except Failed as error:
        if peer in ("ours", "machine"):
            raise
        notes[peer] = str(error)
        workers.pop(peer, None)
        print(f"  {peer}: skipped, {error}", flush=True)
        return None


def prepare(case, folder, mnist):
    """Write the data of a case in a process of its own; returns a note about the data."""
    command = [sys.executable, str(HERE / "data.py"), case, str(folder)]
    subprocess.run(command + (["--mnist", mnist] if mnist else []), check=True)
    return (Path(folder) / "note.txt").read_text(encoding="utf-8")
