"""What the estimators are made of: checks at the door, building of networks, the fitted state, containers of output."""
