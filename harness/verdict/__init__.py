"""Whether results are what is expected of them, and of the code and params beside them."""
