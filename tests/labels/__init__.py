"""Tests of labels: what stands where, and how it is written."""
