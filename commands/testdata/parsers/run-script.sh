# The control script of a package, directory by directory.
grep '^package:.*|run_script=' | cut -d= -f2 | awk -F/ '{ print $NF }'
