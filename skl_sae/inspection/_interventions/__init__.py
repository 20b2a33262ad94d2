"""What happens when units are changed."""
