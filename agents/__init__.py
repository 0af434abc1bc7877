"""What tocsin decides: pure steps over events and state, one package an agent. No clock, no socket, no framework."""
