"""What is sold, at which price: plans, destinations and rates."""
