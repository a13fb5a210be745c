"""What the sandbox's own servers have in common: a thread to run in, controls, faults, a log of calls, a clock."""
