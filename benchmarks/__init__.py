"""What modelfs costs beside its named peers. The table runs commands; it imports no modelfs."""
