"""What is sold and at which price: plans, destinations and rates."""
