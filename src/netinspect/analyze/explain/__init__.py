"""Explanations of failures, one file a family of calls: from the record of a failed call to words.

An explanation states a rule of the call that the recorded sizes break, so it holds whatever torch's own
message says. Where the cause lies in values, which no record keeps, the message must name it. What
nothing here knows is left to torch's message alone.
"""
