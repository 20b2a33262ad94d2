"""What is trained: the network and its parts, the codes, and the rows of the data on its scale."""
