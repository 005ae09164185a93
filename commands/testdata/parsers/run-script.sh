# The control script of a package, folder by folder.
grep '^package:.*|run_script=' | cut -d= -f2 | awk -F/ '{ print $NF }'
