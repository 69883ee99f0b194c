"""What a site's Asterisk needs so that its calls are judged."""
