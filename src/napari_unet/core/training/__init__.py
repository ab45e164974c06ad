"""Training: from annotations to a network, in steps that can be stopped and resumed."""
