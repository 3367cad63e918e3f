"""Tests of crs/wire."""
