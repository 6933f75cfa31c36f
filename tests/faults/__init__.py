"""The fault harness: calls that fail or kill, disks that lose power or fill, and their tally."""
