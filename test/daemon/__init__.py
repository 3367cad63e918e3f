"""Tests of crs/daemon."""
