"""Algorithms that find codes with a dictionary that is fixed, and what they share."""
