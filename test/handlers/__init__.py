"""Tests of crs/handlers."""
