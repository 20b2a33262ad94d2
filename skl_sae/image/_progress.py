"""How far the work on an image has come, printed."""


class Progress:
    """Prints a line for every tenth of the work.

    Parameters
    ----------
    what : str
        What is being done.
    verbose : bool
        Whether to print at all.
    """

    def __init__(self, what, verbose):
        self.what, self.verbose, self.tenths = what, verbose, 0

    def __call__(self, share):
        """Hear which share is done."""
        tenths = int(10 * share + 1e-9)
        if self.verbose and tenths > self.tenths:
            self.tenths = tenths
            print(f"{self.what}: {10 * tenths} %")
