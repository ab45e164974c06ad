"""The same verbs on more than one machine; imports core only."""
