#!/bin/sh
# An external_pre_script: it has nothing to do, and says so.
echo "$1 of ${SG_PACKAGE:-$SG_PACKAGE_NAME}, before the reservations"
