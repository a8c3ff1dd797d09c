"""The picture of a model: boxes inside of boxes, computed once for every view that draws it.

`trace_calls` reads the calls of a trace, `bodies` lifts the data flow to each level, `grouping` finds
what is one box, `layers` places the boxes in rows, and `build` makes the record `Picture` of it all.
"""
