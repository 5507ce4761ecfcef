"""What several commands share: options declared once, and how all of them speak."""
