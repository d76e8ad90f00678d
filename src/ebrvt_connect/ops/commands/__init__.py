"""The commands of `ebrvt`, one module each; every module's `command` is the click command."""
