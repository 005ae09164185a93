# The nodes of the cluster.
grep ^node | grep name= | cut -d= -f2
