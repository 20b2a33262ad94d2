"""The one error of files that cannot be read as a model."""

# Files choose words that stand in errors, some of millions of letters.
LONGEST = 1000


class ModelFileError(ValueError):
    """A file or folder is damaged, is no model, or is a model of a kind that cannot be read. Nothing was executed.

    Parameters
    ----------
    message : str
        What was found, what was expected and what to do; cut off if it is very long.

    Examples
    --------
    >>> from skl_sae.io import ModelFileError, load
    >>> try:
    ...     load("no such folder")
    ... except ModelFileError as error:
    ...     print("no such folder" in str(error))
    True
    """

    def __init__(self, message):
        super().__init__(message if len(message) <= LONGEST else f"{message[:LONGEST]} ...")
