#!/bin/sh
# Stands for vgchange, mount, umount, fsck and scripts in tests: writes down how
# it was called, and does what the file DO says for such a call.
name=${0##*/}
echo "$name${1:+ }$*" >>"$TRACE"
echo "$name says ${1:-nothing}"
while IFS== read -r call what; do
	[ "$call" != "$name${1:+ }$*" ] || eval "$what"
done <"$DO"
exit 0
