"""Tests of crs/config."""
