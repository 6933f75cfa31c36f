"""What ``benchmarks.read`` is made of: sides, cases, what is counted beside the time, bars."""
