"""Tests of crs/docs."""
