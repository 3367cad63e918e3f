"""Tests of crs/health."""
