"""The runner: a process that does the driving. It knows the link, never the dispatcher or SQL."""
