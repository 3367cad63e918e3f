"""One file per process of a host; ``crsd --module NAME`` runs ``main(start)`` of the file of that name."""
