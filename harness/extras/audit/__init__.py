"""Which of the numbers that the paper prints can be true together, each with its calculation."""
