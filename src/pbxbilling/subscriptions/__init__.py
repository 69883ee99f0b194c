"""Follow what tenants buy at a payment gateway, and sell it to them."""
