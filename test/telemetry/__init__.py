"""Tests of crs/telemetry."""
