"""Ctrl-C: at a chosen line or instruction of some modules, or after some time."""

import _thread
import os
import signal
import sys
import threading
import time


def interrupted(call, seconds):
    """Call, and send a signal after some seconds; whether it has arrived in the call or just after it."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        call()
        timer.join()
        time.sleep(0.01)
    except KeyboardInterrupt:
        timer.join()
        return True
    return False


class _Raised:
    """Sends the signal without running bytecode, so that it waits for the traced code, as a real one would."""

    __neg__ = _thread.interrupt_main


class Interrupt:
    """Interrupts the calling thread at the n-th event in some modules: at a line, or at an instruction by a signal.

    Python looks at signals between some instructions only, and never between a lock of C and the block under `with`.
    """

    def __init__(self, n, modules, by_signal):
        self.left, self.files, self.by_signal = n, {module.__file__ for module in modules}, by_signal
        self.done = False

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *exception):
        sys.settrace(self.before)

    def _call(self, frame, event, arg):
        if frame.f_code.co_filename not in self.files:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = self.by_signal, not self.by_signal
        return self._at

    def _at(self, frame, event, arg):
        if event == ("opcode" if self.by_signal else "line"):
            self.left -= 1
            if self.left <= 0:
                self.done = True
                sys.settrace(None)  # the next call of this function would look at the signal
                if not self.by_signal:
                    raise KeyboardInterrupt
                -_Raised()
        return self._at
