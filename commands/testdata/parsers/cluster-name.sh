# The name of the cluster, as monitoring scripts cut it out.
grep ^name | cut -d= -f2
