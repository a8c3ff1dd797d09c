"""Byte sources and containers: files, members of zip and tar archives, compressed files, protobuf.

All of `checkpoints` reads files through a `ByteSource` of `source.py`.
"""
