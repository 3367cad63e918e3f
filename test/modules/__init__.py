"""Tests of crs/modules."""
