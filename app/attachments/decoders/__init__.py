"""Decoders for files that nobody has looked at yet: run in a child process of their own, never in a server.

This package imports nothing of ours from outside itself, so that the child starts quickly and holds neither a
database nor a secret. :mod:`app.attachments.inspection` starts the child; :mod:`.child` is what runs in it.
"""
