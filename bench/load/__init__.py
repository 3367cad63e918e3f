"""The load: many clients a process, on one epoll loop, as cheap as they can be, for each of the protocols compared."""
