"""One process's event loop: turns for what is ready, timers, stalls, garbage. Nothing of clients or the store."""
