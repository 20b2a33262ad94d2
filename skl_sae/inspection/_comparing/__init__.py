"""Two dictionaries, or two data sets, beside each other."""
