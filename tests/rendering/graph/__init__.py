"""Tests of `netinspect.rendering.graph`."""
