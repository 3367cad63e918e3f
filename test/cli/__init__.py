"""Tests of crs/cli."""
