# The nodes of one package, in order of priority.
sed -n 's/^package:pkg1|node:[^|]*|name=\(.*\)$/\1/p'
