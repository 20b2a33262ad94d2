"""A package, so that its fixtures, which are for these tests alone, are another module than those of all tests."""
