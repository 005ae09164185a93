#!/bin/sh
# An external_script.
case $1 in
start | stop) echo "$1 of $SG_PACKAGE every $PEV_MONITORING_INTERVAL seconds" ;;
validate) [ -n "$SG_PACKAGE_NAME" ] ;;
*) exit 1 ;;
esac
