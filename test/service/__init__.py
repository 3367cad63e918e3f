"""Tests of crs/service."""
