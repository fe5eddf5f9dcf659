"""Answers: what every stage says as JSON, one file a stage, alike on every surface.

A stage's module has ``ask`` (lake, instrument, moment, options → the answer) and ``answer`` (values
that were read already → the same answer). Commands, the server and others call these and build none
of their own, so that no two can disagree.
"""
