"""Tests of crs/upkeep."""
