"""The convex problem over distinct label sets: several labels a sample, with sigmoids or a softmax."""
