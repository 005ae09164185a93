# Where a package runs.
grep '^package:pkg1|owner=' | cut -d= -f2
