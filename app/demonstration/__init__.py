"""The demonstration: real data from installed packages, and its one-time loading."""
