"""From a request to a trace: cache lookup, tensor modes with fallbacks, runs at other sizes."""
