"""What more samples of a class would bring, from one dump of held-out features."""
