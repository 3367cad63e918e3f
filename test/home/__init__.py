"""Tests of crs/home."""
