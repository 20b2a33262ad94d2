"""Descriptions of units as a page."""
