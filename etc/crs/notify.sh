#!/bin/sh
# Run at every system event (manual, chapter 7.1):   notify.sh <unit/modulename> <event>
# As installed it tells syslog. Add what your fault management needs, such as an SNMP trap. It is never waited for, and
# is ended after 10 seconds.
unit=$1
event=$2
if command -v logger >/dev/null 2>&1; then
    logger -t crs -- "$unit: $event"
fi
exit 0
