"""Tests of crs/loop."""
