"""Networks: what a network is made of, what travels with it, and how foreign ones are taken in."""
