"""The interface of torchinfo, on traces of netinspect; `netinspect.torchinfo` exports it."""
