# Nodes on which switching is on.
grep '^package:mn|node:' | grep 'switching=enabled$' | awk -F '[:|]' '{ print $4 }'
